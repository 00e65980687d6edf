package bench_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/bench"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// A restart has a server go when a series is to be cleaned up, and come back when that is known
// to be in trouble.
type restart struct {
	stopper
	server *nodetest.FaultProxy
	told   []bench.Cleaning
	err    error
}

func (r *restart) Cleaning(c bench.Cleaning) {
	if r.told = append(r.told, c); len(r.told) == 1 {
		r.err = r.server.Refuse()
		r.server.CutConnections()
	}
	if c.Trouble != nil {
		r.err = errors.Join(r.err, r.server.Accept())
	}
}

func TestACleaningThatFailsIsTriedAgain(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	server := nodetest.MustStartFaultProxy(t, strings.TrimPrefix(n.URL(), "http://"))
	r := &restart{stopper: stopper{stop: func() {}}, server: server}
	cfg := ofPuts(server.HTTPURL())
	cfg.Observer = r
	runs, err := bench.Run(t.Context(), cfg)
	if err != nil || r.err != nil || len(runs) != 1 {
		t.Fatalf("got %d runs, %v, %v; want one", len(runs), err, r.err)
	}
	if len(r.told) < 2 || r.told[0].Trouble != nil || r.told[0].Interrupted || !strings.Contains(r.told[0].ByHand, "curl -X DELETE") {
		t.Errorf("one was told %+v", r.told)
	}
	if left := mustListKeys(t, n.Client); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Impatient ends a series while it is cleaned up.
type impatient struct {
	stopper
	held *nodetest.Fault
	told []bench.Cleaning
}

func (i *impatient) Cleaning(c bench.Cleaning) {
	if i.told = append(i.told, c); c.Interrupted {
		i.held.Release()
	}
}

func TestWhoInterruptsACleaningIsToldWhatThatLeaves(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	server := nodetest.MustStartFaultProxy(t, strings.TrimPrefix(n.URL(), "http://"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	i := &impatient{stopper: stopper{stop: func() {}}, held: server.HoldNextRequest([]byte("DELETE /keys"))}
	go func() {
		<-i.held.Happened()
		cancel()
	}()
	cfg := ofPuts(server.HTTPURL())
	cfg.Observer = i
	if runs, err := bench.Run(ctx, cfg); err != nil || len(runs) != 1 || runs[0].Interrupted {
		t.Errorf("got %+v, %v; want one whole run", runs, err)
	}
	if len(i.told) != 2 || i.told[0].Interrupted || !i.told[1].Interrupted {
		t.Errorf("one was told %+v, want of the beginning and of the interruption", i.told)
	}
	if left := mustListKeys(t, n.Client); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAServerThatNeverAnswersIsNotWaitedFor(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // and accepts nobody
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	cfg := ofPuts("http://" + silent.Addr().String())
	cfg.AnswerTime = 50 * time.Millisecond
	if _, err := bench.Run(t.Context(), cfg); err == nil || !strings.HasSuffix(err.Error(), "does not answer within 50ms") {
		t.Errorf("got %v, want that nobody answers", err)
	}
}
