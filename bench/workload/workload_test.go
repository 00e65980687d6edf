package workload_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// few are settings for a test of a workload: only what that uses may be set.
func few(name string, urls ...string) workload.Settings {
	s := workload.Defaults()
	s.URLs, s.Prefix, s.Connections = urls, api.Key{"bench", name, 7}, 4
	switch name {
	case "hot-counter", "queue":
	case "watch":
		s.Watchers = 5
	default:
		s.Keys = 300
	}
	return s
}

func mustOpen(t *testing.T, name string, s workload.Settings) workload.Workload {
	t.Helper()
	w, err := workload.Open(name, s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// mustWork makes the i-th worker for the length of a test.
func mustWork(t *testing.T, w workload.Workload, i int) load.Worker {
	t.Helper()
	worker, err := w.Worker(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Close() }) // nothing is lost with it
	return worker
}

// tally counts the parts of operations.
type tally struct {
	mu       sync.Mutex // covers both
	done     map[int]int64
	failures []error
}

func (c *tally) record(operation int, _ time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done[operation]++; err != nil {
		c.failures = append(c.failures, err)
	}
}

// runs is how often a test runs a workload at most until each of its operations has been
// done: a second is short on a machine that has other things to do.
const runs = 20

// mustWorkAndClean prepares a workload, runs it for a second or more, and cleans up. Nothing
// but what is allowed may go wrong.
func mustWorkAndClean(t *testing.T, w workload.Workload, allowed ...string) {
	t.Helper()
	told := 0.0
	if err := w.Prepare(t.Context(), func(done float64) { told = done }); err != nil {
		t.Fatal("prepare:", err)
	}
	if told != 0 && told != 1 {
		t.Errorf("progress ends at %v, want 1", told)
	}
	count := &tally{done: map[int]int64{}}
	for range runs {
		run := mustRun(t, w, count)
		checkNoFailures(t, run, allowed)
		if t.Failed() || len(count.done) == len(run.Operations) {
			break
		}
	}
	for i, name := range w.Operations() {
		if count.done[i] == 0 {
			t.Errorf("%s has never been done", name)
		}
	}
	if len(count.failures) > 0 {
		t.Errorf("parts fail: %v", count.failures)
	}
	if err := w.Clean(t.Context()); err != nil {
		t.Fatal("clean:", err)
	}
}

// mustRun runs a workload for a second and counts its operations and their parts.
func mustRun(t *testing.T, w workload.Workload, count *tally) result.Run {
	t.Helper()
	run, err := load.Run(t.Context(), load.Config{
		Operations: w.Operations(),
		Workers:    4,
		New: func(ctx context.Context, i int) (load.Worker, error) {
			worker, err := w.Worker(ctx, i)
			if r, ok := worker.(workload.Recording); ok {
				r.RecordWith(count.record)
			}
			return worker, err
		},
		Duration: time.Second,
		Failure:  workload.Failure,
	})
	if err != nil {
		t.Fatal("run:", err)
	}
	for i, o := range run.Operations {
		if o.Count > 0 {
			count.done[i] += o.Count
		}
	}
	return run
}

func checkNoFailures(t *testing.T, run result.Run, allowed []string) {
	t.Helper()
	for _, o := range run.Operations {
		for name, n := range o.Failures {
			// What takes more than the run and its grace is a slow machine's.
			if name != load.NotFinished && !slices.Contains(allowed, name) {
				t.Errorf("%s fails %d times: %s", o.Name, n, name)
			}
		}
	}
}

// checkEmpty fails if anything is left but what was there before.
func checkEmpty(t *testing.T, c *client.Client, prefix api.Key) {
	t.Helper()
	left, err := c.Count(t.Context(), api.CountRequest{Prefix: prefix, Consistency: api.Strong})
	if err != nil || left != 0 {
		t.Errorf("%d keys are left, %v", left, err)
	}
	stats, err := c.QueueStats(t.Context(), "")
	if err != nil {
		t.Error(err)
	}
	for name, counts := range stats.Queues {
		if strings.HasPrefix(name, "bench") && counts.Total != 0 {
			t.Errorf("%d messages are left in %q", counts.Total, name)
		}
	}
	indexes, err := c.Indexes(t.Context())
	if err != nil {
		t.Error(err)
	}
	for _, i := range indexes {
		if path, _ := i.Prefix.Path(); strings.HasPrefix(path, "bench") {
			t.Errorf("the index over %s is left", path)
		}
	}
}

func TestEveryWorkloadRunsOnOneNodeAndLeavesNothing(t *testing.T) {
	t.Parallel()
	node := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	if _, err := node.Client.Put(t.Context(), api.Key{"bench"}, 1); err != nil {
		t.Fatal(err)
	}
	for _, d := range workload.All() {
		s := few(d.Name, node.URL())
		if d.Name == "cluster" {
			s.URLs = []string{node.URL(), node.URL() + "/_/plugin-keyval"}
		}
		t.Run(d.Name, func(t *testing.T) {
			var allowed []string
			if d.Name == "atomic" {
				allowed = []string{"conflict"}
			}
			mustWorkAndClean(t, mustOpen(t, d.Name, s), allowed...)
			checkEmpty(t, node.Client, s.Prefix)
		})
	}
	if _, err := node.Client.Get(t.Context(), api.Key{"bench"}); err != nil {
		t.Errorf("a key above the prefix is gone: %v", err)
	}
}

func TestEveryMixRunsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	node := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	for _, letter := range []string{"b", "c", "d", "e", "f"} {
		t.Run(letter, func(t *testing.T) {
			s := few("mixed", node.URL())
			s.Mix, s.Consistency = letter, "strong"
			mustWorkAndClean(t, mustOpen(t, "mixed", s), "conflict")
			checkEmpty(t, node.Client, s.Prefix)
		})
	}
}

