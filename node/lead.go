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

// A job is leader's work that is done once in every interval. It must be
// harmless when two leaders do it at once: its statements carry the epoch. What only
// removes is a sqldb.Cleanup.
type job struct {
	name  string
	every time.Duration
	run   func(ctx context.Context, epoch int64) error
}

func (n *Node) jobs() []job {
	interval := n.cfg.CleanupInterval
	return []job{
		{"sweep expired entries", interval, uncounted(n.store.Sweep)},
		{"reclaim locks", interval, uncounted(n.queue.ReclaimLocks)},
		{"forget dedupe ids", interval, n.queue.ForgetDedupeIDs},
		{"compact the change log", min(interval, compactEvery), uncounted(n.compact)},
		{"forget answers", interval, n.store.ForgetAnswers},
		{"forget nodes", interval, n.db.ForgetNodes},
	}
}

func (n *Node) compact(ctx context.Context, epoch int64) (int64, error) {
	return watch.Compact(ctx, n.db, epoch, n.cfg.ChangelogRetention, n.cfg.ChangelogMaxRows)
}

// uncounted is a job of which nobody wants to know how much it has done.
func uncounted[N int | int64](run func(context.Context, int64) (N, error)) func(context.Context, int64) error {
	return func(ctx context.Context, epoch int64) error {
		_, err := run(ctx, epoch)
		return err
	}
}

// lead does the leader's jobs side by side, each at once and then in its
// interval, until leadership ends.
func (n *Node) lead(ctx context.Context, epoch uint64) {
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
		}
	}
}

func (n *Node) runJob(ctx context.Context, j job, epoch uint64) {
	began := time.Now()
	err := j.run(ctx, int64(epoch))
	n.metrics.ran(j, err, time.Since(began), ctx.Err() != nil)
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, sqldb.ErrFenced):
		n.cluster.Fenced(epoch)
	default:
		n.log.Warn("a leader's job failed and is tried again after the interval", "job", j.name, "error", err)
	}
}
