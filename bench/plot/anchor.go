package plot

import (
	"strings"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// anchored is how texts are drawn: gonum computes where one that ends somewhere begins,
// which is right with its own font only. This marks the text with its alignment instead,
// and finished makes an anchor of that, which is right with any.
type anchored struct{ text.Handler }

// Draw draws a text as Handler would.
func (a anchored) Draw(c vg.Canvas, txt string, style text.Style, at vg.Point) {
	mark := ""
	switch style.XAlign {
	case text.XRight:
		mark = endMark
	case text.XCenter:
		mark = middleMark
	}
	style.XAlign = text.XLeft
	a.Handler.Draw(c, mark+txt, style, at)
}

// The marks are characters for private use, which fitting takes out of what comes from
// elsewhere.
const (
	endMark    = "\ue000"
	middleMark = "\ue001"
)

func withAnchors(svg string) string {
	return strings.NewReplacer(">"+endMark, ` text-anchor="end">`, ">"+middleMark, ` text-anchor="middle">`).Replace(svg)
}
