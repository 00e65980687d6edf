package page_test

import (
	"testing"
	"time"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/harness"
	"github.com/buntime/keyval/bench/suite/page"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
)

func TestATargetIsMetMissedOrOnlyShown(t *testing.T) {
	t.Parallel()
	own, wrk := ran(harness.Own, harness.Nothing, 0), ran(harness.Wrk, harness.Nothing, 0)
	ours, deno := ran(systems.OnSqld, page.AfterWriting, 0), ran(systems.NameDeno, page.AfterWriting, 0)
	ours.Settings.Extra[page.After], deno.Settings.Extra[page.After] = "5", "5"
	own.Operations[0].Count, ours.Operations[0].Count = 900, 400
	runs := turns.Runs{own, wrk, ours, deno}
	mustHave(t, page.Targets(runs),
		"| the harness on one core, of wrk on the same | at least 0.80 × | 0.90 × (0.90–0.90) | yes |",
		"| GET, sqld, 5 s after PUT, of Deno KV's | to be shown | 0.40 × (0.40–0.40) | – |",
		"| GET, sqld, 10 s after PUT, of Deno KV's | to be shown |  | not measured |")
	own.Operations[0].Count = 700
	mustHave(t, page.Targets(turns.Runs{own, wrk}), "0.70 × (0.70–0.70) | **no** |")
}

func TestAnEventIsToldFromTheAnswerAndFromTheWrite(t *testing.T) {
	t.Parallel()
	run := ran(systems.NameEtcd, systems.Watch, 0)
	run.Operations = []result.Operation{lasting("event", 2), lasting("put", 5), lasting("put and event", 7)}
	mustHave(t, page.Watched(turns.Runs{run}), "| etcd | 1.00 (1.00–1.00) | 2.00 ms | 2.00 ms | 7.00 ms | 7.00 ms |")
}

// lasting is an operation that took so many milliseconds, once.
func lasting(name string, milliseconds int) result.Operation {
	latency := result.NewHistogram()
	latency.Record(time.Duration(milliseconds) * time.Millisecond)
	return result.Operation{Name: name, Count: 1, Latency: latency}
}

func TestEventsThatNeverCameMissATarget(t *testing.T) {
	t.Parallel()
	run := ran(systems.Balanced, systems.Watch, 0)
	run.Operations = []result.Operation{lasting("event", 2)}
	mustHave(t, page.Targets(turns.Runs{run}), "p50 | at most 15 ms | 2.00 ms (2.00 ms–2.00 ms) | yes |")
	run.Operations[0].Failures = map[string]int64{"no_event": 1}
	mustHave(t, page.Targets(turns.Runs{run}), "p50 | at most 15 ms | 2.00 ms (2.00 ms–2.00 ms); 1 of 2 failed | **no** |")
}
