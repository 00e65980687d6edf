package search

import (
	"html"
	"strings"
)

// marks are what FTS5 puts around the words that it has found. They are made anew for each
// search: no text can have them.
type marks struct{ begin, end string }

func newMarks() marks {
	id := newID()
	return marks{"\uf8f0" + id, "\uf8f1" + id}
}

// html makes HTML of a snippet. Half a surrogate, which a text may have, is no UTF-8.
func (m marks) html(snippet string) string {
	return strings.NewReplacer(m.begin, "<mark>", m.end, "</mark>").Replace(html.EscapeString(strings.ToValidUTF8(snippet, "\ufffd")))
}
