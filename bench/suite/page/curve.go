package page

import (
	"fmt"
	"strconv"

	"github.com/buntime/keyval/bench/plot"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
	"github.com/buntime/keyval/bench/unit"
)

// AfterWriting is the workload's name of a GET so many seconds after PUTs have ended.
const AfterWriting = "get after put"

// After is the name of the setting with those seconds.
const After = "after"

// Delays are when it is looked, in seconds.
func Delays() []int { return []int{0, 5, 10, 20} }

// AfterPut is the curve of GET after a burst of PUT, beside Deno KV's.
func AfterPut(runs turns.Runs) string {
	var rows [][]string
	for _, delay := range Delays() {
		ours, theirs := after(runs, systems.OnSqld, delay), after(runs, systems.NameDeno, delay)
		rows = append(rows, []string{fmt.Sprintf("%d s after", delay), rate(ours.Rate()), rate(theirs.Rate()), times(ratioAfter(runs, delay))})
	}
	return table([]string{"", systems.OnSqld, systems.NameDeno, "ratio"}, rows)
}

// after are a system's GETs so many seconds after its PUTs.
func after(runs turns.Runs, name string, delay int) turns.Runs {
	return runs.Of(name, AfterWriting).With(After, strconv.Itoa(delay))
}

// ratioAfter is keyval's rate beside Deno KV's then.
func ratioAfter(runs turns.Runs, delay int) turns.Figure {
	return after(runs, systems.OnSqld, delay).Ratio(after(runs, systems.NameDeno, delay))
}

// AfterPutPicture draws it.
func AfterPutPicture(runs turns.Runs) plot.Lines {
	lines := plot.Lines{
		Title: "GET after four seconds of PUT",
		X:     plot.Axis{Label: "since the last PUT", Unit: unit.Seconds},
		Y:     plot.Axis{Label: "reads", Unit: unit.Rate},
	}
	for _, name := range []string{systems.OnSqld, systems.NameDeno} {
		s := plot.Series{Name: name, Marks: true}
		for _, delay := range Delays() {
			f := after(runs, name, delay).Rate()
			if f.Of > 0 {
				s.Points = append(s.Points, point(float64(delay), f))
			}
		}
		lines.Series = append(lines.Series, s)
	}
	return lines
}

func point(x float64, f turns.Figure) plot.Point {
	return plot.Point{X: x, Y: f.Median, Low: f.Low, High: f.High}
}
