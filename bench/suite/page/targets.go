package page

import (
	"fmt"

	"github.com/buntime/keyval/bench/suite/harness"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
)

// target is what must be reached; measured is the median of ratios within rounds, or of what
// else is wanted.
type target struct {
	what, wanted, measured string
	// shown is one that is to be seen, whatever it is.
	known, met, shown bool
}

// Targets is the table of what is wanted, what was measured, and whether that is enough.
func Targets(runs turns.Runs) string {
	var rows [][]string
	for _, t := range targets(runs) {
		met := "not measured"
		switch {
		case t.known && t.shown:
			met = "–"
		case t.known && t.met:
			met = "yes"
		case t.known:
			met = "**no**"
		}
		rows = append(rows, []string{t.what, t.wanted, t.measured, met})
	}
	return table([]string{"", "wanted", "measured: median (range)", "met"}, rows)
}

func targets(runs turns.Runs) []target {
	all := []target{
		share(runs, "atomic with one check, of PUT, embedded", systems.Embedded, systems.Atomic, systems.Embedded, systems.Put, 0.6),
		share(runs, "atomic with one check, of PUT, sqld", systems.OnSqld, systems.Atomic, systems.OnSqld, systems.Put, 0.6),
		atLeast(runs, "lists of 100, embedded", systems.Embedded, systems.List, 2000),
		atLeast(runs, "lists of 100, sqld", systems.OnSqld, systems.List, 400),
		atLeast(runs, "hot counter, sqld", systems.OnSqld, systems.Sum, 5000),
		within(runs, 50, 15), within(runs, 99, 60),
		share(runs, "three nodes behind HAProxy, writes, of one node's", systems.Balanced, systems.Put, systems.OnSqld, systems.Put, 0.45),
		share(runs, "three nodes behind HAProxy, reads, of one node's", systems.Balanced, systems.Get, systems.OnSqld, systems.Get, 0.8),
	}
	for _, peer := range []string{systems.NameEtcd, systems.NameNATS, systems.NameRedis} {
		all = append(all, share(runs, "durable writes, embedded, beside "+peer, systems.Embedded, systems.Put, peer, systems.Put, 1))
	}
	return append(append(all, afterwards(runs)...),
		share(runs, "the harness on one core, of wrk on the same", harness.Own, harness.Nothing, harness.Wrk, harness.Nothing, 0.8))
}

// afterwards is GET after PUT beside Deno KV's, which nobody has set a bound for.
func afterwards(runs turns.Runs) (all []target) {
	for _, delay := range Delays() {
		f := ratioAfter(runs, delay)
		all = append(all, target{
			what: fmt.Sprintf("GET, sqld, %d s after PUT, of Deno KV's", delay), wanted: "to be shown",
			measured: times(f), known: f.Of > 0, shown: true,
		})
	}
	return all
}

func share(runs turns.Runs, what, system, measure, other, otherMeasure string, least float64) target {
	f := runs.Of(system, measure).Ratio(runs.Of(other, otherMeasure))
	return target{what: what, wanted: fmt.Sprintf("at least %.2f ×", least), measured: times(f), known: f.Of > 0, met: f.Median >= least}
}

func atLeast(runs turns.Runs, what, system, measure string, least float64) target {
	f := runs.Of(system, measure).Rate()
	return target{what: what, wanted: "at least " + digits(least) + "/s", measured: rate(f), known: f.Of > 0, met: f.Median >= least}
}

// within is about a commit and its event on another node.
func within(runs turns.Runs, percentile, most float64) target {
	of := runs.Of(systems.Balanced, systems.Watch)
	f := of.Percentile(percentile)
	t := target{
		what:   fmt.Sprintf("commit to event on another node, 1,000 writes/s, 1,000 watchers: p%.0f", percentile),
		wanted: fmt.Sprintf("at most %.0f ms", most), known: f.Of > 0, met: f.Median <= most*1e6,
	}
	if t.known {
		t.measured = fmt.Sprintf("%s (%s–%s)", milliseconds(f.Median), milliseconds(f.Low), milliseconds(f.High))
	}
	// An event that never came is in no percentile.
	t.measured += failures(of)
	if failed, all := of.Failed(); failed > 0 {
		t.met = t.met && float64(failed) < (1-percentile/100)*float64(all)
	}
	return t
}
