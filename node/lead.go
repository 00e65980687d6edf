package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/watch"
)

// compactEvery is how often the change log is looked at: it must not grow far
// beyond its bounds between two looks. One that finds nothing only reads.
const compactEvery = 10 * time.Second

// indexEvery is how often indexes are looked for that nobody has told of, and after which
// building goes on that has failed.
const indexEvery = 10 * time.Second

// A job is leader's work that is done once in every interval. It must be
// harmless when two leaders do it at once: its statements carry the epoch. What only
// removes is a sqldb.Cleanup.
type job struct {
	name  string
	every time.Duration
	// run returns how much it has done, as far as that is counted.
	run func(ctx context.Context, epoch int64) (int64, error)
	// woken begins a run before its time; nil for never.
	woken <-chan struct{}
}

func (n *Node) jobs() []job {
	interval := n.cfg.CleanupInterval
	return []job{
		{name: "sweep expired entries", every: interval, run: n.store.Sweep},
		{name: "reclaim locks", every: interval, run: n.reclaimLocks},
		{name: "forget dedupe ids", every: interval, run: uncounted(n.queue.ForgetDedupeIDs)},
		{name: "compact the change log", every: min(interval, compactEvery), run: n.compact},
		{name: "forget answers", every: interval, run: uncounted(n.store.ForgetAnswers)},
		{name: "forget nodes", every: interval, run: uncounted(n.db.ForgetNodes)},
		{name: "build full-text indexes", every: min(interval, indexEvery), run: n.buildIndexes, woken: n.indexWork},
	}
}

func (n *Node) compact(ctx context.Context, epoch int64) (int64, error) {
	return watch.Compact(ctx, n.db, epoch, n.cfg.ChangelogRetention, n.cfg.ChangelogMaxRows)
}

func (n *Node) reclaimLocks(ctx context.Context, epoch int64) (int64, error) {
	done, err := n.queue.ReclaimLocks(ctx, epoch)
	return int64(done), err
}

// uncounted is a job that does not tell how much it has done.
func uncounted(run func(context.Context, int64) error) func(context.Context, int64) (int64, error) {
	return func(ctx context.Context, epoch int64) (int64, error) { return 0, run(ctx, epoch) }
}

// lead does the leader's jobs side by side, each at once and then in its
// interval, until leadership ends.
func (n *Node) lead(ctx context.Context, epoch uint64) {
	defer n.traceReign(ctx, epoch)()
	var working sync.WaitGroup
	defer working.Wait()
	for _, j := range n.jobs() {
		working.Go(func() { n.repeat(ctx, j, epoch) })
	}
}

func (n *Node) repeat(ctx context.Context, j job, epoch uint64) {
	ticker := time.NewTicker(j.every)
	defer ticker.Stop()
	for {
		n.runJob(ctx, j, epoch)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-j.woken:
		}
	}
}

func (n *Node) runJob(ctx context.Context, j job, epoch uint64) {
	began := time.Now()
	ctx, span := n.beginJob(ctx, j, epoch)
	done, err := j.run(ctx, int64(epoch))
	endJob(ctx, span, done, err)
	n.metrics.ran(j, err, time.Since(began), ctx.Err() != nil)
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, sqldb.ErrFenced):
		n.cluster.Fenced(epoch)
	default:
		n.log.WarnContext(ctx, "a leader's job failed and is tried again after the interval", "job", j.name, "error", err)
	}
}
