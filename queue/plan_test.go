package queue_test

import (
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/queue"
)

// What is asked again and again must find its rows by an index, from the first
// to the last one that it needs: then a million waiting messages cost it no more
// than a thousand.
func TestNoStatementScansTheMessages(t *testing.T) {
	const (
		level   = "SEARCH q USING INDEX keyval_queue_due (queue=?)"
		next    = "SEARCH q USING INDEX keyval_queue_due (queue=? AND priority<?)"
		first   = "SEARCH q USING INDEX keyval_queue_due (queue=? AND priority=?)"
		ready   = "SEARCH q USING INDEX keyval_queue_due (queue=? AND priority=? AND <expr><?)"
		later   = "SEARCH q USING INDEX keyval_queue_due (queue=? AND priority=? AND <expr>>?)"
		lockEnd = "SEARCH q USING INDEX keyval_queue_locked (locked_until"
	)
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		type statement struct {
			sql  string
			args []any
			want []string
		}
		statements := map[string]statement{
			"take":    {queue.TakeSQL, []any{`[]`, int64(1), int64(0), int64(1)}, []string{level, next, ready, "SEARCH kv_queue USING INTEGER PRIMARY KEY (rowid=?)"}},
			"taken":   {queue.TakenSQL, []any{"", int64(0), `[]`}, []string{lockEnd + "=?)"}},
			"look":    {queue.LookSQL, []any{`[]`}, []string{level, next, first}},
			"held":    {queue.HeldSQL, []any{`[]`}, []string{"SEARCH q USING INDEX sqlite_autoindex_kv_queue_1 (id=?)"}},
			"stats":   {queue.StatsSQL, nil, []string{level, next, first, later, lockEnd + ">?)"}},
			"expired": {queue.ExpiredSQL, []any{int64(1)}, []string{lockEnd + "<?)"}},
		}
		for name, sql := range queue.RecordSQL {
			statements[name] = statement{sql, []any{`[]`}, []string{"INDEX sqlite_autoindex_kv_queue_1 (id=?)"}}
		}
		for state, want := range map[queue.State][]string{
			"":               {level, next, "SEARCH q USING INDEX keyval_queue_due (queue=? AND priority=? AND <expr>>?)"},
			queue.Ready:      {level, next, "SEARCH q USING INDEX keyval_queue_due (queue=? AND priority=? AND <expr>>? AND <expr><?)"},
			queue.Delayed:    {level, next, later},
			queue.Processing: {lockEnd + ">?)"},
		} {
			args := []any{"q", int64(128), int64(0), int64(0), int64(100), int64(1 << 62)}
			statements["browse "+string(state)] = statement{queue.BrowseSQL[state], append(args[:6:6], int64(1)), want}
			statements["purge "+string(state)] = statement{queue.PurgeableSQL[state], args, want}
		}
		for name, s := range statements {
			rows, err := n.db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "EXPLAIN QUERY PLAN " + s.sql, Args: s.args})
			must(t, err)
			var plan []string
			for _, row := range rows {
				plan = append(plan, row.Text(3))
			}
			text := strings.Join(plan, "\n")
			for _, want := range s.want {
				if !strings.Contains(text, want) {
					t.Errorf("%s: the plan lacks %s:\n%s", name, want, text)
				}
			}
			for _, step := range plan {
				if step == "SCAN q" || step == "SCAN kv_queue" || strings.HasPrefix(step, "SCAN q ") {
					t.Errorf("%s: the plan scans the messages:\n%s", name, text)
				}
			}
		}
	})
}

func TestTheIndexIsOnWhatTheStatementsGoBy(t *testing.T) {
	n := embedded(t).node(t)
	rows, err := n.db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT replace(sql,' ','') FROM sqlite_master WHERE name='keyval_queue_due'"})
	must(t, err)
	for _, sql := range queue.IndexedSQL {
		if index := rows[0].Text(0); !strings.Contains(index, sql) {
			t.Errorf("the index has no %s: %s", sql, index)
		}
	}
}

func TestDelayedMessagesOfHigherPriorityAreInNobodysWay(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		delayed := make([]queue.Enqueue, 1000)
		for i := range delayed {
			delayed[i] = queue.Enqueue{Value: []byte(`"delayed"`), Priority: i%256 - 128, Delay: 3_600_000}
		}
		n.enqueue(delayed...)
		n.enqueue(queue.Enqueue{Value: []byte(`"ready"`), Priority: -128})
		if got := values(n.dequeue(queue.Dequeue{Max: 100})); len(got) != 1 || got[0] != `"ready"` {
			t.Errorf("delivered %v, want the ready one", got)
		}
		if got, want := n.stats("default"), (queue.Counts{Pending: 1000, Delayed: 1000, Processing: 1}); got != want {
			t.Errorf("counts are %+v, want %+v", got, want)
		}
	})
}
