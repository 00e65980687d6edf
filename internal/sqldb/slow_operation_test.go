package sqldb_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

func TestWhatIsSlowIsInTheLogByItsNameAndPlan(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		testSlow(t, embeddedURL(t))
	})
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		testSlow(t, nodetest.MustStartPrimary(t).HTTPURL())
	})
}

func testSlow(t *testing.T, url string) {
	var log lockedText
	db := open(t, sqldb.Config{PrimaryURL: url, SlowOperation: time.Nanosecond,
		Logger: slog.New(slog.NewTextHandler(&log, nil))})
	find := sqldb.Stmt{SQL: "SELECT n FROM cells WHERE name=?", Args: []any{"needle"}}
	db.Call(sqldb.Names{find.SQL: "find a cell"})
	mustDo(t, db, add("needle", nil))
	logged := func(parts ...string) bool {
		for line := range strings.Lines(log.String()) {
			all := true
			for _, part := range parts {
				all = all && strings.Contains(line, part)
			}
			if all {
				return true
			}
		}
		return false
	}
	// It is told without its plan while another one is asked for, and then not again at once.
	await.That(t, "a plan is told", func() bool { return logged("a statement was slow", "plan=") }, log.String)
	for _, want := range [][]string{
		{"an operation was slow", "name=add"},
		{"a group was slow", "operations=1"},
		{"a statement was slow", "database=primary", "rows="},
	} {
		if !logged(want...) {
			t.Errorf("nothing is told of %v:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "needle") {
		t.Errorf("the log has an argument:\n%s", log.String())
	}
}

func TestNothingIsSlowWithoutALimit(t *testing.T) {
	t.Parallel()
	var log lockedText
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	mustDo(t, db, add("a", nil))
	if strings.Contains(log.String(), "slow") {
		t.Errorf("the log says\n%s", log.String())
	}
}
