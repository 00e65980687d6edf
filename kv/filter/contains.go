package filter

import "strings"

// A contains is $contains: of a string whether the operand is in it, of an array whether it
// is one of the elements.
type contains struct {
	what scalar
	fold bool // whether the ASCII letters' case makes no difference
}

func parseContains(fold bool) func(p *parser, at spot, v value) (test, error) {
	return func(p *parser, at spot, v value) (test, error) {
		s, err := p.scalar(at, v)
		if err != nil {
			return nil, err
		}
		switch s.(type) {
		case nullScalar, timeScalar:
			return nil, at.errorf("must be a string, a number or a boolean")
		}
		return contains{s, fold}, nil
	}
}

func (w contains) eval(v value, now int64) truth {
	switch {
	case v.absent():
		return unknown
	case v.isText():
		text, ok := w.what.(textScalar)
		return truthOf(ok && strings.Contains(w.folded(v.text()), w.folded(string(text))))
	}
	found := false
	v.elements(func(element value) bool {
		found = w.isElement(element, now)
		return !found
	})
	return truthOf(found)
}

func (w contains) isElement(v value, now int64) bool {
	if text, ok := w.what.(textScalar); ok && w.fold {
		return v.isText() && foldASCII(v.text()) == foldASCII(string(text))
	}
	return w.what.equals(v, now)
}

func (w contains) folded(s string) string {
	if w.fold {
		return foldASCII(s)
	}
	return s
}

// foldASCII is SQLite's lower.
func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func (w contains) operand(dst []byte) []byte { return w.what.canonical(dst) }

func (w contains) sql(c *compiler, p place) string {
	switch s := w.what.(type) {
	case textScalar:
		text := c.bind(w.folded(string(s)))
		found := "instr(" + w.lower(p.value()) + "," + text + ")>0"
		// An element stands in the array's JSON as it is, or has an escape; that it does not is
		// known much faster than the elements.
		may := "(" + found + " OR instr(" + p.value() + ",'\\')>0)"
		return p.byKind(map[string]string{
			"text":  found,
			"array": may + " AND " + p.anyElement("j.type='text' AND "+w.lower("j.value")+"="+text)})
	case numberScalar:
		var forms list
		forms.number(s.number)
		return p.byKind(map[string]string{"array": p.anyElement("j.type IN " + numberKinds + " AND j.value IN " + forms.set(c))})
	case booleanScalar:
		return p.byKind(map[string]string{"array": p.anyElement("j.type=" + c.bind(string(s.canonical(nil))))})
	}
	return "NULL"
}

func (w contains) lower(expression string) string {
	if w.fold {
		return "lower(" + expression + ")"
	}
	return expression
}

// anyElement tells whether a condition on an element j of the array is true of one.
func (p place) anyElement(condition string) string {
	return "EXISTS(SELECT 1 FROM json_each(" + p.json + "," + p.path + ") j WHERE " + condition + ")"
}

// An affix is $startsWith and $endsWith.
type affix struct {
	text      string
	end, fold bool
}

func parseAffix(a affix) func(p *parser, at spot, v value) (test, error) {
	return func(p *parser, at spot, v value) (test, error) {
		if !v.isText() {
			return nil, at.errorf("must be a string")
		}
		s, err := p.text(at, v)
		if err != nil {
			return nil, err
		}
		a := a
		a.text = string(s.(textScalar))
		return a, nil
	}
}

func (a affix) eval(v value, _ int64) truth {
	switch {
	case v.absent():
		return unknown
	case !v.isText():
		return no
	}
	whole, part := v.text(), a.text
	if a.fold {
		whole, part = foldASCII(whole), foldASCII(part)
	}
	if a.end {
		return truthOf(strings.HasSuffix(whole, part))
	}
	return truthOf(strings.HasPrefix(whole, part))
}

func (a affix) operand(dst []byte) []byte { return textScalar(a.text).canonical(dst) }

// sql compares bytes: SQLite counts no characters behind a NUL. A part of no bytes is NULL.
func (a affix) sql(c *compiler, p place) string {
	whole, part := p.value(), a.text
	if a.fold {
		whole, part = "lower("+whole+")", foldASCII(part)
	}
	bound := c.bind([]byte(part))
	from := "1,"
	if a.end {
		from = "-"
	}
	stretch := "substr(CAST(" + whole + " AS BLOB)," + from + "length(" + bound + "))"
	return p.byKind(map[string]string{"text": "(length(" + bound + ")=0 OR " + stretch + " IS " + bound + ")"})
}
