package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/node/nodetest"
)

const (
	// deletePage is part of the statement that removes a page of what a delete by filter has
	// found, and of no other.
	deletePage = "'d' FROM keyval_sequence s CROSS JOIN json_each(?1) j"

	// deletedSQL is how often keys were deleted, and how many.
	deletedSQL = "SELECT count(*)||' '||count(DISTINCT key) FROM keyval_changelog WHERE op='d'"
)

// cutDeletes are what happens to the second page of a delete when the primary dies, and
// to what is held of it.
var cutDeletes = []struct {
	name string
	hold func(*nodetest.FaultProxy, []byte) *nodetest.Fault
	then func(*nodetest.Fault)
}{
	{"before it arrives", (*nodetest.FaultProxy).HoldNextRequest, (*nodetest.Fault).Drop},
	{"before it is answered", (*nodetest.FaultProxy).HoldNextAnswer, (*nodetest.Fault).Drop},
	{"before the third is looked for", (*nodetest.FaultProxy).HoldNextAnswer, (*nodetest.Fault).Release},
}

// A repeatedDelete deletes what is to go, and again when the primary is back, until it is
// done. It returns how many entries it was told of.
type repeatedDelete func(t *testing.T, n *nodetest.NodeProcess, back <-chan struct{}) (told int64)

// plainly adds up what each answer says.
func plainly(t *testing.T, n *nodetest.NodeProcess, back <-chan struct{}) (told int64) {
	t.Helper()
	for {
		status, header, body, err := exchange(t, "DELETE", n.URL()+"/keys/docs", `{"where":{"gone":true}}`)
		if err != nil {
			t.Errorf("the delete was not answered: %v", err)
			return told
		}
		var answer struct {
			Code         api.Code `json:"code"`
			DeletedCount int64    `json:"deletedCount"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Error(err)
		}
		told += answer.DeletedCount
		switch {
		case status == 200:
			return told
		case status != 503 || answer.Code != api.Unavailable || header.Get("Retry-After") == "":
			t.Errorf("the delete was answered by %d %s; want 200, or 503 unavailable to be tried again", status, body)
			return told
		}
		t.Logf("the delete was answered by %d %s", status, body)
		<-back
	}
}

func byTheClient(opts ...client.TreeDeleteOption) repeatedDelete {
	return func(t *testing.T, n *nodetest.NodeProcess, _ <-chan struct{}) int64 {
		t.Helper()
		c, err := client.New(n.URL(), client.WithRetry(client.RetryPolicy{MaxAttempts: 1000, MaxElapsed: 2 * time.Minute}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.CloseIdleConnections)
		told, err := c.DeleteTree(t.Context(), documents, append(opts, client.Where(api.Field("gone").Eq(true)))...)
		if err != nil {
			t.Errorf("the delete: %v", err)
		}
		return told
	}
}

func TestADeleteByFilterTakesEachEntryOnceThoughThePrimaryIsKilledMeanwhile(t *testing.T) {
	t.Parallel()
	deletes := map[string]repeatedDelete{
		"plain":              plainly,
		"client":             byTheClient(),
		"client, idempotent": byTheClient(client.IdempotencyKey("once")),
	}
	for _, cut := range cutDeletes {
		t.Run(cut.name, func(t *testing.T) {
			t.Parallel()
			d, proxy := deployBehindProxy(t, 1, "--cleanup-interval", "1s")
			n := d.nodes[0]
			mustIndexDocuments(t, n.Client)
			load := startTraffic(t, 2, editor{Client: n.Client})
			var gone int64
			for name, repeat := range deletes {
				gone += d.deleteWhileThePrimaryIsKilled(t, name, repeat, func() *nodetest.Fault {
					proxy.NoteNextRequest([]byte(deletePage))
					return cut.hold(proxy, []byte(deletePage))
				}, cut.then)
				if got, want := text(t, d.sqld.Primary, deletedSQL), fmt.Sprintf("%d %d", gone, documentsToGo(manyDocuments)); got != want {
					t.Errorf("%s: the change log has deletes and keys %s, want %s", name, got, want)
				}
			}
			load.stop()
			load.mustBeThere(t, editor{Client: n.Client})
			wantExact(t, n.Client)
			wantSound(t, d.sqld.Primary)
		})
	}
}

// deleteWhileThePrimaryIsKilled deletes all that is to go of newly written documents.
func (d *deployment) deleteWhileThePrimaryIsKilled(t *testing.T, name string, repeat repeatedDelete, arm func() *nodetest.Fault, then func(*nodetest.Fault)) (gone int64) {
	t.Helper()
	n := d.nodes[0]
	fillWithDocuments(t, n.Client, manyDocuments)
	held, back, told := arm(), make(chan struct{}), make(chan int64, 1)
	go func() { told <- repeat(t, n, back) }()
	killHeld(t, held, then, n, d.sqld.Primary)
	close(back)
	gone = documentsToGo(manyDocuments)
	if got := <-told; got != gone {
		t.Errorf("%s: %d entries are said to have been deleted, want %d", name, got, gone)
	}
	if got := d.count(t, "SELECT count(*) FROM kv_entries WHERE json_extract(CAST(value AS TEXT),'$.t') LIKE 'first%'"); got != manyDocuments-gone {
		t.Errorf("%s: %d entries are left, want %d", name, got, manyDocuments-gone)
	}
	return gone
}

func TestADeleteByFilterIsFinishedByAnotherNodeAndALatePageTakesNothing(t *testing.T) {
	t.Parallel()
	d, proxy := deployBehindProxy(t, 2, "--cleanup-interval", "1s")
	killed, other := d.nodes[0], d.nodes[1]
	mustIndexDocuments(t, other.Client)
	fillWithDocuments(t, other.Client, manyDocuments)
	erase := byTheClient(client.IdempotencyKey("once"))
	proxy.NoteNextRequest([]byte(deletePage))
	held := proxy.HoldNextRequest([]byte(deletePage))
	begun := make(chan error, 1)
	go func() {
		_, err := killed.Client.DeleteTree(t.Context(), documents, client.IdempotencyKey("once"), client.Where(api.Field("gone").Eq(true)))
		begun <- err
	}()
	nodetest.Check(t, held.Wait(t.Context()))
	nodetest.Check(t, killed.Kill())
	if err := <-begun; err == nil {
		t.Error("a killed node has answered")
	}
	gone := documentsToGo(manyDocuments)
	wantDeleted := func(when string) {
		t.Helper()
		if told := erase(t, other, nil); told != gone {
			t.Errorf("%s: %d entries are said to have been deleted, want %d", when, told, gone)
		}
		if got, want := text(t, d.sqld.Primary, deletedSQL), fmt.Sprintf("%d %d", gone, gone); got != want {
			t.Errorf("%s: the change log has deletes and keys %s, want %s", when, got, want)
		}
	}
	wantDeleted("through another node")

	fillWithDocuments(t, other.Client, manyDocuments) // which match again
	_, answer, err := proxy.Send(t.Context(), onNewStream(held.Request()))
	if err != nil || !bytes.Contains(answer, []byte("constraint failed: stale_read")) {
		t.Errorf("the late page was answered by %.300s, %v; want it refused, as the answer is kept", answer, err)
	}
	held.Release()
	wantDeleted("after the late page")
	wantExact(t, other.Client)
}
