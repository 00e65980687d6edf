package node_test

import (
	"context"
	"iter"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/spans"
	"github.com/buntime/keyval/internal/spans/spanstest"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// traced is a node's settings with every span recorded.
func traced(t *testing.T) (node.Config, *spanstest.Recorder) {
	cfg, r := testnode.NodeConfig(t.TempDir()), spanstest.New()
	cfg.TracerProvider = r
	return cfg, r
}

// tracedOnServers is the same on a primary and a replica.
func tracedOnServers(t *testing.T) (node.Config, *spanstest.Recorder) {
	cfg, r := traced(t)
	sqld := nodetest.MustStartSqldPair(t)
	cfg.LibsqlURL, cfg.LibsqlReplicaURL = sqld.Primary.HTTPURL(), sqld.Replica.HTTPURL()
	return cfg, r
}

func mustPut(t *testing.T, n *testnode.Node, key api.Key) {
	t.Helper()
	if _, err := n.Client.Put(t.Context(), key, "a value that is no one's business"); err != nil {
		t.Fatal(err)
	}
}

// sometimes is what a group does once in a while.
var sometimes = regexp.MustCompile(` +(note the time|forget times)\n|(note the time|forget times); `)

// wantTrace compares the tree of a span's trace.
func wantTrace(t *testing.T, r *spanstest.Recorder, of spanstest.Span, want string) {
	t.Helper()
	got := sometimes.ReplaceAllString(r.Tree(of), "")
	if got, want := strings.TrimSpace(got), strings.TrimSpace(want); got != want {
		t.Errorf("the trace is\n%s\nwant\n%s", got, want)
	}
}

// awaitNth waits for the nth span of a name, from 1 on.
func awaitNth(t *testing.T, r *spanstest.Recorder, name string, n int) spanstest.Span {
	t.Helper()
	r.Await(t, name, func(spanstest.Span) bool { return len(r.Named(name)) >= n })
	return r.Named(name)[n-1]
}

// ofTrace is a span of the trace of another one.
func ofTrace(other spanstest.Span) func(spanstest.Span) bool {
	return func(s spanstest.Span) bool { return s.SpanContext().TraceID() == other.SpanContext().TraceID() }
}

func TestAPutIsTracedToItsStatements(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		cfg, r := traced(t)
		mustPut(t, testnode.MustStartNode(t, cfg), api.Key{"a"})
		put := r.Await(t, "PUT /keys/{key}", nil)
		r.Await(t, spans.Group, ofTrace(put))
		wantTrace(t, r, put, `
PUT /keys/{key}
  commit
    commit group
      begin transaction
      guard the group
      move the sequence
      note the group
      write entries
      log changes
      commit transaction`)
	})
	t.Run("servers", func(t *testing.T) {
		t.Parallel()
		cfg, r := tracedOnServers(t)
		mustPut(t, testnode.MustStartNode(t, cfg), api.Key{"a"})
		put := r.Await(t, "PUT /keys/{key}", nil)
		r.Await(t, spans.Group, ofTrace(put))
		wantTrace(t, r, put, `
PUT /keys/{key}
  commit
    commit group
      batch`)
		batch := r.Await(t, spans.Together, ofTrace(put))
		for key, want := range map[string]string{
			"keyval.database":  "primary",
			"db.system.name":   "libsql",
			"db.query.summary": "begin transaction; guard the group; move the sequence; note the group; write entries; log changes; commit transaction",
		} {
			if got := spanstest.Attribute(batch, key); sometimes.ReplaceAllString(got, "") != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
	})
}

func TestAReadNamesTheReplica(t *testing.T) {
	t.Parallel()
	cfg, r := tracedOnServers(t)
	n := testnode.MustStartNode(t, cfg)
	if _, err := n.Client.Get(t.Context(), api.Key{"a"}); err == nil {
		t.Fatal("there is an entry")
	}
	get := r.Await(t, "GET /keys/{key}", nil)
	wantTrace(t, r, get, `
GET /keys/{key}
  read
    merged read
      read entries`)
	statement := r.Await(t, "read entries", ofTrace(get))
	if got := spanstest.Attribute(statement, "keyval.database"); got != "replica" {
		t.Errorf("the %q was asked", got)
	}
}

