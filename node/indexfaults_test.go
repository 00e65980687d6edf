package node_test

import (
	"bytes"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// buildBatch is part of the statements that index a batch of entries, and of no others.
const buildBatch = "UPDATE keyval_search_indexes AS x SET since=next"

// manyDocuments take a leader seven batches to index.
const manyDocuments = 4000

// holdBatch arms a fault for the batch that comes after so many.
func holdBatch(proxy *nodetest.FaultProxy, done int, hold func(*nodetest.FaultProxy, []byte) *nodetest.Fault) *nodetest.Fault {
	for range done {
		proxy.NoteNextRequest([]byte(buildBatch))
	}
	return hold(proxy, []byte(buildBatch))
}

func TestWhenTheLeaderIsKilledWhileItBuildsAnIndexAnotherGoesOnBesideWrites(t *testing.T) {
	t.Parallel()
	d, proxy := deployBehindProxy(t, 3, "--cleanup-interval", "1s")
	d.awaitVoters(t)
	old, others := d.leader(t)
	before := d.epoch(t)
	fillWithDocuments(t, others[0].Client, manyDocuments)
	held := holdBatch(proxy, 3, (*nodetest.FaultProxy).HoldNextRequest)
	mustIndexDocuments(t, others[0].Client)
	load := startTraffic(t, 4, editor{others[0].Client, manyDocuments})
	nodetest.Check(t, held.Wait(t.Context()))
	nodetest.Check(t, old.Kill())
	if x := documentIndex(t, others[0].Client); x.State != api.StateBuilding || x.Indexed < 1000 {
		t.Errorf("the leader was killed when the index was %s and had %d entries; want it building with three batches", x.State, x.Indexed)
	}
	await.That(t, "another node leads", func() bool { return d.epoch(t) > before })
	awaitDocumentIndex(t, others[1].Client)
	// The late batch of the old leader changes nothing.
	_, answer, err := proxy.Send(t.Context(), onNewStream(held.Request()))
	if err != nil || !bytes.Contains(answer, []byte("constraint failed: fenced")) {
		t.Errorf("the late batch was answered by %.300s, %v; want it refused by its epoch", answer, err)
	}
	held.Release()
	answered := load.answered()
	await.That(t, "writes go on", func() bool { return load.answered() > answered+20 })
	load.stop()
	load.mustNotFail(t)
	load.mustBeThere(t, editor{Client: others[1].Client})
	wantExact(t, others[1].Client)
	wantSound(t, d.sqld.Primary)
}

// lostBatches are what happens when the primary dies: so many batches have been done, and the
// next one has not arrived, or is not answered. The first is of the request that makes the
// index.
var lostBatches = []struct {
	name string
	done int
	hold func(*nodetest.FaultProxy, []byte) *nodetest.Fault
}{
	{"before the index is made", 0, (*nodetest.FaultProxy).HoldNextRequest},
	{"before that is answered", 0, (*nodetest.FaultProxy).HoldNextAnswer},
	{"before a batch arrives", 3, (*nodetest.FaultProxy).HoldNextRequest},
	{"before a batch is answered", 3, (*nodetest.FaultProxy).HoldNextAnswer},
}

// killHeld kills the primary while a fault holds a request or its answer, of which then is
// done, and starts it when the node has met that.
func killHeld(t *testing.T, held *nodetest.Fault, then func(*nodetest.Fault), n *nodetest.NodeProcess, primary *nodetest.Sqld) {
	t.Helper()
	nodetest.Check(t, held.Wait(t.Context()))
	nodetest.Check(t, primary.Kill())
	then(held)
	await.That(t, "the node says that it is not ready", func() bool { return !ready(t.Context(), n.URL()) })
	nodetest.Check(t, primary.Start(t.Context()))
}

func TestAnIndexIsBuiltOnWhenThePrimaryWasKilledMeanwhile(t *testing.T) {
	t.Parallel()
	for _, lost := range lostBatches {
		t.Run(lost.name, func(t *testing.T) {
			t.Parallel()
			d, proxy := deployBehindProxy(t, 1, "--cleanup-interval", "1s")
			c := d.nodes[0].Client
			fillWithDocuments(t, c, manyDocuments)
			load := startTraffic(t, 4, editor{c, manyDocuments})
			held := holdBatch(proxy, lost.done, lost.hold)
			made := make(chan error, 1)
			go func() { made <- indexDocuments(t.Context(), c) }()
			killHeld(t, held, (*nodetest.Fault).Drop, d.nodes[0], d.sqld.Primary)
			nodetest.Check(t, <-made)
			awaitDocumentIndex(t, c)
			answered := load.answered()
			await.That(t, "writes go on", func() bool { return load.answered() > answered+20 })
			load.stop()
			load.mustBeThere(t, editor{Client: c})
			wantExact(t, c)
			wantSound(t, d.sqld.Primary)
		})
	}
}
