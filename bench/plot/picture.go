package plot

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"sort"
	"strings"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// fonts are those with the widths that places were computed with, then any without serifs.
const fonts = "Liberation Sans, Arimo, Helvetica, Arial, sans-serif"

// newPicture draws a title, the names of the series, what goes up, and below it whatever
// draw does in the height that it needs.
func newPicture(title, up string, series []Series, height vg.Length, plot func(draw.Canvas)) ([]byte, error) {
	legend := layOut(series)
	height += legend.height() + margin + titleSize*1.6 + textSize*1.6
	canvas := vgsvg.New(width, height)
	c := draw.Crop(draw.New(canvas), margin, -margin-6, margin*0.7, -margin)
	across := c.Max.X - c.Min.X
	c.FillText(titleStyle(), vg.Point{X: c.Min.X, Y: c.Max.Y}, fitting(title, titleStyle(), across))
	c.Max.Y -= titleSize * 1.6
	legend.draw(c)
	c.Max.Y -= legend.height()
	if up != "" {
		style := textStyle(textSize, 0x60, draw.XLeft, draw.YTop)
		c.FillText(style, vg.Point{X: c.Min.X, Y: c.Max.Y}, fitting(up, style, across))
	}
	c.Max.Y -= textSize * 1.6
	plot(c)
	var drawn bytes.Buffer
	if _, err := canvas.WriteTo(&drawn); err != nil {
		return nil, err
	}
	return finished(drawn.String(), title, height), nil
}

// fitting shortens a text from outside to the room that there is on one line, in whatever
// font it is shown.
func fitting(s string, style text.Style, room vg.Length) string {
	all := []rune(clean(s))
	if wider*style.Width(string(all[:min(len(all), 300)])) <= room && len(all) <= 300 {
		return string(all)
	}
	n := sort.Search(min(len(all), 300), func(n int) bool { return wider*style.Width(string(all[:n])+"…") > room })
	return string(all[:max(n-1, 0)]) + "…"
}

// clean leaves out what XML, or anchored, has no place for.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffe' || r == '\uffff' || r == '\ue000' || r == '\ue001' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

// legend is where the names of series stand, in as many rows as they need.
type legend []legendEntry

type legendEntry struct {
	name  string
	marks bool
	row   int
	x     vg.Length
}

const (
	// wider is how much wider than ours another font may be.
	wider     = 1.2
	swatch    = 18
	legendRow = 16
)

func layOut(series []Series) legend {
	var l legend
	style, x, row := textStyle(textSize, 0, draw.XLeft, draw.YCenter), vg.Length(0), 0
	for _, s := range series {
		name := fitting(s.Name, style, width-2*margin-swatch-20)
		needs := swatch + 5 + wider*style.Width(name) + 12
		if x > 0 && x+needs > width-2*margin {
			x, row = 0, row+1
		}
		l = append(l, legendEntry{name, s.Marks, row, x})
		x += needs
	}
	return l
}

func (l legend) height() vg.Length {
	if len(l) == 0 {
		return 0
	}
	return legendRow*vg.Length(l[len(l)-1].row+1) + 6
}

func (l legend) draw(c draw.Canvas) {
	for i, entry := range l {
		x, y := c.Min.X+entry.x, c.Max.Y-legendRow*(vg.Length(entry.row)+0.5)
		style := styleOf(i)
		c.StrokeLine2(style.line(), x, y, x+swatch, y)
		if entry.marks {
			c.DrawGlyphNoClip(style.mark(), vg.Point{X: x + swatch/2, Y: y})
		}
		c.FillText(textStyle(textSize, 0x30, draw.XLeft, draw.YCenter), vg.Point{X: x + swatch + 5, Y: y}, entry.name)
	}
}

var (
	head       = regexp.MustCompile(`(?s)^.*?<svg.*?>\n`)
	styleOfTag = regexp.MustCompile(`\s+style="([^"]*)"`)
)

// finished gives what gonum has written a head of ours, and turns styles into attributes:
// a policy that forbids inline styles leaves those alone.
func finished(drawn, title string, height vg.Length) []byte {
	body := head.ReplaceAllLiteralString(drawn, "")
	body = styleOfTag.ReplaceAllStringFunc(body, func(tag string) string {
		return attributes(styleOfTag.FindStringSubmatch(tag)[1])
	})
	body = withAnchors(body)
	label := html.EscapeString(fitting(title, titleStyle(), 4*width))
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f" role="img" aria-label="%s" font-family="%s">
<title>%s</title>
<rect width="100%%" height="100%%" rx="8" fill="#fff"/>
%s`, width, height.Points(), width, height.Points(), label, fonts, label, body)
}

// attributes writes a style's declarations as attributes, without those that every text
// has or that the picture has as a whole.
func attributes(style string) string {
	var b strings.Builder
	for declaration := range strings.SplitSeq(style, ";") {
		name, value, _ := strings.Cut(declaration, ":")
		switch {
		case name == "font-family", name == "font-variant", value == "normal":
		default:
			fmt.Fprintf(&b, ` %s="%s"`, name, strings.ToLower(value))
		}
	}
	return b.String()
}
