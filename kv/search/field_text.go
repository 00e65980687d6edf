package search

import (
	"fmt"
	"slices"
	"strings"

	"github.com/buntime/keyval/kv/filter"
)

// columns are the texts of an index's fields, as expressions over an entry, a row named so.
// What they need of the paths stands in steps, which they read from the definition, joined as
// x: no text of a client's becomes SQL.
type columns struct {
	entry string
	steps []string
}

// step is an expression of a text.
func (c *columns) step(text string) string {
	at := slices.Index(c.steps, text)
	if at < 0 {
		at = len(c.steps)
		c.steps = append(c.steps, text)
	}
	return fmt.Sprintf("(x.steps->>%d)", at)
}

// of are the expressions of all fields.
func (c *columns) of(paths []filter.Path) string {
	all := make([]string, len(paths))
	for i, p := range paths {
		all[i] = c.text(p)
	}
	return strings.Join(all, ",\n")
}

// text is the text of one field: a string, a number as it is written, true, false, what an
// array has of these, with blanks between them, and the digits of a bigint. Anything else
// is NULL. No value makes it fail, not even one that is no JSON.
func (c *columns) text(p filter.Path) string {
	raw := "CAST(" + c.entry + ".value AS TEXT)"
	checked, path := p.Place("iif("+c.entry+".encoding=0 AND json_valid("+raw+"),"+raw+",NULL)", c.step)
	doc, _ := p.Place(raw, c.step)
	return strings.NewReplacer("CHECKED", checked, "DOC", doc, "PATH", path).Replace(textSQL)
}

const textSQL = `CASE json_type(CHECKED,PATH)
WHEN 'text' THEN json_extract(DOC,PATH)
WHEN 'integer' THEN DOC->PATH WHEN 'real' THEN DOC->PATH
WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
WHEN 'array' THEN (SELECT group_concat(CASE i.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE i.atom END,' ') FROM json_each(DOC,PATH) i)
WHEN 'object' THEN iif(json_extract(DOC,PATH||'.__type')='bigint',json_extract(DOC,PATH||'.value'),NULL) END`
