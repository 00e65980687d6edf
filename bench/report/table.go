// Package report shows what benchmarks have measured to people: as a table for a terminal
// or for a page, and as one HTML file with plots that needs nothing else.
package report

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/table"
	"github.com/buntime/keyval/bench/unit"
)

// Text writes a table for a terminal: a line for each operation at each load. Repeats of a
// load are their median, with the least and the greatest.
func Text(w io.Writer, f result.File) error { return newTable(f).Text(w) }

// Markdown writes the same table for a page.
func Markdown(w io.Writer, f result.File) error { return newTable(f).Markdown(w) }

func newTable(f result.File) table.Table {
	t := table.Table{Head: []table.Column{
		{Name: "target"}, {Name: "workload"}, {Name: "connections", Right: true}, {Name: "asked rate", Right: true}, {Name: "operation"},
		{Name: "rate/s", Right: true}, {Name: "p50 ms", Right: true}, {Name: "p90 ms", Right: true}, {Name: "p99 ms", Right: true},
		{Name: "p99.9 ms", Right: true}, {Name: "max ms", Right: true}, {Name: "failures"},
	}}
	name := result.NewNaming(f.Runs)
	for _, group := range f.Groups() {
		for _, operation := range group.Operations() {
			t.Add(cells(name.Group(group), group, operation)...)
		}
	}
	return t
}

func cells(name string, g result.Group, operation string) []string {
	run := g.Runs[0]
	cells := []string{run.Target, name, unit.Thousands(float64(run.Settings.Connections)), askedRate(run.Settings), operation, rates(g, operation).write(unit.PerSecond)}
	for _, percentile := range []float64{50, 90, 99, 99.9, 100} {
		cells = append(cells, latencies(g, operation, percentile).write(unit.Milliseconds))
	}
	return append(cells, failures(g, operation))
}

// askedRate is that of an open loop.
func askedRate(s result.Settings) string {
	if s.Rate == 0 {
		return "closed loop"
	}
	return unit.PerSecond(s.Rate)
}

// failures are all that failed, by code.
func failures(g result.Group, operation string) string {
	counts := make(map[string]int64)
	for _, run := range g.Runs {
		if o, found := run.Operation(operation); found {
			for code, count := range o.Failures {
				counts[code] += count
			}
		}
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		if counts[code] > 0 {
			parts = append(parts, unit.Thousands(float64(counts[code]))+" "+code)
		}
	}
	if parts == nil {
		return "0"
	}
	return strings.Join(parts, ", ")
}
