package sqldb_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/buntime/keyval/internal/spans"
	"github.com/buntime/keyval/internal/spans/spanstest"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// doTraced does an operation in a trace of its own, and returns its commit's span.
func doTraced(t *testing.T, r *spanstest.Recorder, db *sqldb.DB, op *sqldb.Op) spanstest.Span {
	t.Helper()
	ctx, request := r.Begin(timeout(t), "request")
	if _, err := db.Do(ctx, op); err != nil {
		t.Fatal(err)
	}
	request.End()
	return r.Await(t, spans.Commit, func(s spanstest.Span) bool {
		return s.SpanContext().TraceID() == request.SpanContext().TraceID()
	})
}

func wantTree(t *testing.T, r *spanstest.Recorder, of spanstest.Span, want string) {
	t.Helper()
	if got, want := strings.TrimSpace(r.Tree(of)), strings.TrimSpace(want); got != want {
		t.Errorf("the trace is\n%s\nwant\n%s", got, want)
	}
}

func TestAnOperationIsTracedToItsStatements(t *testing.T) {
	t.Parallel()
	r := spanstest.New()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t), TracerProvider: r})
	mustDo(t, db, put("other", 1)) // which notes the time
	db.Call(sqldb.Names{cells.Fetch(nil).SQL: "fetch cells"})
	commit := doTraced(t, r, db, add("a", nil))
	r.Await(t, spans.Group, nil) // it ends when all have been answered
	wantTree(t, r, commit, `
request
  commit
    commit group
      begin transaction
      guard the group
      move the sequence
      note the group
      fetch cells
      INSERT cells
      commit transaction`)
	for key, want := range map[string]string{"keyval.operation": "add", "keyval.outcome": "ok"} {
		if got := spanstest.Attribute(commit, key); got != want {
			t.Errorf("the commit's %s is %q, want %q", key, got, want)
		}
	}
	group := r.Named(spans.Group)[0]
	if !spanstest.Links(group, commit) || !spanstest.Links(commit, group) {
		t.Error("the operation and its group are not linked")
	}
	for key, want := range map[string]string{"keyval.group.operations": "1", "keyval.group.try": "1", "keyval.group.wrote": "true"} {
		if got := spanstest.Attribute(group, key); got != want {
			t.Errorf("the group's %s is %q, want %q", key, got, want)
		}
	}
	fetch := r.Named("fetch cells")[0]
	for key, want := range map[string]string{"db.system.name": "sqlite", "db.query.summary": "fetch cells", "db.operation.name": "SELECT", "keyval.database": "primary"} {
		if got := spanstest.Attribute(fetch, key); got != want {
			t.Errorf("the statement's %s is %q, want %q", key, got, want)
		}
	}
}

func TestAGroupIsLinkedWithEachOfItsOperations(t *testing.T) {
	t.Parallel()
	r := spanstest.New()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t), TracerProvider: r})
	release := blockCommitter(t, db)
	const n = 5
	var answers []<-chan answer
	for i := range n {
		ctx, request := r.Begin(timeout(t), "request")
		defer request.End()
		answers = append(answers, start(ctx, db, put(fmt.Sprint("cell", i), 1)))
		waitPending(t, db, i+1)
	}
	untraced := start(timeout(t), db, put("untraced", 1))
	waitPending(t, db, n+1)
	release()
	for _, a := range append(answers, untraced) {
		wantErr(t, receive(t, a), nil)
	}
	r.Await(t, spans.Group, nil) // it ends when all have been answered
	groups, commits := r.Named(spans.Group), r.Named(spans.Commit)
	if len(groups) != 1 || len(commits) != n {
		t.Fatalf("%d groups and %d operations were traced, want 1 and %d", len(groups), len(commits), n)
	}
	if got := spanstest.Attribute(groups[0], "keyval.group.operations"); got != fmt.Sprint(n+1) {
		t.Errorf("the group has %s operations", got)
	}
	for _, commit := range commits {
		if !spanstest.Links(groups[0], commit) || !spanstest.Links(commit, groups[0]) {
			t.Error("an operation and its group are not linked")
		}
	}
}

