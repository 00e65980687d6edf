package page

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/buntime/keyval/bench/plot"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
	"github.com/buntime/keyval/bench/unit"
)

// Names of settings of runs that are about scaling: along what, and how far.
const (
	Along = "along"
	At    = "at"
)

// A Dimension is what grows.
type Dimension struct {
	Name string
	// Points are how far.
	Points   []int
	Measures []string
	unit     unit.Unit
}

// Dimensions are all of "make bench-scaling", with the keys that another target goes on with.
func Dimensions() []Dimension {
	both := []string{systems.Put, systems.Get}
	return []Dimension{
		{"connections", []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}, both, unit.Number},
		{"nodes", []int{1, 2, 3, 4, 5}, both, unit.Number},
		{"keys", []int{1_000, 10_000, 100_000, 1_000_000}, both, unit.Number},
		{"value", []int{10, 100, 1 << 10, 10 << 10, 64 << 10, 256 << 10}, both, unit.Bytes},
		{"watchers", []int{1, 10, 100, 1000, 10_000}, []string{systems.Watch}, unit.Number},
	}
}

// OfNodes is what a run of the dimension "nodes" or "watchers" is kept under.
const OfNodes = "keyval, several nodes, sqld"

// Named is the dimension of a name.
func Named(name string) Dimension {
	all := Dimensions()
	return all[slices.IndexFunc(all, func(d Dimension) bool { return d.Name == name })]
}

// Scaling is docs/scaling.md.
func Scaling(f result.File) Content {
	runs := turns.Runs(f.Runs)
	content := Content{
		Sections: []Section{{"machine", Machine(f)}, {"paper", Paper(runs, f.Machine.Cores)}},
		Pictures: map[string]Picture{},
	}
	for _, d := range Dimensions() {
		content.Sections = append(content.Sections, Section{d.Name, d.section(runs, f.Machine.Cores)})
		content.Pictures["scaling-"+d.Name] = d.picture(runs)
	}
	return content
}

// Keys is the section of the largest database.
func Keys(f result.File) Content {
	d := Named("keys")
	d.Points = d.measured(f.Runs)
	return Content{Sections: []Section{{"most-keys", d.table(f.Runs) + "\n" + d.costs(f.Runs) + "\n" + d.filled(f.Runs)}}}
}

func names() []string { return []string{systems.Embedded, systems.OnSqld, OfNodes} }

func (d Dimension) along(runs turns.Runs, name, measure string, at int) turns.Runs {
	return runs.Of(name, measure).With(Along, d.Name).With(At, strconv.Itoa(at))
}

// label is exact where three digits would not be.
func (d Dimension) label(at int) string {
	if d.unit == unit.Bytes && at%1024 == 0 {
		return fmt.Sprintf("%d KiB", at/1024)
	}
	return d.unit.String(float64(at))
}

// measured are the points that there are runs of.
func (d Dimension) measured(runs turns.Runs) (points []int) {
	for _, run := range runs {
		at, err := strconv.Atoi(run.Settings.Extra[At])
		if err == nil && run.Settings.Extra[Along] == d.Name && !slices.Contains(points, at) {
			points = append(points, at)
		}
	}
	return points
}

// Fill is the workload's name of the filling of a database.
const Fill = "fill"

// filled says how long that took.
func (d Dimension) filled(runs turns.Runs) string {
	var b strings.Builder
	for _, at := range d.Points {
		for _, name := range names() {
			for _, run := range d.along(runs, name, Fill, at) {
				fmt.Fprintf(&b, "- %s, %s keys: filled in %.1f s, a replica included, %s keys a second, 500 in a request.\n",
					name, d.label(at), run.Seconds, digits(run.Operations[0].Rate(run)))
			}
		}
	}
	return b.String()
}

// section is what there is to show of a dimension.
func (d Dimension) section(runs turns.Runs, cores int) string {
	return d.table(runs) + "\n" + d.costs(runs) + "\n" + d.reasons(runs, cores)
}

func (d Dimension) table(runs turns.Runs) string {
	header := []string{d.Name}
	var rows [][]string
	for _, at := range d.Points {
		rows = append(rows, []string{d.label(at)})
	}
	for _, name := range names() {
		for _, measure := range d.Measures {
			if len(runs.Of(name, measure).With(Along, d.Name)) == 0 {
				continue
			}
			header = append(header, measure+", "+name, "p99")
			for i, at := range d.Points {
				of := d.along(runs, name, measure, at)
				if of.Rate().Of == 0 {
					rows[i] = append(rows[i], "", "")
					continue
				}
				rows[i] = append(rows[i], digits(of.Rate().Median)+"/s", latency(of.Percentile(99)))
			}
		}
	}
	return table(header, rows)
}

