package page_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/page"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
)

// ran is a run of a second with 1,000 operations, so that a program's seconds are the
// milliseconds of one.
func ran(target, measure string, busy float64, programs ...result.Program) result.Run {
	return result.Run{
		Target: target, Workload: measure, Seconds: 1,
		Settings:   result.Settings{Extra: map[string]string{turns.Round: "1"}},
		Operations: []result.Operation{{Count: 1000}},
		CPU:        &result.CPU{Seconds: 1, Busy: busy, Programs: programs},
	}
}

func program(name string, seconds float64) result.Program {
	return result.Program{Name: name, Seconds: seconds}
}

// mustHave reports what a text does not have.
func mustHave(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestTheCostOfARequestIsToldByProgram(t *testing.T) {
	t.Parallel()
	runs := turns.Runs{
		ran(systems.NameEtcd, systems.Get, 1.5, program(turns.Client, 0.2), program("etcd", 0.4)),
		ran(systems.Balanced, systems.Get, 1.9, program(turns.Client, 0.2), program(systems.Replica, 0.1),
			program(systems.Node, 0.3), program(systems.Node, 0.4), program(systems.Balancer, 0.5)),
	}
	mustHave(t, page.Costs(runs, []string{systems.NameEtcd, systems.Balanced}),
		"| GET, µs | client | server | HAProxy | sqld primary | sqld replica | sum",
		"| etcd | 200 | 400 |  |  |  | 600 (600–600) | 1.50 |",
		"| "+systems.Balanced+" | 200 | 700 | 500 |  | 100 | 1,500 (1,500–1,500) | 1.90 |",
	)
}

func TestWhatBoundsThreeNodesIsToldByWhatTookMore(t *testing.T) {
	t.Parallel()
	one := ran(systems.OnSqld, systems.Get, 1.9, program(turns.Client, 0.3), program(systems.Node, 0.5))
	three := ran(systems.Balanced, systems.Get, 1.95, program(turns.Client, 0.2), program(systems.Node, 0.5),
		program(systems.Node, 0.2), program(systems.Balancer, 0.6))
	three.Operations[0].Count = 500
	mustHave(t, page.Bounds(turns.Runs{one, three}, 2),
		"| "+systems.Balanced+" | 500 (500–500) | 0.50 × (0.50–0.50) | 3,000 | 1.95 |",
		"1.95 of 2 cores are in use, so it is the processors that bound it. A GET takes 3,000 µs of them, in place of 800 with one node: HAProxy +1,200, server +900, client +100 µs.",
	)
	three.CPU.Busy = 1
	mustHave(t, page.Bounds(turns.Runs{one, three}, 2), "1.00 of 2 cores are in use, so waiting bounds it as well.")
}

func TestAMachineForEachIsFullByTheBusiestNodeOrWhatStandsAlone(t *testing.T) {
	t.Parallel()
	cluster := func(measure string, balancer float64) result.Run {
		return ran(systems.Balanced, measure, 2, program(systems.Node, 0.1), program(systems.Node, 0.2), program(systems.Node, 0.1),
			program(systems.Replica, 0.3), program(systems.Primary, 0.05), program(systems.Balancer, balancer))
	}
	one := ran(systems.OnSqld, systems.Put, 2, program(systems.Node, 0.1))
	got := page.PerMachine(turns.Runs{one, cluster(systems.Put, 0.4), cluster(systems.Get, 0.4)}, 2)
	mustHave(t, got,
		// All writes at the replica, but a third of the reads.
		"| a node and its replica | 500 | 4,000 | 300 | 6,670 |",
		"| HAProxy | 400 | 5,000 | 400 | 5,000 |",
		"Writes: at 4,000 a second the machine of a node and its replica is full first. That is 4.0 × what",
		"Reads: at 5,000 a second the machine of HAProxy is full first.",
	)
}

func TestWithoutProcessorTimesNothingIsConcluded(t *testing.T) {
	t.Parallel()
	old := ran(systems.Balanced, systems.Put, 2)
	old.CPU = nil
	for _, text := range []string{
		page.Costs(turns.Runs{old}, systems.Names()), page.Bounds(turns.Runs{old}, 2), page.PerMachine(turns.Runs{old}, 2),
	} {
		mustHave(t, text, "Not measured.")
	}
}

// along is a point of a dimension on sqld.
func along(dimension string, at int, count int64, busy float64, programs ...result.Program) result.Run {
	run := ran(systems.OnSqld, systems.Put, busy, programs...)
	run.Operations[0].Count = count
	run.Settings.Extra[page.Along], run.Settings.Extra[page.At] = dimension, strconv.Itoa(at)
	return run
}

// section is that of a name on the page of scaling.
func section(t *testing.T, name string, runs ...result.Run) string {
	t.Helper()
	for _, s := range page.Scaling(result.File{Machine: result.Machine{Cores: 2}, Runs: runs}).Sections {
		if s.Name == name {
			return s.Body
		}
	}
	t.Fatalf("there is no section %s", name)
	return ""
}

func TestACurveBendsWhereTheProcessorsAreFull(t *testing.T) {
	t.Parallel()
	got := section(t, "connections",
		along("connections", 1, 1000, 1, program(systems.Node, 1)),
		along("connections", 8, 4000, 2, program(systems.Node, 2)),
		along("connections", 64, 8000, 2, program(systems.Node, 1.6), program(systems.Primary, 0.4)))
	mustHave(t, got,
		"| 8 | 500 | 2.00 |",
		"- **put, keyval, sqld**: the 2 cores are in use from 8 on. A request gets hardly cheaper from 64 on. ",
		"From 1 to 8 the rate becomes 4.00 ×: 2.00 × the cores that it had, 0.50 × the processor time of a request, of which server has changed most, by −500 µs.",
		"From 8 to 64 the rate becomes 2.00 ×: 1.00 × the cores that it had, 0.50 × the processor time of a request, of which server has changed most, by −300 µs.")
}

func TestACurveThatNeverFillsTheProcessorsWaits(t *testing.T) {
	t.Parallel()
	mustHave(t, section(t, "nodes",
		along("nodes", 1, 1000, 1, program(systems.Node, 1)), along("nodes", 2, 500, 1, program(systems.Node, 1))),
		"the 2 cores are not all in use at the end, where it waits as well. A request gets dearer after 1. From 1 to 2 the rate becomes 0.50 ×: 1.00 × the cores that it had, 2.00 × the processor time")
}

func TestACurveByBytesBendsWhereTheyCostAsMuchAsTheRest(t *testing.T) {
	t.Parallel()
	const count = 10_000
	mustHave(t, section(t, "value",
		along("value", 10, count, 2, program(systems.Node, 1)),
		along("value", 64<<10, count, 2, program(systems.Node, 1+6.5536)),
		along("value", 256<<10, count, 2, program(systems.Node, 1+4*6.5536))),
		"the 2 cores are in use at every point. A request gets dearer after 10 B. From 10 B to 256 KiB", "each byte takes 10.0 ns: as much as all the rest of a request takes, 100 µs, at about 9.77 KiB")
}

func TestTheLargestDatabaseIsShownWhateverItsSize(t *testing.T) {
	t.Parallel()
	filled, put := along("keys", 5_000_000, 1000, 0), along("keys", 5_000_000, 1000, 2, program(systems.Node, 1))
	filled.Workload, filled.CPU, filled.Seconds = page.Fill, nil, 20
	filled.Operations[0].Count = 5_000_000
	mustHave(t, page.Keys(result.File{Runs: []result.Run{filled, put}}).Sections[0].Body,
		"| 5M | 1,000/s | 0.00 ms |", "| 5M | 1,000 | 2.00 |",
		"- keyval, sqld, 5M keys: filled in 20.0 s, a replica included, 250,000 keys a second")
}

func TestWhatThePrimaryAloneCouldDoIsOnPaper(t *testing.T) {
	t.Parallel()
	one := along("nodes", 1, 900, 2)
	one.Target = page.OfNodes
	mustHave(t, section(t, "paper", one,
		along("connections", 8, 500, 2, program(systems.Primary, 0.1)), along("connections", 64, 1000, 2, program(systems.Primary, 0.1))),
		"| W | the most writes a second of one node, its client and sqld's primary and replica on this machine | 1,000/s |",
		"| P | the primary's processor time of a write at W | 100 µs |",
		"| writes of a primary that has such a machine to itself | 2 cores / P | up to 20,000/s |")
}
