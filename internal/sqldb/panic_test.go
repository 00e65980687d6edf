package sqldb_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// lockedRead has an operation read under the lock.
func lockedRead(op *sqldb.Op, found func([][]sqldb.Row)) *sqldb.Op {
	op.Locked = &sqldb.LockedRead{Stmts: []sqldb.Stmt{{SQL: "SELECT 1"}}, Found: found}
	return op
}

// broken is an operation that stages a row and does something in SQL, and panics.
func broken(breaks func(*sqldb.Op)) *sqldb.Op {
	op := run("INSERT INTO cells VALUES ('in SQL',1,'')")
	op.Apply = func(tx *sqldb.Tx) error {
		cells.Put(tx, "broken", cell{n: 1})
		return nil
	}
	breaks(op)
	return op
}

// brokenTable is the table of cells with a function that panics.
func brokenTable(breaks func(*sqldb.Table[cell])) *sqldb.Table[cell] {
	table := *cells
	breaks(&table)
	return &table
}

// bug is what panics, and what the log names.
func bug() { panic("a bug") }

// panics counts the operations that have panicked.
func panics(t *testing.T, metrics *prometheus.Registry) (n float64) {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "keyval_operation_panics_total" {
			n += f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return n
}

// wantOnePanic checks what an operation that panicked was answered, and what an operator
// sees of it.
func wantOnePanic(t *testing.T, a answer, log *bytes.Buffer, metrics *prometheus.Registry) {
	t.Helper()
	if a.err == nil || !strings.Contains(a.err.Error(), "a bug") {
		t.Errorf("who panics is answered %v", a.err)
	}
	if n := panics(t, metrics); n != 1 {
		t.Errorf("%v panics are counted, want 1", n)
	}
	if n := strings.Count(log.String(), "sqldb_test.bug("); n != 1 {
		t.Errorf("the log has %d stacks, want 1:\n%s", n, log)
	}
}

func TestAnOperationThatPanicsFailsAlone(t *testing.T) {
	t.Parallel()
	scan := brokenTable(func(c *sqldb.Table[cell]) {
		c.Scan = func(sqldb.Row) (cell, error) { bug(); return cell{}, nil }
	})
	write := brokenTable(func(c *sqldb.Table[cell]) {
		c.Write = func([]sqldb.Change[cell]) []sqldb.Stmt { bug(); return nil }
	})
	for name, breaks := range map[string]func(*sqldb.Op){
		"when it stages its rows": func(op *sqldb.Op) {
			stage := op.Apply
			op.Apply = func(tx *sqldb.Tx) error { defer bug(); return stage(tx) }
		},
		"when it is told what was read under the lock": func(op *sqldb.Op) {
			lockedRead(op, func([][]sqldb.Row) { bug() })
		},
		"when its statements are made": func(op *sqldb.Op) {
			op.InSQL.Exec = func(int) []sqldb.Stmt { bug(); return nil }
		},
		"when the statement for its outcome is made": func(op *sqldb.Op) {
			op.InSQL.Outcome = func(string, int) sqldb.Stmt { bug(); return sqldb.Stmt{} }
		},
		"when its row is read": func(op *sqldb.Op) { op.Reads = []sqldb.Ref{scan.Ref("there")} },
		"when its row is written": func(op *sqldb.Op) {
			op.Apply = func(tx *sqldb.Tx) error { write.Put(tx, "broken", cell{n: 1}); return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEachDatabase(t, func(t *testing.T, url string) { panicsAmongNeighbours(t, url, broken(breaks)) })
		})
	}
}

// panicsAmongNeighbours has an operation panic in the middle of a group.
func panicsAmongNeighbours(t *testing.T, url string, broken *sqldb.Op) {
	t.Helper()
	log, metrics := new(bytes.Buffer), prometheus.NewRegistry()
	db := open(t, sqldb.Config{PrimaryURL: url, Logger: slog.New(slog.NewTextHandler(log, nil)), Registerer: metrics})
	mustDo(t, db, put("there", 1))
	release := blockCommitter(t, db)
	var answers []<-chan answer
	for i, op := range []*sqldb.Op{add("n", nil), add("n", nil), broken, add("n", nil), add("m", nil)} {
		if broken.Locked != nil && op != broken {
			lockedRead(op, func([][]sqldb.Row) {}) // or it would not be in the same group
		}
		answers = append(answers, start(timeout(t), db, op))
		waitPending(t, db, i+1)
	}
	release()
	for i, a := range answers {
		if i != 2 {
			wantErr(t, receive(t, a), nil)
		}
	}
	a := receive(t, answers[2])
	mustDo(t, db, add("n", nil)) // the node lives
	wantOnePanic(t, a, log, metrics)
	for name, want := range map[string]int64{"n": 4, "m": 1, "broken": 0, "in SQL": 0} {
		wantValue(t, db, name, want)
	}
}

func TestAnOperationThatPanicsWhileALostAnswerIsFoundOutFailsAlone(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	proxy := nodetest.MustStartFaultProxy(t, primary.Addr())
	t.Cleanup(func() { _ = proxy.Heal() })
	log, metrics := new(bytes.Buffer), prometheus.NewRegistry()
	db := open(t, sqldb.Config{PrimaryURL: proxy.HTTPURL(), Logger: slog.New(slog.NewTextHandler(log, nil)), Registerer: metrics})
	release := blockCommitter(t, db)
	neighbour := start(timeout(t), db, run("INSERT INTO cells VALUES ('neighbour',1,'')"))
	waitPending(t, db, 1)
	last := start(timeout(t), db, broken(func(op *sqldb.Op) {
		op.InSQL.Returning = true // so that it is not asked before
		op.InSQL.Outcome = func(string, int) sqldb.Stmt { bug(); return sqldb.Stmt{} }
	}))
	waitPending(t, db, 2)
	fault := proxy.CutNextAnswer(commitBatch)
	release()
	wait(t, fault)
	if a := receive(t, neighbour); a.err != nil || len(a.commit.Rows) != 1 {
		t.Errorf("the neighbour is answered %v, %v", a.commit.Rows, a.err)
	}
	a := receive(t, last)
	mustDo(t, db, add("n", nil)) // the node lives
	wantOnePanic(t, a, log, metrics)
	wantValue(t, db, "neighbour", 1)
}

func TestAReadThatPanicsFailsAlone(t *testing.T) {
	t.Parallel()
	log, metrics := new(bytes.Buffer), prometheus.NewRegistry()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t), Logger: slog.New(slog.NewTextHandler(log, nil)), Registerer: metrics})
	begun, gate := make(chan struct{}, 100), make(chan struct{})
	merged := sqldb.NewCoalescer(db, func(_ context.Context, _ sqldb.Reader, keys []string) ([]string, sqldb.Position, error) {
		begun <- struct{}{}
		<-gate
		if slices.Contains(keys, "broken") {
			bug()
		}
		return keys, "", nil
	})
	get := func(key string) <-chan answer {
		answers := make(chan answer, 1)
		go func() {
			_, _, err := merged.Get(timeout(t), sqldb.Freshness{}, []string{key})
			answers <- answer{err: err}
		}()
		return answers
	}
	first := get("first")
	<-begun
	neighbours := []<-chan answer{first, get("one")}
	await.That(t, "one waits", func() bool { return sqldb.Waiting(merged) == 1 })
	last := get("broken")
	await.That(t, "two wait", func() bool { return sqldb.Waiting(merged) == 2 })
	neighbours = append(neighbours, get("three"))
	await.That(t, "three wait", func() bool { return sqldb.Waiting(merged) == 3 })
	close(gate)
	for i, a := range neighbours {
		if err := receive(t, a).err; err != nil {
			t.Errorf("neighbour %d is answered %v", i, err)
		}
	}
	wantOnePanic(t, receive(t, last), log, metrics)
	wantErr(t, receive(t, get("after")), nil) // the node lives
}
