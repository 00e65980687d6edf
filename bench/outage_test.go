package bench_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/bench"
	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// An outage has a server go after a second in which it answered, and come back after one in
// which it did not; it ends the series when there is an answer again.
type outage struct {
	stopper
	server *nodetest.FaultProxy
	begun  bool
	ended  bool
	err    error
}

func (o *outage) Running(_ result.Settings, p load.Progress) {
	switch second := p.Second[0]; {
	case !o.begun && second.Count > 0:
		o.begun = true
		o.err = o.server.Refuse()
		o.server.CutConnections()
	case o.begun && !o.ended && second.Failures > 0 && second.Count == 0:
		o.ended = true
		o.err = errors.Join(o.err, o.server.Accept())
	case o.ended && second.Count > 0:
		o.stop()
	}
}

func TestAServerThatGoesIsNotFloodedAndIsMeasuredWhenItIsBack(t *testing.T) {
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	for name, rates := range map[string][]float64{"closed loop": nil, "open loop": {50}} {
		t.Run(name, func(t *testing.T) {
			server := nodetest.MustStartFaultProxy(t, strings.TrimPrefix(n.URL(), "http://"))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cfg := ofPuts(server.HTTPURL())
			o := &outage{stopper: stopper{stop: cancel}, server: server}
			cfg.Connections, cfg.Rates, cfg.Duration, cfg.Observer = []int{4}, rates, time.Hour, o
			runs, err := bench.Run(ctx, cfg)
			if err != nil || o.err != nil || len(runs) != 1 {
				t.Fatalf("got %d runs, %v, %v; want one", len(runs), err, o.err)
			}
			// At once, these would be thousands each second.
			seconds := int64(runs[0].Seconds) + 1
			if got := runs[0].Operations[0].Failures["connection"]; got < 4 || got > 4*(8+2*seconds) {
				t.Errorf("%d failures of 4 connections in %d s", got, seconds)
			}
		})
	}
}
