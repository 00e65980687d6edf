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
	ours, theirs := runs.Of(systems.OnSqld, AfterWriting), runs.Of(systems.NameDeno, AfterWriting)
	var rows [][]string
	for _, delay := range Delays() {
		after := strconv.Itoa(delay)
		a, b := ours.With(After, after), theirs.With(After, after)
		rows = append(rows, []string{fmt.Sprintf("%d s after", delay), rate(a.Rate()), rate(b.Rate()), times(a.Ratio(b))})
	}
	return table([]string{"", systems.OnSqld, systems.NameDeno, "ratio"}, rows)
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
			f := runs.Of(name, AfterWriting).With(After, strconv.Itoa(delay)).Rate()
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
