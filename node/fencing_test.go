package node_test

import (
	"context"
	"errors"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
)

func newLeader(t *testing.T, primary *nodetest.Sqld, name string) (node.HalfNode, uint64) {
	t.Helper()
	cfg := node.DefaultConfig()
	cfg.LibsqlURL = primary.HTTPURL()
	leader, err := node.NewHalfNode(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = leader.Close() })
	epoch, err := leader.TakeEpoch(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return leader, epoch
}

// overdue gives every job something to do.
var overdue = []string{
	`INSERT INTO kv_entries(key,value,versionstamp,expires_at)
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<1200)
SELECT CAST(printf('%08d',n) AS BLOB),'1','00000000000000000000',1 FROM i`,
	`INSERT INTO keyval_changelog SELECT printf('%04x%012x0000',incarnation,txn),CAST('k' AS BLOB),'s' FROM keyval_sequence`,
	`INSERT INTO keyval_idempotency(id,request,versionstamp,created_at) VALUES('old','','',1)`,
	`INSERT INTO keyval_nodes VALUES('gone',1,0,1,1)`,
	`INSERT INTO kv_queue(id,value,ready_at,attempts,status,locked_until,created_at,updated_at,receipt)
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<50)
SELECT printf('00000000-0000-7000-8000-%012d',n),'1',1,1,'processing',1,1,1,'r' FROM i`,
}

// What is left to do, and what was done twice.
const (
	leftSQL = `SELECT (SELECT count(*) FROM kv_entries WHERE expires_at=1)||' '||(SELECT count(*) FROM keyval_idempotency WHERE id='old')||' '||
(SELECT count(*) FROM keyval_nodes WHERE boot_id='gone')||' '||(SELECT count(*) FROM kv_queue WHERE locked_until=1) AS n`
	doneSQL = `SELECT (SELECT count(*) FROM keyval_changelog WHERE op='x')||' '||(SELECT count(DISTINCT key) FROM keyval_changelog WHERE op='x')||' '||
(SELECT count(*) FROM kv_queue WHERE attempts=1 AND status='pending') AS n`
)

func TestTwoLeadersAtOnceChangeNothingTwice(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	old, oldEpoch := newLeader(t, primary, "old")
	current, epoch := newLeader(t, primary, "current")
	for _, sql := range overdue {
		if _, err := primary.Query(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	old.Jobs(t.Context(), oldEpoch, func(job string, err error) {
		if !errors.Is(err, sqldb.ErrFenced) {
			t.Errorf("%s, by the old leader: got %v, want %v", job, err, sqldb.ErrFenced)
		}
	})
	if got, want := text(t, primary, leftSQL), "1200 1 1 50"; got != want {
		t.Fatalf("after the old leader's jobs there are %s left, want %s", got, want)
	}
	// Now both at once, again and again until all is done.
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			old.Jobs(ctx, oldEpoch, func(string, error) {})
		}
	}()
	current.Jobs(t.Context(), epoch, func(job string, err error) {
		if err != nil {
			t.Errorf("%s, by the current leader: %v", job, err)
		}
	})
	stop()
	<-ended
	if got, want := text(t, primary, leftSQL), "0 0 0 0"; got != want {
		t.Errorf("after the current leader's jobs there are %s left, want %s", got, want)
	}
	if got, want := text(t, primary, doneSQL), "1200 1200 50"; got != want {
		t.Errorf("swept, different keys swept, messages released: got %s, want %s", got, want)
	}
}

// text is the one value of a query.
func text(t *testing.T, primary *nodetest.Sqld, sql string) string {
	t.Helper()
	value, err := oneText(t.Context(), primary, sql)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
