package page

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/profile"
	"github.com/buntime/keyval/bench/suite/turns"
)

// Profiled is the workload of a run whose Extra has the node's nanoseconds an operation, by
// the names of profile's parts.
const Profiled = "get profiled"

// Profile is what a GET costs the node, in docs/performance.md.
func Profile(f result.File) Content {
	return Content{Sections: []Section{{"profile", Spent(f.Runs)}}}
}

// Spent is the table of that, with the systems in whose runs anything succeeded.
func Spent(runs turns.Runs) string {
	targets := slices.DeleteFunc(ours(), func(name string) bool { return runs.Of(name, Profiled).Rate().Median == 0 })
	if len(targets) == 0 {
		return notMeasured
	}
	var rows [][]string
	whole := make([]float64, len(targets))
	for _, part := range profile.Names() {
		row := []string{part}
		for i, target := range targets {
			ns := spentOn(runs.Of(target, Profiled), part)
			whole[i] += ns
			row = append(row, inMicroseconds(ns))
		}
		rows = append(rows, row)
	}
	sum, rates := []string{"**in all**"}, []string{"GETs a second meanwhile"}
	for i, target := range targets {
		sum = append(sum, "**"+inMicroseconds(whole[i])+"**")
		rates = append(rates, digits(runs.Of(target, Profiled).Rate().Median))
	}
	return table(append([]string{"µs of the node's processor time for a GET"}, targets...), append(rows, sum, rates))
}

func spentOn(runs turns.Runs, part string) (ns float64) {
	for _, run := range runs {
		n, _ := strconv.ParseFloat(run.Settings.Extra[part], 64)
		ns += n
	}
	return ns
}

func inMicroseconds(ns float64) string { return fmt.Sprintf("%.1f", ns/1000) }
