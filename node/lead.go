package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/watch"
)

const (
	// compactEvery is how often the change log is looked at: it must not grow far
	// beyond its bounds between two looks. One that finds nothing only reads.
	compactEvery = 10 * time.Second
	// forgetNodesEvery is seldom, because it always writes.
	forgetNodesEvery = time.Hour
)

// A job is leader's work that is done once in every interval. It must be
// harmless when two leaders do it at once: its statements carry the epoch.
type job struct {
	name  string
	every time.Duration
	run   func(ctx context.Context, epoch int64) error
}

func (n *Node) jobs() []job {
	interval := n.cfg.CleanupInterval
	return []job{
		{"sweep expired entries", interval, func(ctx context.Context, epoch int64) error {
			_, err := n.store.Sweep(ctx, epoch)
			return err
		}},
		{"reclaim locks", interval, func(ctx context.Context, epoch int64) error {
			_, err := n.queue.Sweep(ctx, epoch)
			return err
		}},
		{"compact the change log", min(interval, compactEvery), func(ctx context.Context, epoch int64) error {
			_, err := watch.Compact(ctx, n.db, epoch, n.cfg.ChangelogRetention, n.cfg.ChangelogMaxRows)
			return err
		}},
		{"forget answers", interval, n.store.ForgetAnswers},
		{"forget nodes", forgetNodesEvery, n.db.ForgetNodes},
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
	err := j.run(ctx, int64(epoch))
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, sqldb.ErrFenced):
		n.cluster.Fenced(epoch)
	default:
		n.log.Warn("a leader's job failed and is tried again after the interval", "job", j.name, "error", err)
	}
}
