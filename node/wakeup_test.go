package node_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// TestWhatOneNodeCommitsWakesTheOthers is also the measurement in
// docs/operations.md: its log tells how long it takes.
func TestWhatOneNodeCommitsWakesTheOthers(t *testing.T) {
	t.Parallel()
	sqld := nodetest.MustStartSqldPair(t)
	config := testnode.NodeConfig(t.TempDir())
	config.LibsqlURL, config.LibsqlReplicaURL = sqld.Primary.HTTPURL(), sqld.Replica.HTTPURL()
	c := testnode.MustStartCluster(t, config, 2)
	writer, other := c.Nodes[0].Client, c.Nodes[1].Client
	times := repetitions(t, 20, 2000)

	t.Run("watch", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		next, stop := iter.Pull2(other.Watch(ctx, api.Key{"watched"}))
		defer stop()
		if _, err, _ := next(); err != nil { // the state at the start
			t.Fatal(err)
		}
		var took []time.Duration
		for range times {
			committed, err := writer.Put(ctx, api.Key{"watched"}, "x")
			if err != nil {
				t.Fatal(err)
			}
			answered := time.Now()
			event, err, ok := next()
			if err != nil || !ok {
				t.Fatalf("the watch ended: %v", err)
			}
			took = append(took, time.Since(answered))
			if event.Versionstamp != committed {
				t.Fatalf("got an event at %s, want %s", event.Versionstamp, committed)
			}
		}
		report(t, "from the answer on one node to the event on another", took)
	})
	t.Run("queue", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		arrived := make(chan time.Time, times)
		worker := make(chan error, 1)
		go func() {
			worker <- other.Consume(ctx, "jobs", func(context.Context, api.Message) error {
				arrived <- time.Now()
				return nil
			})
		}()
		var took []time.Duration
		for range times {
			if _, err := writer.Enqueue(ctx, "jobs", "x"); err != nil {
				t.Fatal(err)
			}
			answered := time.Now()
			took = append(took, max(0, (<-arrived).Sub(answered)))
		}
		report(t, "from the answer to an enqueue on one node to the worker on another", took)
		cancel()
		if err := <-worker; err != nil {
			t.Error(err)
		}
	})
}

// report logs the distribution of durations.
func report(t *testing.T, what string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	t.Logf("%s: p50 %v, p99 %v, worst %v", what, took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}
