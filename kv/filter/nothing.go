package filter

import "strconv"

// An asked is an operator that asks what is known of everything, and whose operand says
// whether it should be so.
type asked struct {
	property
	want bool
}

// A property is of a value.
type property struct {
	of  func(v value) bool
	sql func(p place) string
}

var (
	isNull     = property{value.absent, place.nothing}
	isEmpty    = property{value.empty, place.empty}
	isNotEmpty = property{
		func(v value) bool { return !v.empty() },
		func(p place) string { return "NOT " + p.empty() },
	}
)

func parseAsked(of property) func(p *parser, at spot, v value) (test, error) {
	return func(_ *parser, at spot, v value) (test, error) {
		want, ok := v.boolean()
		if !ok {
			return nil, at.errorf("must be true or false")
		}
		return asked{of, want}, nil
	}
}

func (a asked) eval(v value, _ int64) truth { return truthOf(a.of(v) == a.want) }

func (a asked) sql(_ *compiler, p place) string {
	if a.want {
		return a.property.sql(p)
	}
	return "NOT " + a.property.sql(p)
}

func (a asked) operand(dst []byte) []byte { return strconv.AppendBool(dst, a.want) }

// empty is null, missing, "", [] or {}.
func (v value) empty() bool { return v.absent() || len(v) == 2 && v[0] > '9' || string(v) == `""` }

// nothing is whether there is nothing or null.
func (p place) nothing() string { return "(" + p.value() + " IS NULL)" }

func (p place) empty() string {
	return "CASE coalesce(" + p.value() + ",'') WHEN '' THEN 1 WHEN '[]' THEN " + p.kind() + "='array' WHEN '{}' THEN " + p.kind() + "='object' ELSE 0 END"
}
