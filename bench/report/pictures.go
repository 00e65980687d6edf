package report

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"slices"

	"github.com/buntime/keyval/bench/plot"
	"github.com/buntime/keyval/bench/result"
)

// pictures are a file's plots: of each group what it did over time and how latencies are
// distributed, and of each workload with several loads how it bears them.
func pictures(f result.File) ([]template.HTML, error) {
	var drawn []template.HTML
	for _, lines := range slices.Concat(againstLoad(f), overTime(f)) {
		svg, err := lines.SVG()
		if errors.Is(err, plot.ErrNothing) {
			continue // a run that was interrupted at once
		}
		if err != nil {
			return nil, err
		}
		drawn = append(drawn, template.HTML(svg)) // plot escapes what is in it
	}
	return drawn, nil
}

// overTime draws each group: its throughput second by second, repeats beside each other,
// and its latencies.
func overTime(f result.File) []plot.Lines {
	var all []plot.Lines
	name := result.NewNaming(f.Runs)
	for _, g := range f.Groups() {
		title := name.At(name.Workload(g.Runs[0])+", "+g.Runs[0].Settings.Load(), g.Runs[0])
		var rates, distributions []plot.Series
		for _, operation := range g.Operations() {
			rates = append(rates, overTimeOf(g, operation)...)
			distributions = append(distributions, plot.Series{Name: operation, Points: plot.ByPercentile(g.Latency(operation))})
		}
		all = append(all, plot.Throughput(title, rates...), plot.Distribution(title, distributions...))
	}
	return all
}

func overTimeOf(g result.Group, operation string) []plot.Series {
	var all []plot.Series
	for i, run := range g.Runs {
		o, _ := run.Operation(operation)
		name := operation
		if len(g.Runs) > 1 {
			name = fmt.Sprintf("%s, run %d", operation, i+1)
		}
		all = append(all, plot.Series{Name: name, Points: plot.OverTime(o)})
	}
	return all
}

// againstLoad draws, for each operation of each workload and target with several loads, what
// latency comes with what rate.
func againstLoad(f result.File) []plot.Lines {
	type subject struct{ target, key, operation string }
	var order []subject
	name := result.NewNaming(f.Runs)
	loads := make(map[subject][]result.Group)
	for _, g := range f.Groups() {
		for _, operation := range g.Operations() {
			s := subject{g.Runs[0].Target, withoutLoad(g.Runs[0]).Key(), operation}
			if loads[s] == nil {
				order = append(order, s)
			}
			loads[s] = append(loads[s], g)
		}
	}
	var all []plot.Lines
	for _, s := range order {
		if len(loads[s]) < 2 {
			continue
		}
		slices.SortStableFunc(loads[s], byLoad)
		run := loads[s][0].Runs[0]
		title := name.At(name.Workload(run)+": "+s.operation+" against load", run)
		all = append(all, plot.AgainstLoad(title, latencyByRate(loads[s], s.operation, 50), latencyByRate(loads[s], s.operation, 99)))
	}
	return all
}

// withoutLoad leaves what is common to the points of one line.
func withoutLoad(r result.Run) result.Run {
	r.Settings.Connections, r.Settings.Rate = 0, 0
	return r
}

// byLoad puts the least load first: a line then bends back where more load got less done.
func byLoad(a, b result.Group) int {
	x, y := a.Runs[0].Settings, b.Runs[0].Settings
	return cmp.Or(cmp.Compare(x.Rate, y.Rate), cmp.Compare(x.Connections, y.Connections))
}

// latencyByRate is a point for each load, in their order.
func latencyByRate(groups []result.Group, operation string, percentile float64) plot.Series {
	s := plot.Series{Name: fmt.Sprintf("p%v", percentile), Marks: true}
	for _, g := range groups {
		l := latencies(g, operation, percentile)
		s.Points = append(s.Points, plot.Point{X: rates(g, operation).median(), Y: l.median(), Low: l.least(), High: l.greatest()})
	}
	return s
}