func TestConcurrentPutsShareTheSpanOfTheirGroup(t *testing.T) {
	t.Parallel()
	cfg, r := traced(t)
	n := testnode.MustStartNode(t, cfg)
	const puts = 64
	var all sync.WaitGroup
	for i := range puts {
		all.Go(func() { mustPut(t, n, api.Key{"many", float64(i)}) })
	}
	all.Wait()
	linked := func() (n int) {
		for _, group := range r.Named(spans.Group) {
			for _, link := range group.Links() {
				for _, commit := range r.Named(spans.Commit) {
					if link.SpanContext.SpanID() == commit.SpanContext().SpanID() && spanstest.Links(commit, group) {
						n++
					}
				}
			}
		}
		return n
	}
	r.Await(t, spans.Group, func(spanstest.Span) bool { return linked() == puts })
	if groups := len(r.Named(spans.Group)); groups >= puts {
		t.Errorf("there were %d groups for %d requests", groups, puts)
	}
}

func TestAWatchEventIsTracedToTheCommit(t *testing.T) {
	t.Parallel()
	cfg, r := tracedOnServers(t)
	cfg.LibsqlReplicaURL = "" // one that is behind is asked first, and then the primary, too
	c := testnode.MustStartCluster(t, cfg, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	next, stop := iter.Pull2(c.Nodes[1].Client.Watch(ctx, api.Key{"watched"}))
	defer stop()
	if _, err, _ := next(); err != nil { // the state at the start
		t.Fatal(err)
	}
	var batch spanstest.Span
	batches := 0
	// A node also looks by itself once a second, which a slow machine may do first.
	await.That(t, "the doorbell brings an event", func() bool {
		mustPut(t, c.Nodes[0], api.Key{"watched"})
		if _, err, ok := next(); err != nil || !ok {
			t.Fatalf("the watch ended: %v", err)
		}
		batches++
		batch = awaitNth(t, r, spans.WatchBatch, batches)
		return batch.Parent().IsValid()
	})
	put := r.Await(t, "PUT /keys/{key}", ofTrace(batch))
	r.Await(t, spans.Group, ofTrace(put))
	r.Await(t, spans.Rung, ofTrace(put))
	wantTrace(t, r, put, `
PUT /keys/{key}
  commit
    commit group
      batch
      doorbell sent
        doorbell received
          watch batch
            read entries for watchers`)
	if got := spanstest.Attribute(batch, "keyval.watched"); got != "1" {
		t.Errorf("the batch had %s changes that are watched", got)
	}
}

func TestLeadershipAndItsJobsAreTraced(t *testing.T) {
	t.Parallel()
	cfg, r := traced(t)
	n := testnode.MustStartNode(t, cfg)
	began := r.Await(t, spans.Election, nil)
	for _, name := range []string{"sweep expired entries", "compact the change log"} {
		job := r.Await(t, spans.Job, func(s spanstest.Span) bool { return spanstest.Attribute(s, "keyval.job") == name })
		if got, want := spanstest.Attribute(job, "keyval.epoch"), spanstest.Attribute(began, "keyval.epoch"); got != want {
			t.Errorf("the job ran in epoch %s, want %s", got, want)
		}
		if len(r.Trace(job.SpanContext().TraceID())) < 2 {
			t.Errorf("%s: no statement was traced", name)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	ended := r.Await(t, spans.Resignation, nil)
	if !spanstest.Links(ended, began) {
		t.Error("the end of leadership is not linked with its beginning")
	}
	if got := spanstest.Attribute(ended, "keyval.cause"); got == "" {
		t.Error("nothing says why leadership ended")
	}
}

func TestAnIdleClusterMakesNoSpansOfDoorbellsAndPolls(t *testing.T) {
	t.Parallel()
	cfg, r := tracedOnServers(t)
	first := testnode.MustStartNode(t, cfg)
	registry := prometheus.NewRegistry()
	cfg.DataDir, cfg.Join = t.TempDir(), []string{first.GossipAddr()}
	cfg.Registerer, cfg.Gatherer = registry, registry
	other := testnode.MustStartNode(t, cfg)
	next, stop := iter.Pull2(other.Client.Watch(t.Context(), api.Key{"watched"}))
	defer stop()
	if _, err, _ := next(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keyval_cluster_doorbells_total", "keyval_watch_log_reads_total"} {
		before := total(t, registry, name)
		await.That(t, name+" grows", func() bool { return total(t, registry, name) >= before+2 })
	}
	for _, name := range []string{spans.Ring, spans.Rung, spans.WatchBatch} {
		if got := len(r.Named(name)); got != 0 {
			t.Errorf("there are %d spans %q", got, name)
		}
	}
}

// total is the sum of a counter over its labels.
func total(t *testing.T, from prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
