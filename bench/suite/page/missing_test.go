package page_test

import (
	"strings"
	"testing"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/page"
	"github.com/buntime/keyval/bench/suite/profile"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
)

// mustNotHave reports what a text has.
func mustNotHave(t *testing.T, text string, unwanted ...string) {
	t.Helper()
	for _, no := range unwanted {
		if strings.Contains(text, no) {
			t.Errorf("%q is in\n%s", no, text)
		}
	}
}

// failing is a run in which nothing succeeded.
func failing(target, measure string) result.Run {
	run := ran(target, measure, 1.9, program(turns.Client, 0.3), program(systems.Node, 0.5))
	run.Operations[0].Count, run.Operations[0].Failures = 0, map[string]int64{"connection": 7}
	return run
}

func TestOfARunInWhichNothingSucceededThereIsNoCost(t *testing.T) {
	t.Parallel()
	good := func(target, measure string) result.Run {
		return ran(target, measure, 1.9, program(turns.Client, 0.3), program(systems.Node, 0.5))
	}
	for _, runs := range []turns.Runs{
		{good(systems.OnSqld, systems.Put), good(systems.OnSqld, systems.Get), failing(systems.Balanced, systems.Put), failing(systems.Balanced, systems.Get)},
		{failing(systems.OnSqld, systems.Put), failing(systems.OnSqld, systems.Get), good(systems.Balanced, systems.Put), good(systems.Balanced, systems.Get)},
		{good(systems.Balanced, systems.Put), good(systems.Balanced, systems.Get)},
	} {
		mustNotHave(t, page.Bounds(runs, 2), "takes 0", "place of 0", "Inf", "NaN")
		mustNotHave(t, page.PerMachine(runs, 2), "Inf", "NaN")
	}
}

func TestWhereNothingSucceededThereIsNoLatency(t *testing.T) {
	t.Parallel()
	runs := turns.Runs{failing(systems.Embedded, systems.Watch), failing(systems.Embedded, systems.Put), failing(systems.Embedded, systems.Filter)}
	const failed = "0.00 (0.00–0.00); 7 of 7 failed |  |  |"
	mustHave(t, page.Watched(runs), failed)
	mustHave(t, page.Comparison(runs, []string{systems.Embedded}, nil), failed)
	content := page.Performance(result.File{Runs: runs})
	mustHave(t, content.Sections[len(content.Sections)-1].Body, failed)
	along := failing(systems.Embedded, systems.Put)
	along.Settings.Extra[page.Along], along.Settings.Extra[page.At] = "keys", "1000"
	mustNotHave(t, page.Keys(result.File{Runs: turns.Runs{along}}).Sections[0].Body, "0.00 ms")
}

func TestWhatWasNotProfiledCostsNothingThatIsKnown(t *testing.T) {
	t.Parallel()
	embedded := ran(systems.Embedded, page.Profiled, 1)
	embedded.Settings.Extra[profile.Names()[0]] = "1500"
	both := turns.Runs{embedded, failing(systems.OnSqld, page.Profiled)}
	mustHave(t, page.Spent(both), "| µs of the node's processor time for a GET | keyval, embedded |\n", "| **in all** | **1.5** |")
	if got := page.Spent(nil); got != "Not measured." {
		t.Errorf("of nothing: got\n%s", got)
	}
}

func TestOnPaperMachinesAreRoundedUpAndNeverInfinite(t *testing.T) {
	t.Parallel()
	along := func(target, measure, dimension, at string, count int64) result.Run {
		run := ran(target, measure, 1)
		run.Operations[0].Count = count
		run.Settings.Extra[page.Along], run.Settings.Extra[page.At] = dimension, at
		return run
	}
	paper := func(runs ...result.Run) string {
		return page.Paper(append(turns.Runs{
			along(page.OfNodes, systems.Put, "nodes", "1", 100),
			along(systems.OnSqld, systems.Put, "connections", "64", 100),
		}, runs...), 2)
	}
	// Of 200 requests 100 write; 100 reads are what one machine can.
	mustHave(t, paper(along(systems.OnSqld, systems.Get, "connections", "64", 100), along(page.OfNodes, systems.Get, "nodes", "1", 100)),
		"| ⌈(1 − 0.50) × 200 / R⌉ | 1 |")
	mustNotHave(t, paper(), "R", "Inf", "⌈")
}

func TestTheFillingOfADatabaseIsNoRound(t *testing.T) {
	t.Parallel()
	turn, fill := ran(systems.OnSqld, systems.Put, 0), ran(systems.OnSqld, page.Fill, 0)
	turn.Seconds, fill.Seconds = 2, 90
	delete(fill.Settings.Extra, turns.Round)
	mustHave(t, page.Machine(result.File{Runs: turns.Runs{fill, turn}}), "Rounds: 1, of 2.0 s")
}