func TestMergedReadsShareOneSpan(t *testing.T) {
	t.Parallel()
	r := spanstest.New()
	road := newRoadOn(t, open(t, sqldb.Config{PrimaryURL: embeddedURL(t), TracerProvider: r}))
	first := road.get(timeout(t), "first")
	<-road.began
	const n = 3
	var ended []<-chan error
	for i := range n {
		ctx, request := r.Begin(timeout(t), "request")
		defer request.End()
		ended = append(ended, road.get(ctx, fmt.Sprint("key", i)))
		road.awaitWaiting(t, i+1)
	}
	close(road.gate)
	for _, end := range append(ended, first) {
		if err := <-end; err != nil {
			t.Error(err)
		}
	}
	merged, reads := r.Named(spans.Merged), r.Named(spans.Read)
	if len(merged) != 1 || len(reads) != n {
		t.Fatalf("%d readings and %d reads were traced, want 1 and %d", len(merged), len(reads), n)
	}
	for _, read := range reads {
		if !spanstest.Links(merged[0], read) || !spanstest.Links(read, merged[0]) {
			t.Error("a read and the reading are not linked")
		}
	}
}

func TestATraceNamesTheDatabaseAndTellsNoSecrets(t *testing.T) {
	t.Parallel()
	r := spanstest.New()
	primary := nodetest.MustStartPrimary(t)
	open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	replica := nodetest.MustStartReplica(t, primary.GRPCURL())
	db := open(t, sqldb.Config{
		PrimaryURL: primary.HTTPURL(), ReplicaURL: strings.Replace(replica.HTTPURL(), "http://", "http://user:secret@", 1),
		Token: "secret-token", TracerProvider: r})
	doTraced(t, r, db, put("secret cell", 1))
	ctx, request := r.Begin(timeout(t), "request")
	if _, err := db.Replica().Query(ctx, sqldb.Stmt{SQL: "SELECT n FROM cells WHERE name=?", Args: []any{"secret cell"}}); err != nil {
		t.Fatal(err)
	}
	request.End()
	read := r.Await(t, "SELECT cells", nil)
	want := map[string]string{"db.system.name": "libsql", "keyval.database": "replica", "server.address": "127.0.0.1",
		"server.port": replica.Addr()[strings.LastIndex(replica.Addr(), ":")+1:]}
	for key, want := range want {
		if got := spanstest.Attribute(read, key); got != want {
			t.Errorf("the read's %s is %q, want %q", key, got, want)
		}
	}
	batch := r.Await(t, spans.Together, nil)
	if got := spanstest.Attribute(batch, "keyval.database"); got != "primary" {
		t.Errorf("the group was sent to the %s", got)
	}
	if got := spanstest.Attribute(batch, "db.query.summary"); !strings.Contains(got, "move the sequence") {
		t.Errorf("the batch is summed up as %q", got)
	}
	for _, s := range []spanstest.Span{read, batch} {
		if told := fmt.Sprint(s.Name(), s.Attributes(), s.Status(), s.Events()); strings.Contains(told, "secret") {
			t.Errorf("a span tells a secret: %s", told)
		}
	}
}

// refusing is a sampler that samples nothing, and counts how often it is asked.
type refusing struct{ times atomic.Int64 }

func (s *refusing) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	s.times.Add(1)
	return sdktrace.NeverSample().ShouldSample(p)
}

func (*refusing) Description() string { return "refusing" }

func TestWhatNobodyTracesMakesNoSpans(t *testing.T) {
	t.Parallel()
	var asked refusing
	r := spanstest.New(sdktrace.WithSampler(&asked))
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t), TracerProvider: r})
	ctx, request := r.Begin(timeout(t), "request")
	defer request.End()
	for _, ctx := range []context.Context{ctx, timeout(t)} {
		if _, err := db.Do(ctx, put("a", 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Primary().Query(ctx, sqldb.Stmt{SQL: "SELECT n FROM cells"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.times.Load(); n != 1 { // for the request
		t.Errorf("%d spans were asked for, want 1", n)
	}
}
