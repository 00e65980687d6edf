package node

import (
	"context"
	"errors"
	"sync"

	"github.com/buntime/keyval/internal/sleep"
)

// Stop drains the node and stops it, in an order in which no request meets a
// part that is gone. When ctx ends, what is left is cut short. Twice is safe.
func (n *Node) Stop(ctx context.Context) error {
	n.stopping.Do(func() { n.stopErr = n.stop(ctx) })
	return n.stopErr
}

// abandon stops a node that has nothing to drain.
func (n *Node) abandon(ctx context.Context) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_ = n.Stop(ended)
}

func (n *Node) stop(ctx context.Context) error {
	// The parts that use what is read again are there for a little longer.
	if n.secrets != nil {
		n.secrets.stop()
	}
	// The load balancer is to see /readyz fail while everything still works.
	if n.api != nil {
		n.api.Drain()
		// Another leader begins meanwhile: draining may take long.
		var handing sync.WaitGroup
		if ctx.Err() == nil {
			handing.Go(n.cluster.HandOver)
		}
		sleep.For(ctx, n.cfg.DrainDelay)
		handing.Wait()
		// Streams have no end of their own; their clients go elsewhere, and
		// so do messages that were taken for them.
		n.api.EndWaits()
	}
	if n.changes != nil {
		n.changes.Close()
	}
	if n.queue != nil {
		n.queue.Close()
	}
	// Requests in flight end; a new one cannot come.
	var err error
	if n.server != nil {
		err = n.shutdown(ctx)
	} else if n.listener != nil {
		err = n.listener.Close()
	}
	// The leader's jobs write: they end before the database closes.
	if n.cluster != nil {
		err = errors.Join(err, n.cluster.Close(ctx))
	}
	n.keeper.close()
	close(n.stopped)
	n.serving.Wait()
	if n.ownsDB {
		err = errors.Join(err, n.db.Close())
	}
	// Last, because profiles show what a stop waits for.
	return errors.Join(err, n.profiler.close())
}

// shutdown lets requests end for as long as the settings allow.
func (n *Node) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.DrainTimeout)
	defer cancel()
	if err := n.server.Shutdown(ctx); err != nil {
		n.log.Warn("requests were cut off", "error", err)
		return n.server.Close()
	}
	return nil
}
