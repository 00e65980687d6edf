package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
)

// part is a program of a system as a reader knows it, and which programs of a run it is.
type part struct {
	name string
	is   func(program string) bool
}

// parts are what a request goes through. A peer's server stands where keyval's is.
func parts() []part {
	around := turns.Named(turns.Client, systems.Balancer, systems.Primary, systems.Replica)
	return []part{
		{"client", turns.Named(turns.Client)},
		{"server", func(program string) bool { return !around(program) }},
		{systems.Balancer, turns.Named(systems.Balancer)},
		{systems.Primary, turns.Named(systems.Primary)},
		{systems.Replica, turns.Named(systems.Replica)},
	}
}

// Costs is what a request takes of the processors, in each of the programs that it goes
// through, a table for PUT and one for GET.
func Costs(runs turns.Runs, names []string) string {
	return costs(runs, names, systems.Put, "PUT") + "\n" + costs(runs, names, systems.Get, "GET")
}

func costs(runs turns.Runs, names []string, measure, title string) string {
	header := []string{title + ", µs"}
	for _, p := range parts() {
		header = append(header, p.name)
	}
	var rows [][]string
	for _, name := range names {
		if of := runs.Of(name, measure); of.Busy().Of > 0 {
			rows = append(rows, append([]string{name}, costsOf(of)...))
		}
	}
	if rows == nil {
		return notMeasured + "\n"
	}
	return table(append(header, "sum: median (range)", "cores in use"), rows)
}

func costsOf(of turns.Runs) []string {
	var cells []string
	for _, p := range parts() {
		cells = append(cells, microseconds(of.Spent(p.is).Median))
	}
	return append(cells, rate(of.Spent(turns.All)), coresInUse(of))
}

// coresInUse is how many of the processors were busy.
func coresInUse(of turns.Runs) string { return fmt.Sprintf("%.2f", of.Busy().Median) }

// microseconds is empty for none.
func microseconds(value float64) string {
	if value == 0 {
		return ""
	}
	return digits(value)
}

// change is what one part takes more than it did, in microseconds.
type change struct {
	name string
	more float64
}

// changed are the parts of which some runs take another amount than others, the one that
// changed most first.
func changed(from, to turns.Runs) (all []change) {
	for _, p := range parts() {
		before, after := from.Spent(p.is).Median, to.Spent(p.is).Median
		if before != after {
			all = append(all, change{p.name, after - before})
		}
	}
	slices.SortStableFunc(all, func(a, b change) int { return cmp.Compare(math.Abs(b.more), math.Abs(a.more)) })
	return all
}

// changes are what all parts of some runs take more than those of others, with a sign and
// the greatest first, such as "HAProxy +22.1, client −3.20".
func changes(from, to turns.Runs) string {
	var words []string
	for _, c := range changed(from, to) {
		words = append(words, fmt.Sprintf("%s %s", c.name, signed(c.more)))
	}
	return strings.Join(words, ", ")
}

func signed(value float64) string {
	if value < 0 {
		return "−" + digits(-value)
	}
	return "+" + digits(value)
}