func TestSeveralNodesAreReadAndWatchedThroughEachOther(t *testing.T) {
	t.Parallel()
	cluster := testnode.MustStartCluster(t, testnode.NodeConfig(t.TempDir()), 2)
	urls := []string{cluster.Nodes[0].URL(), cluster.Nodes[1].URL()}
	for _, name := range []string{"cluster", "watch"} {
		t.Run(name, func(t *testing.T) {
			s := few(name, urls...)
			mustWorkAndClean(t, mustOpen(t, name, s))
			checkEmpty(t, cluster.Nodes[0].Client, s.Prefix)
		})
	}
}

func TestCleanAfterHalfAPrepareLeavesNothing(t *testing.T) {
	t.Parallel()
	node := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	for _, d := range workload.All() {
		s := few(d.Name, node.URL())
		switch d.Name {
		case "hot-counter", "queue":
			continue // they prepare nothing that could be half
		case "watch":
		case "cluster":
			s.URLs = []string{node.URL(), node.URL() + "/_/plugin-keyval"}
			fallthrough
		default:
			s.Keys = 5000
		}
		t.Run(d.Name, func(t *testing.T) {
			w := mustOpen(t, d.Name, s)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := w.Prepare(ctx, func(float64) { cancel() })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("prepare: %v, want that it was cancelled", err)
			}
			if err := w.Clean(t.Context()); err != nil {
				t.Error("clean:", err)
			}
			checkEmpty(t, node.Client, s.Prefix)
		})
	}
}

