package plot

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/buntime/keyval/bench/unit"
)

// Bars are values beside each other, one below the other, each with its name and its value
// written at it: those of peers, for example.
type Bars struct {
	Title string
	// Label says what the values are, such as "durable writes; more is better".
	Label  string
	Unit   unit.Unit
	Groups []Group
}

// A Group is what is compared with each other: its bars share a scale, which begins at 0.
type Group struct {
	// Name is written above them; empty is none.
	Name string
	Bars []Bar
}

// A Bar is one value. The same name has the same colour in all groups.
type Bar struct {
	Name  string
	Value float64
	// Low and High are the range where it was measured several times; the same is none.
	Low, High float64
}

const (
	barRow   = 19
	barThick = 11
	nameRoom = 190
)

// SVG draws them. Without any bar, the error is ErrNothing.
func (b Bars) SVG() ([]byte, error) {
	rows, space := 0, vg.Length(0)
	for _, group := range b.Groups {
		rows += len(group.Bars)
		if group.Name != "" {
			space += barRow
		}
		space += 6
	}
	if rows == 0 {
		return nil, fmt.Errorf("%s: %w", b.Title, ErrNothing)
	}
	return newPicture(b.Title, b.Label, nil, space+barRow*vg.Length(rows), b.draw)
}

func (b Bars) draw(c draw.Canvas) {
	left, right := b.room()
	colors := make(map[string]int)
	y := c.Max.Y
	for _, group := range b.Groups {
		if group.Name != "" {
			heading := textStyle(textSize, 0x20, draw.XLeft, draw.YCenter)
			heading.Font.Weight = titleStyle().Font.Weight
			c.FillText(heading, vg.Point{X: c.Min.X, Y: y - barRow/2}, fitting(group.Name, heading, c.Max.X-c.Min.X))
			y -= barRow
		}
		scale := (c.Max.X - c.Min.X - left - right) / vg.Length(group.greatest())
		for _, bar := range group.Bars {
			if _, known := colors[bar.Name]; !known {
				colors[bar.Name] = len(colors)
			}
			b.drawBar(c, bar, vg.Point{X: c.Min.X + left, Y: y - barRow/2}, scale, styleOf(colors[bar.Name]))
			y -= barRow
		}
		y -= 6
	}
}

// drawBar draws a bar from a point to the right.
func (b Bars) drawBar(c draw.Canvas, bar Bar, from vg.Point, scale vg.Length, s style) {
	name := textStyle(textSize, 0x30, draw.XRight, draw.YCenter)
	c.FillText(name, vg.Point{X: from.X - 6, Y: from.Y}, fitting(bar.Name, name, nameRoom))
	if !finite(bar.Value) {
		return
	}
	end, low, high := from.X+scale*vg.Length(max(bar.Value, 0)), from.Y-barThick/2, from.Y+barThick/2
	c.FillPolygon(s.color, []vg.Point{{X: from.X, Y: low}, {X: end, Y: low}, {X: end, Y: high}, {X: from.X, Y: high}})
	if bar.Low != bar.High && finite(bar.Low, bar.High) {
		at := from.X + scale*vg.Length(bar.High)
		c.StrokeLine2(draw.LineStyle{Color: grey(0x20), Width: vg.Points(1)}, from.X+scale*vg.Length(bar.Low), from.Y, at, from.Y)
		end = max(end, at)
	}
	c.FillText(textStyle(textSize, 0x30, draw.XLeft, draw.YCenter), vg.Point{X: end + 5, Y: from.Y}, b.Unit.String(bar.Value))
}

// room is what names on the left and values on the right need.
func (b Bars) room() (left, right vg.Length) {
	style := textStyle(textSize, 0, draw.XLeft, draw.YCenter)
	for _, group := range b.Groups {
		for _, bar := range group.Bars {
			left = max(left, wider*style.Width(fitting(bar.Name, style, nameRoom))+6)
			right = max(right, wider*style.Width(b.Unit.String(bar.Value))+8)
		}
	}
	return left, right
}

// greatest is the longest bar's end; never 0.
func (g Group) greatest() float64 {
	greatest := 0.0
	for _, bar := range g.Bars {
		for _, v := range []float64{bar.Value, bar.High} {
			if finite(v) {
				greatest = math.Max(greatest, v)
			}
		}
	}
	if greatest == 0 {
		return 1
	}
	return greatest
}
