// Package page writes what was measured into the documentation: sections with tables in
// Markdown, and pictures beside them. All of it is made from files of results, so that it can
// be made again without measuring.
package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/buntime/keyval/bench/plot"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/harness"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
	"github.com/buntime/keyval/bench/unit"
)

// Content is what goes into a page and beside it.
type Content struct {
	Sections []Section
	// Pictures are by the names of their files, without ".svg".
	Pictures map[string]Picture
}

// A Section is what Rewrite puts into a page.
type Section struct{ Name, Body string }

// Picture can be drawn.
type Picture interface{ SVG() ([]byte, error) }

// Performance is docs/performance.md.
func Performance(f result.File) Content {
	runs := turns.Runs(f.Runs)
	return Content{
		Sections: []Section{
			{"machine", Machine(f)},
			{"systems", Systems()},
			{"targets", Targets(runs)},
			{"comparison", Comparison(runs, compared(), reasons())},
			{"cost", Costs(runs, systems.Names())},
			{"bounds", Bounds(runs, f.Machine.Cores)},
			{"machines", PerMachine(runs, f.Machine.Cores)},
			{"harness", Harness(runs)},
			{"after", AfterPut(runs)},
			{"watch", Watched(runs)},
			{"documents", single(runs, systems.Filter, ours()) + "\n" + single(runs, systems.Search, ours())},
		},
		Pictures: map[string]Picture{"peers": Peers(runs), "after-put": AfterPutPicture(runs)},
	}
}

// compared are the systems beside each other, without the steps to three nodes behind HAProxy.
func compared() []string {
	return slices.DeleteFunc(systems.Names(), func(name string) bool {
		return name == systems.OneBalanced || name == systems.ThreeNodes
	})
}

func ours() []string { return []string{systems.Embedded, systems.OnSqld} }

func reasons() Reasons {
	why := make(Reasons)
	for _, s := range systems.All() {
		why[s.Name] = s.Cannot
	}
	return why
}

// Machine says where it was measured, with which versions, and how often.
func Machine(f result.File) string {
	m := f.Machine
	versions := []string{"Go " + strings.TrimPrefix(m.Go, "go")}
	rounds, seconds := map[string]bool{}, 0.0
	for _, run := range f.Runs {
		if v := run.Settings.Extra["version"]; v != "" && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
		// The filling of a database is no turn.
		if round := run.Settings.Extra[turns.Round]; round != "" {
			rounds[round], seconds = true, max(seconds, run.Seconds)
		}
	}
	return fmt.Sprintf("%d cores (%s), %.1f GiB of memory, %s/%s, shared by clients and servers. %s.\n"+
		"Rounds: %d, of %.1f s for each system and measure; medians, with the range of the rounds.%s",
		m.Cores, m.CPU, float64(m.MemoryBytes)/(1<<30), m.OS, m.Arch, strings.Join(versions, ", "), len(rounds), seconds, besides(f.Runs))
}

// besides is how much of the machine had nothing to do with what was measured: the kernel's
// own work, whatever waits, and whoever else was there.
func besides(runs turns.Runs) string {
	f := runs.Besides()
	if f.Of == 0 {
		return ""
	}
	return fmt.Sprintf("\nBeside what took part in a turn, %.2f cores were busy in the median turn, and %.2f in the worst.", f.Median, f.High)
}

// Systems is how each is started, and what its answer means.
func Systems() string {
	var rows [][]string
	for _, s := range systems.All() {
		rows = append(rows, []string{s.Name, s.Configuration, s.Durability})
	}
	return table([]string{"", "started as", "an answered write has survived"}, rows)
}

// Watched is from a commit to its event, and from the write to that.
func Watched(runs turns.Runs) string {
	var rows [][]string
	for _, name := range []string{systems.Balanced, systems.Embedded, systems.NameEtcd, systems.NameNATS} {
		of := runs.Of(name, systems.Watch)
		if len(of) == 0 {
			continue
		}
		rows = append(rows, []string{
			name, rateAndFailures(of), latency(of.Percentile(50)), latency(of.Percentile(99)),
			latency(of.LastPercentile(50)), latency(of.LastPercentile(99)),
		})
	}
	return table([]string{"", "events a second: median (range)", "answer to event: p50", "p99", "write to event: p50", "p99"}, rows)
}

// Harness is what a request costs the harness beside wrk, where the server does nothing.
func Harness(runs turns.Runs) string {
	var rows [][]string
	for _, client := range []string{harness.Own, harness.Wrk} {
		of := runs.Of(client, harness.Nothing)
		if of.Rate().Of > 0 {
			rows = append(rows, []string{client, rate(of.Rate()), microseconds(of.Spent(turns.All).Median)})
		}
	}
	return table([]string{"", "answers a second: median (range)", "µs of the processor each"}, rows)
}

// single is the table of one measure.
func single(runs turns.Runs, measure string, names []string) string {
	var rows [][]string
	for _, name := range names {
		of := runs.Of(name, measure)
		if len(of) == 0 {
			continue
		}
		rows = append(rows, []string{measure + ", " + name, rateAndFailures(of), latency(of.Percentile(50)), latency(of.Percentile(99))})
	}
	return table([]string{"", "a second: median (range)", "p50", "p99"}, rows)
}

// Peers draws all systems beside each other.
func Peers(runs turns.Runs) plot.Bars {
	bars := plot.Bars{Title: "Beside its peers, 64 connections", Label: "a second; more is better", Unit: unit.Rate}
	for _, c := range columns() {
		group := plot.Group{Name: c.title}
		for _, name := range compared() {
			if f := runs.Of(name, c.measure).Rate(); f.Of > 0 {
				group.Bars = append(group.Bars, plot.Bar{Name: name, Value: f.Median, Low: f.Low, High: f.High})
			}
		}
		if len(group.Bars) > 0 {
			bars.Groups = append(bars.Groups, group)
		}
	}
	return bars
}
