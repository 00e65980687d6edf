// Package plot draws what benchmarks measure as SVG: series in, a picture out. The same
// input is always the same text, so that pictures can be committed; each is small, needs
// nothing from elsewhere, has no style of its own that a content security policy could
// forbid, and stands on a white card, whatever is around it.
package plot

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/buntime/keyval/bench/unit"
)

// Lines are series over a common axis.
type Lines struct {
	Title string
	X, Y  Axis
	// Series are drawn in this order, in colours that are told apart by everybody.
	Series []Series
}

// An Axis is what a picture shows in one direction.
type Axis struct {
	// Label says what it is, without its unit.
	Label string
	// Unit is that of the values.
	Unit unit.Unit
	// Scale is Linear, from 0, unless it says something else.
	Scale Scale
}

// A Series is one line.
type Series struct {
	Name string
	// Points are joined in this order. Those that a scale has no place for, such as 0 on
	// a logarithmic one, are left out.
	Points []Point
	// Marks are drawn at the points, for series of few.
	Marks bool
}

// A Point is where a line goes.
type Point struct {
	X, Y float64
	// Low and High are the range of Y where it was measured several times; the same is
	// none.
	Low, High float64
}

// ErrNothing is returned for a picture without anything to show.
var ErrNothing = errors.New("there is nothing to draw")

// SVG draws them. Without any point that has a place, the error is ErrNothing.
func (l Lines) SVG() ([]byte, error) {
	x, y := extent{}, extent{}
	for _, series := range l.Series {
		for _, p := range l.placed(series) {
			x.add(p.X)
			y.add(p.Y, p.Low, p.High)
		}
	}
	if x.empty() {
		return nil, fmt.Errorf("%s: %w", l.Title, ErrNothing)
	}
	p := newPlot(l.X, l.Y, x, y)
	for i, series := range l.Series {
		if err := add(p, l.placed(series), series.Marks, styleOf(i)); err != nil {
			return nil, fmt.Errorf("%s: %w", l.Title, err)
		}
	}
	return newPicture(l.Title, l.Y.Label, told(l.Series), plotHeight, p.Draw)
}

// placed returns the points in the axes' own measure.
func (l Lines) placed(s Series) []Point {
	var placed []Point
	for _, p := range s.Points {
		if p.Low == p.High {
			p.Low, p.High = p.Y, p.Y
		}
		q := Point{l.X.Scale.place(p.X), l.Y.Scale.place(p.Y), l.Y.Scale.place(p.Low), l.Y.Scale.place(p.High)}
		if finite(q.X, q.Y, q.Low, q.High) {
			placed = append(placed, q)
		}
	}
	return placed
}

func finite(numbers ...float64) bool {
	for _, n := range numbers {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return false
		}
	}
	return true
}

// told are the series that a legend tells apart: none, if there is one without a name.
func told(all []Series) []Series {
	if len(all) == 1 && all[0].Name == "" {
		return nil
	}
	return all
}

// add draws one series: its ranges, its line, its marks.
func add(p *plot.Plot, points []Point, marks bool, s style) error {
	if len(points) == 0 {
		return nil
	}
	xys := make(plotter.XYs, len(points))
	for i, point := range points {
		xys[i] = plotter.XY{X: point.X, Y: point.Y}
		if point.Low != point.High {
			p.Add(rangeBar(point, s))
		}
	}
	line, err := plotter.NewLine(xys)
	if err != nil {
		return err
	}
	line.LineStyle = s.line()
	p.Add(line)
	if !marks && len(points) > 1 {
		return nil
	}
	scatter, err := plotter.NewScatter(xys)
	if err != nil {
		return err
	}
	scatter.GlyphStyle = s.mark()
	p.Add(scatter)
	return nil
}

// rangeBar is a thin line from the least to the greatest of what was measured.
func rangeBar(p Point, s style) plot.Plotter {
	return drawing(func(c draw.Canvas, of *plot.Plot) {
		x, y := of.Transforms(&c)
		c.StrokeLine2(draw.LineStyle{Color: s.color, Width: vg.Points(1)}, x(p.X), y(p.Low), x(p.X), y(p.High))
	})
}

// drawing is a plot.Plotter.
type drawing func(draw.Canvas, *plot.Plot)

func (d drawing) Plot(c draw.Canvas, p *plot.Plot) { d(c, p) }

// extent is from the least to the greatest of what was added.
type extent struct {
	low, high float64
	any       bool
}

func (e *extent) empty() bool { return !e.any }

func (e *extent) add(values ...float64) {
	for _, v := range values {
		if !e.any {
			e.low, e.high, e.any = v, v, true
		}
		e.low, e.high = min(e.low, v), max(e.high, v)
	}
}
