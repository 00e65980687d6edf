package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
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
	`INSERT INTO keyval_dedupe VALUES('default/old','','',1)`,
	`INSERT INTO kv_queue(id,value,ready_at,attempts,status,locked_until,created_at,updated_at,receipt)
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<50)
SELECT printf('00000000-0000-7000-8000-%012d',n),'1',1,1,'processing',1,1,1,'r' FROM i`,
	`INSERT INTO keyval_search_indexes VALUES('dropped','','[]','[]','unicode61','dropping',0,'','',0)`,
}

// What is left to do, and what was done twice.
const (
	leftSQL = `SELECT (SELECT count(*) FROM kv_entries WHERE expires_at=1)||' '||(SELECT count(*) FROM keyval_idempotency WHERE id='old')||' '||
(SELECT count(*) FROM keyval_nodes WHERE boot_id='gone')||' '||(SELECT count(*) FROM keyval_dedupe)||' '||(SELECT count(*) FROM kv_queue WHERE locked_until=1)||' '||
(SELECT count(*) FROM keyval_search_indexes) AS n`
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
	if got, want := text(t, primary, leftSQL), "1200 1 1 1 50 1"; got != want {
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
	if got, want := text(t, primary, leftSQL), "0 0 0 0 0 0"; got != want {
		t.Errorf("after the current leader's jobs there are %s left, want %s", got, want)
	}
	if got, want := text(t, primary, doneSQL), "1200 1200 50"; got != want {
		t.Errorf("swept, different keys swept, messages released: got %s, want %s", got, want)
	}
}

// sweptTwiceSQL counts the keys whose expiry was reported more than once. Each test
// writes a key once.
const sweptTwiceSQL = `SELECT count(*) FROM (SELECT 1 FROM keyval_changelog WHERE op='x' GROUP BY key HAVING count(*)>1)`

// text is the one value of a query.
func text(t *testing.T, primary *nodetest.Sqld, sql string) string {
	t.Helper()
	value, err := oneText(t.Context(), primary, sql)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// sweepBatch is part of the statement with which a leader sweeps expired entries,
// and of no other.
const sweepBatch = `,x.key,'x' FROM (`

func TestASweepThatArrivesAfterTheNextLeaderBeganChangesNothing(t *testing.T) {
	t.Parallel()
	d, proxy := deployBehindProxy(t, 3, "--cleanup-interval", "1s")
	d.awaitVoters(t)
	old, others := d.leader(t)
	before := d.epoch(t)

	// The leader is stopped when it has sent its sweep and sqld has not got it.
	held := proxy.HoldNextRequest([]byte(sweepBatch))
	const keys = 20
	expire(t, others[0], "first", keys)
	nodetest.Check(t, held.Wait(t.Context()))
	nodetest.Check(t, old.Pause())
	boot, last := d.lastGroup(t, held.Request())
	await.That(t, "another node leads and has swept", func() bool {
		return d.epoch(t) > before && d.overdue(t) == 0
	})
	after := d.epoch(t)

	// Its sweep arrives when there is more to sweep again. Had it changed
	// anything, it would count as the node's next group.
	expire(t, others[0], "second", keys)
	await.That(t, "they have expired", func() bool { return d.overdue(t) > 0 || d.swept(t) == 2*keys })
	_, answer, err := proxy.Send(t.Context(), onNewStream(held.Request()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(answer, []byte("constraint failed: fenced")) {
		t.Errorf("the late sweep was answered by %s; want it refused by its epoch", answer)
	}
	if _, now := d.lastGroup(t, held.Request()); now != last {
		t.Errorf("the late sweep of node %s was done: its last group was %d, is %d", boot, last, now)
	}
	held.Release()
	nodetest.Check(t, old.Resume())
	d.awaitWhole(t)
	await.That(t, "everything has been swept", func() bool { return d.swept(t) == 2*keys && d.overdue(t) == 0 })
	if twice := d.count(t, sweptTwiceSQL); twice != 0 {
		t.Errorf("%d keys were swept more than once", twice)
	}
	if now := d.epoch(t); now != after {
		t.Errorf("the epoch went on from %d to %d after the old leader woke up; want no change", after, now)
	}
}

// deployBehindProxy starts so many nodes that reach a primary through a proxy.
func deployBehindProxy(t *testing.T, nodes int, flags ...string) (*deployment, *nodetest.FaultProxy) {
	t.Helper()
	d := &deployment{sqld: &nodetest.SqldPair{Primary: nodetest.MustStartPrimary(t)}}
	proxy := nodetest.MustStartFaultProxy(t, d.sqld.Primary.Addr())
	for i := range nodes {
		config := nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: proxy.HTTPURL(), Flags: flags}
		if i > 0 {
			config.Join = []string{d.nodes[0].GossipAddr()}
		}
		d.nodes = append(d.nodes, nodetest.MustStartNodeProcess(t, config))
	}
	d.awaitWhole(t)
	return d, proxy
}

// baton is what continues a stream of sqld's.
var baton = regexp.MustCompile(`"baton":"[^"]*"`)

// onNewStream is the request as the first of its stream, with as many bytes. sqld forgets
// a stream of which it has heard nothing for 10 s, and would refuse the request for that.
func onNewStream(request []byte) []byte {
	return baton.ReplaceAllFunc(request, func(old []byte) []byte {
		return fmt.Appendf(nil, "%-*s", len(old), `"baton":null`)
	})
}

// expire writes so many entries that expire soon, through the node.
func expire(t *testing.T, n *nodetest.NodeProcess, prefix string, keys int) {
	t.Helper()
	for i := range keys {
		if _, err := n.Client.Put(t.Context(), api.Key{prefix, fmt.Sprint(i)}, i, client.ExpireIn(100*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
}

// lastGroup is the boot whose request this is, and its last group.
func (d *deployment) lastGroup(t *testing.T, request []byte) (boot string, group int64) {
	t.Helper()
	for i := range d.count(t, "SELECT count(*) FROM keyval_nodes") {
		boot = text(t, d.sqld.Primary, fmt.Sprintf("SELECT boot_id FROM keyval_nodes ORDER BY boot_id LIMIT 1 OFFSET %d", i))
		if bytes.Contains(request, []byte(boot)) {
			return boot, d.count(t, "SELECT last_group FROM keyval_nodes WHERE boot_id='"+boot+"'")
		}
	}
	t.Fatalf("no node's boot is in the request:\n%s", request)
	return "", 0
}

// overdue is how many expired entries are there.
func (d *deployment) overdue(t *testing.T) int64 {
	t.Helper()
	return d.count(t, "SELECT count(*) FROM kv_entries WHERE expires_at<="+clockSQL)
}

// swept is how many entries were reported as expired.
func (d *deployment) swept(t *testing.T) int64 {
	t.Helper()
	return d.count(t, "SELECT count(*) FROM keyval_changelog WHERE op='x'")
}