func TestWhatIsSomebodyElsesIsLeftAlone(t *testing.T) {
	t.Parallel()
	node := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	ctx, c := t.Context(), node.Client

	if _, err := c.Enqueue(ctx, "mine", 1); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateIndex(ctx, api.Index{Prefix: api.Key{"mine"}, Fields: []string{"text"}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"queue", "search"} {
		s := few(name, node.URL())
		s.Prefix = api.Key{"mine"}
		w := mustOpen(t, name, s)
		if err := w.Prepare(ctx, nil); err == nil || !strings.Contains(err.Error(), "choose another prefix") {
			t.Errorf("%s: prepare: %v, want that it asks for another prefix", name, err)
		}
		if err := w.Clean(ctx); err != nil {
			t.Errorf("%s: clean: %v", name, err)
		}
	}
	if stats, err := c.QueueStats(ctx, "mine"); err != nil || stats.Total != 1 {
		t.Errorf("the queue has %d messages, %v, want 1", stats.Total, err)
	}
	if indexes, err := c.Indexes(ctx); err != nil || len(indexes) != 1 {
		t.Errorf("the indexes are %v, %v, want one", indexes, err)
	}
}

func TestValuesFromTheSmallestToTheLargestAreTaken(t *testing.T) {
	t.Parallel()
	node := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	for _, size := range []int{2, 10, 256 << 10, 1 << 20} {
		for _, name := range []string{"put", "atomic"} {
			s := few(name, node.URL())
			s.Keys, s.ValueBytes = 9, [2]int{size, size}
			w := mustOpen(t, name, s)
			if err := w.Prepare(t.Context(), nil); err != nil {
				t.Fatalf("%s of %d bytes: prepare: %v", name, size, err)
			}
			if _, err := mustWork(t, w, 0).Do(t.Context()); err != nil {
				t.Errorf("%s of %d bytes: %v", name, size, err)
			}
			if err := w.Clean(t.Context()); err != nil {
				t.Errorf("%s of %d bytes: clean: %v", name, size, err)
			}
		}
	}
}

// The queue of a run that was cut off has messages in every state.
func TestCleanRemovesMessagesThatAreTakenOrDead(t *testing.T) {
	t.Parallel()
	node := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	ctx, c := t.Context(), node.Client
	s := few("queue", node.URL())
	s.Prefix = api.Key{"bench"}
	w := mustOpen(t, "queue", s)
	if err := w.Prepare(ctx, nil); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := c.Enqueue(ctx, "bench", 1); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := c.Dequeue(ctx, "bench", client.Max(2), client.Lock(time.Hour))
	if err != nil || len(taken) != 2 {
		t.Fatalf("took %d, %v", len(taken), err)
	}
	if err := c.Nack(ctx, taken[0], client.DeadLetter()); err != nil {
		t.Fatal(err)
	}
	stats, err := c.QueueStats(ctx, "bench")
	if err != nil || stats.Pending != 2 || stats.Processing != 1 || stats.DLQ != 1 {
		t.Fatalf("got %+v, %v", stats, err)
	}
	bounded, cancel := context.WithTimeout(ctx, nodetest.Patience) // less than the lock
	defer cancel()
	if err := w.Clean(bounded); err != nil {
		t.Fatal(err)
	}
	checkEmpty(t, c, s.Prefix)
}

func TestTheSameSeedMakesTheSameEntries(t *testing.T) {
	t.Parallel()
	node := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	values := func(seed uint64) []string {
		s := few("filter", node.URL())
		s.Seed, s.Keys, s.ValueBytes = seed, 1000, [2]int{40, 60}
		w := mustOpen(t, "filter", s)
		if err := w.Prepare(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		entries, err := node.Client.List(t.Context(), api.ListRequest{Prefix: s.Prefix, Limit: s.Keys})
		if err != nil || len(entries) != s.Keys {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		if err := w.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, e := range entries {
			all = append(all, string(e.Value))
		}
		return all
	}
	first, second, other := values(1), values(1), values(2)
	if !slices.Equal(first, second) {
		t.Error("the same seed made other entries")
	}
	if slices.Equal(first, other) {
		t.Error("two seeds made the same entries")
	}
}

func TestAWriteThatWasNotSeenComingIsAConflictOnce(t *testing.T) {
	t.Parallel()
	node := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	s := few("atomic", node.URL())
	s.Keys = 1
	w := mustOpen(t, "atomic", s)
	if err := w.Prepare(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	worker := mustWork(t, w, 0)
	do := func(want string) {
		t.Helper()
		got := ""
		if _, err := worker.Do(t.Context()); err != nil {
			got = workload.Failure(err)
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	do("")
	if _, err := node.Client.Put(t.Context(), append(slices.Clone(s.Prefix), 0), json.RawMessage("1")); err != nil {
		t.Fatal(err)
	}
	do("conflict")
	do("")
}

func TestNobodyMeetsAnotherOnKeysOfItsOwn(t *testing.T) {
	t.Parallel()
	node := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	s := few("atomic", node.URL())
	s.OwnKeys, s.Keys = true, s.Connections+1 // one has two keys
	mustWorkAndClean(t, mustOpen(t, "atomic", s))
}
