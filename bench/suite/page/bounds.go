package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
)

// full is the share of the processors from which on they are all in use.
const full = 0.9

// steps are the shapes between one node and three behind HAProxy.
func steps() []string {
	return []string{systems.OnSqld, systems.OneBalanced, systems.ThreeNodes, systems.Balanced}
}

// requests are what steps are compared by.
func requests() []column {
	return []column{{systems.Put, "PUT", "writes"}, {systems.Get, "GET", "reads"}}
}

// Bounds is what three nodes behind HAProxy are bound by, on a machine with so many cores.
func Bounds(runs turns.Runs, cores int) string {
	var b strings.Builder
	for _, c := range requests() {
		b.WriteString(stepsTable(runs, c) + "\n" + boundOf(runs, c, cores) + "\n\n")
	}
	return b.String()
}

func stepsTable(runs turns.Runs, c column) string {
	one := runs.Of(systems.OnSqld, c.measure)
	var rows [][]string
	for _, name := range steps() {
		of := runs.Of(name, c.measure)
		if of.Rate().Of == 0 {
			continue
		}
		rows = append(rows, []string{
			name, rate(of.Rate()), times(of.Ratio(one)), microseconds(of.Spent(turns.All).Median), coresInUse(of),
		})
	}
	return table([]string{c.title, c.unit + " a second: median (range)", "of one node's", "µs of the processors each", "cores in use"}, rows)
}

// boundOf says in words where the time of one request goes.
func boundOf(runs turns.Runs, c column, cores int) string {
	one, three := runs.Of(systems.OnSqld, c.measure), runs.Of(systems.Balanced, c.measure)
	if !costKnown(one, three) {
		return notMeasured
	}
	before, after := one.Spent(turns.All).Median, three.Spent(turns.All).Median
	return fmt.Sprintf("%s with three nodes behind HAProxy: %s A %s takes %s µs of them, in place of %s with one node: %s µs.",
		c.title, inUse(three.Busy().Median, cores), c.title, digits(after), digits(before), changes(one, three))
}

// costKnown tells whether it was measured of each of these what a request takes: not if all
// have failed.
func costKnown(each ...turns.Runs) bool {
	return !slices.ContainsFunc(each, func(of turns.Runs) bool { return of.Spent(turns.All).Of == 0 })
}

// inUse says whether the processors are what there is too little of.
func inUse(busy float64, cores int) string {
	if busy >= full*float64(cores) {
		return fmt.Sprintf("%.2f of %d cores are in use, so it is the processors that bound it.", busy, cores)
	}
	return fmt.Sprintf("%.2f of %d cores are in use, so waiting bounds it as well.", busy, cores)
}

// machine is one that would have a part of three nodes behind HAProxy to itself.
type machine struct {
	name string
	// spent is what a request takes there, in microseconds, in runs of a measure.
	spent func(of turns.Runs, measure string) float64
}

func machines() []machine {
	alone := func(program string) func(turns.Runs, string) float64 {
		return func(of turns.Runs, _ string) float64 { return of.Busiest(program).Median }
	}
	return []machine{
		{"a node and its replica", withReplica},
		{systems.Balancer, alone(systems.Balancer)},
		{systems.Primary, alone(systems.Primary)},
	}
}

// withReplica is the busiest node's, and that of a replica which it would have to itself: each
// repeats all writes, and answers one node's reads.
func withReplica(of turns.Runs, measure string) float64 {
	replica := of.Busiest(systems.Replica).Median
	if measure == systems.Get {
		replica /= nodes
	}
	return of.Busiest(systems.Node).Median + replica
}

// nodes is how many systems.Balanced has.
const nodes = 3

// PerMachine is what three nodes behind HAProxy could do at most if each program had so many
// cores of its own: those divided by what a request takes there.
func PerMachine(runs turns.Runs, cores int) string {
	header, verdicts := []string{fmt.Sprintf("a machine with %d cores for", cores)}, ""
	rows := make([][]string, len(machines()))
	for i, m := range machines() {
		rows[i] = []string{m.name}
	}
	for _, c := range requests() {
		of := runs.Of(systems.Balanced, c.measure)
		if !costKnown(of) {
			return notMeasured
		}
		header = append(header, c.title+": µs each", c.unit+" a second at most")
		for i, m := range machines() {
			spent := m.spent(of, c.measure)
			rows[i] = append(rows[i], microseconds(spent), atMost(spent, cores))
		}
		verdicts += "\n" + tightest(runs, c, cores) + "\n"
	}
	return table(header, rows) + verdicts
}

func atMost(microseconds float64, cores int) string {
	if microseconds == 0 {
		return ""
	}
	return digits(float64(cores) * 1e6 / microseconds)
}

// tightest says which machine is full first.
func tightest(runs turns.Runs, c column, cores int) string {
	three, one := runs.Of(systems.Balanced, c.measure), runs.Of(systems.OnSqld, c.measure)
	first := slices.MaxFunc(machines(), func(a, b machine) int {
		return cmp.Compare(a.spent(three, c.measure), b.spent(three, c.measure))
	})
	most := float64(cores) * 1e6 / first.spent(three, c.measure)
	sentence := fmt.Sprintf("%s%s: at %s a second the machine of %s is full first. That is %.1f × what one machine for everything has done with three nodes",
		strings.ToUpper(c.unit[:1]), c.unit[1:], digits(most), first.name, most/three.Rate().Median)
	if one.Rate().Median > 0 {
		sentence += fmt.Sprintf(", and %.1f × what it has done with one", most/one.Rate().Median)
	}
	return sentence + "."
}