func (d Dimension) picture(runs turns.Runs) plot.Lines {
	scale := plot.Log10
	if d.Name == "nodes" {
		scale = plot.Linear
	}
	lines := plot.Lines{
		Title: "Rate by " + d.Name,
		X:     plot.Axis{Label: d.Name, Unit: d.unit, Scale: scale},
		Y:     plot.Axis{Label: "a second", Unit: unit.Rate},
	}
	watched := d.Measures[0] == systems.Watch
	if watched {
		lines.Title, lines.Y = "Commit to event by watchers, p99", plot.Axis{Label: "p99", Unit: unit.Latency, Scale: plot.Log10}
	}
	for _, name := range names() {
		for _, measure := range d.Measures {
			s := plot.Series{Name: measure + ", " + name, Marks: true}
			for _, at := range d.Points {
				of := d.along(runs, name, measure, at)
				f := of.Rate()
				if watched {
					f = of.Percentile(99)
				}
				if f.Of > 0 {
					s.Points = append(s.Points, point(float64(at), f))
				}
			}
			if len(s.Points) > 0 {
				lines.Series = append(lines.Series, s)
			}
		}
	}
	return lines
}

// Paper carries what was measured to a machine for each part.
func Paper(runs turns.Runs, cores int) string {
	var b strings.Builder
	nodes, connections := Named("nodes"), Named("connections")
	w1, r1 := nodes.along(runs, OfNodes, systems.Put, 1).Rate(), nodes.along(runs, OfNodes, systems.Get, 1).Rate()
	w, primary := connections.most(runs, systems.Put)
	r, _ := connections.most(runs, systems.Get)
	if w == 0 || w1.Of == 0 {
		return notMeasured
	}
	fmt.Fprintf(&b, "| | | |\n|---|---|---|\n")
	line := func(name, formula, value string) { fmt.Fprintf(&b, "| %s | %s | %s |\n", name, formula, value) }
	line("W", "the most writes a second of one node, its client and sqld's primary and replica on this machine", digits(w)+"/s")
	if r > 0 {
		line("R", "the most reads a second of the same", digits(r)+"/s")
	}
	if primary > 0 {
		line("P", "the primary's processor time of a write at W", digits(primary)+" µs")
		line("writes of a primary that has such a machine to itself", fmt.Sprintf("%d cores / P", cores), "up to "+digits(float64(cores)*1e6/primary)+"/s")
	}
	if r == 0 || r1.Of == 0 {
		return b.String() // the rest is about reads
	}
	line("R₁, W₁", "one node at 64 connections, in the run by nodes", digits(r1.Median)+"/s, "+digits(w1.Median)+"/s")
	for _, n := range []int{3, 5, 10} {
		line(fmt.Sprintf("reads with %d nodes, each with a replica on a machine like this", n),
			fmt.Sprintf("%d × R", n), "up to "+digits(float64(n)*r)+"/s")
		line(fmt.Sprintf("writes with %d nodes", n), "W: one primary commits for all", "more than "+digits(w)+"/s, up to what the primary alone can")
	}
	for _, share := range []float64{0.05, 0.2, 0.5} {
		total := w / share
		line(fmt.Sprintf("requests of which %.0f %% write, at which one primary is full", share*100), fmt.Sprintf("W / %.2f", share), digits(total)+"/s")
		line("machines with a node and a replica for these", fmt.Sprintf("⌈(1 − %.2f) × %s / R⌉", share, digits(total)), strconv.Itoa(int(math.Ceil((1-share)*total/r))))
	}
	return b.String()
}

// most is the highest rate of one node on sqld along a dimension, and the processor time
// that the primary takes for each there, in microseconds.
func (d Dimension) most(runs turns.Runs, measure string) (rate, primary float64) {
	for _, at := range d.Points {
		of := d.along(runs, systems.OnSqld, measure, at)
		if here := of.Rate().Median; here > rate {
			rate, primary = here, of.Spent(turns.Named(systems.Primary)).Median
		}
	}
	return rate, primary
}
