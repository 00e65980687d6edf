package plot

import (
	"image/color"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The sizes, in points; text is read on a phone, too, where a picture is 370 wide.
const (
	width      = 480
	plotHeight = 270
	margin     = 12
	textSize   = 11
	titleSize  = 14
)

func grey(level uint8) color.Color { return color.NRGBA{level, level, level, 255} }

// palette is Okabe and Ito's, which people with any kind of colour vision tell apart, in an
// order that puts what is dark on white first; without its yellow, which is not.
func palette(i int) color.Color {
	colors := []color.Color{
		color.NRGBA{0x00, 0x72, 0xb2, 255}, color.NRGBA{0xd5, 0x5e, 0x00, 255}, color.NRGBA{0x00, 0x9e, 0x73, 255},
		color.NRGBA{0xcc, 0x79, 0xa7, 255}, color.NRGBA{0x55, 0x55, 0x55, 255}, color.NRGBA{0xe6, 0x9f, 0x00, 255},
		color.NRGBA{0x56, 0xb4, 0xe9, 255},
	}
	return colors[i%len(colors)]
}

// style is how a series looks. Marks and, from the eighth on, dashes differ as well, so
// that a print without colours can be read.
type style struct {
	color  color.Color
	shape  draw.GlyphDrawer
	dashes []vg.Length
}

func styleOf(i int) style {
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}}
	dashes := [][]vg.Length{nil, {6, 3}, {2, 2}, {8, 3, 2, 3}}
	return style{palette(i), shapes[i%len(shapes)], dashes[i/len(shapes)%len(dashes)]}
}

func (s style) line() draw.LineStyle {
	return draw.LineStyle{Color: s.color, Width: vg.Points(1.8), Dashes: s.dashes}
}

func (s style) mark() draw.GlyphStyle {
	return draw.GlyphStyle{Color: s.color, Radius: vg.Points(3.2), Shape: s.shape}
}

// textStyle is the one font, in a size and a grey.
func textStyle(size float64, level uint8, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{
		Color: grey(level), XAlign: x, YAlign: y, Handler: anchored{plot.DefaultTextHandler},
		Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(size)},
	}
}

func titleStyle() text.Style {
	s := textStyle(titleSize, 0x20, draw.XLeft, draw.YTop)
	s.Font.Weight = xfont.WeightBold
	return s
}

// newPlot is the axes and a light grid.
func newPlot(xAxis, yAxis Axis, x, y extent) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // the picture has one
	setAxis(&p.X, xAxis, x)
	setAxis(&p.Y, yAxis, y)
	p.X.Label.Text = xAxis.Label
	p.X.Label.TextStyle = textStyle(textSize, 0x60, draw.XCenter, draw.YBottom)
	p.X.Label.Padding = vg.Points(2)
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XCenter, draw.YTop
	p.X.Tick.Length = vg.Points(4)
	p.Y.LineStyle.Width, p.Y.Tick.Length = 0, 0 // the grid shows them
	p.Add(&plotter.Grid{Horizontal: draw.LineStyle{Color: grey(0xe4), Width: vg.Points(0.6)}, Vertical: draw.LineStyle{Color: grey(0xf0), Width: vg.Points(0.6)}})
	return p
}

func setAxis(a *plot.Axis, as Axis, e extent) {
	ticks, low, high := as.Scale.ticks(e, as.Unit)
	a.Min, a.Max, a.Padding = low, high, 0
	a.Tick.Marker = plot.ConstantTicks(ticks)
	a.Tick.Label = textStyle(textSize, 0x40, draw.XRight, draw.YCenter)
	a.LineStyle = draw.LineStyle{Color: grey(0x90), Width: vg.Points(0.6)}
	a.Tick.LineStyle = a.LineStyle
}
