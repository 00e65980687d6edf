package api

import (
	"fmt"
	"strconv"
	"strings"
)

// Place is where in an entry's value a filter looks. Its methods are the operators. A
// comparison with what is missing or null is unknown: it does not match, nor does Not of
// it. A number never equals a string, and neither is before or after the other.
type Place struct {
	path string
	err  error
}

// Field is the place that a path names, as the contract writes it: "a.b", "items[0].x",
// `["a.b"].x`.
func Field(path string) Place { return Place{path: path} }

// Path is the place to which members (strings, whatever is in them) and indexes (ints) lead:
// Path("a.b", "x", 0) is Field(`["a.b"].x[0]`).
func Path(steps ...any) Place {
	var out strings.Builder
	for _, step := range steps {
		if err := appendStep(&out, step); err != nil {
			return Place{err: fmt.Errorf("where: path: %w", err)}
		}
	}
	return Place{path: out.String()}
}

func appendStep(out *strings.Builder, step any) error {
	switch v := step.(type) {
	case int:
		if v < 0 {
			return fmt.Errorf("the index %d is negative", v)
		}
		out.WriteString("[" + strconv.Itoa(v) + "]")
		return nil
	case string:
		return appendName(out, v)
	}
	return fmt.Errorf("no step can have type %T", step)
}

func appendName(out *strings.Builder, name string) error {
	if isPlainName(name) {
		if out.Len() > 0 {
			out.WriteByte('.')
		}
		out.WriteString(name)
		return nil
	}
	quoted, err := quote(name)
	if err != nil {
		return err
	}
	out.WriteString("[" + string(quoted) + "]")
	return nil
}

// isPlainName reports whether a member's name stands in a path as it is: letters, digits and
// underscores, with no digit in front.
func isPlainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !isLetter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// String is the path, as the fields of an index are named.
func (p Place) String() string { return p.path }

func (p Place) where(operator string, operand any) Where {
	if p.err != nil {
		return Where{err: p.err}
	}
	return member(p.path, member(operator, operand))
}

// Eq matches what equals v; with nil what is null or missing.
func (p Place) Eq(v any) Where { return p.where("$eq", v) }

// Ne matches what is there and does not equal v; with nil what is neither null nor missing.
func (p Place) Ne(v any) Where { return p.where("$ne", v) }

// Gt matches what is of v's type and greater.
func (p Place) Gt(v any) Where { return p.where("$gt", v) }

// Gte matches what is of v's type and not less.
func (p Place) Gte(v any) Where { return p.where("$gte", v) }

// Lt matches what is of v's type and less.
func (p Place) Lt(v any) Where { return p.where("$lt", v) }

// Lte matches what is of v's type and not greater.
func (p Place) Lte(v any) Where { return p.where("$lte", v) }

// Between matches what is neither less than low nor greater than high.
func (p Place) Between(low, high any) Where { return p.where("$between", list([]any{low, high})) }

// In matches what equals one of the values; none at all match nothing.
func (p Place) In(values ...any) Where { return p.where("$in", list(values)) }

// NotIn matches what is there and equals none of the values.
func (p Place) NotIn(values ...any) Where { return p.where("$nin", list(values)) }

// Contains matches a string with v in it, and an array with an element that equals v.
func (p Place) Contains(v any) Where { return p.where("$contains", v) }

// ContainsFold is Contains without regard to the case of ASCII letters.
func (p Place) ContainsFold(v any) Where { return p.where("$containsi", v) }

// NotContains matches a string or an array that does not contain v.
func (p Place) NotContains(v any) Where { return p.where("$notContains", v) }

// NotContainsFold is NotContains without regard to the case of ASCII letters.
func (p Place) NotContainsFold(v any) Where { return p.where("$notContainsi", v) }

// StartsWith matches a string that begins with s.
func (p Place) StartsWith(s string) Where { return p.where("$startsWith", s) }

// StartsWithFold is StartsWith without regard to the case of ASCII letters.
func (p Place) StartsWithFold(s string) Where { return p.where("$startsWithi", s) }

// EndsWith matches a string that ends with s.
func (p Place) EndsWith(s string) Where { return p.where("$endsWith", s) }

// EndsWithFold is EndsWith without regard to the case of ASCII letters.
func (p Place) EndsWithFold(s string) Where { return p.where("$endsWithi", s) }

// Null matches, with true, what is null or missing, and with false all else.
func (p Place) Null(is bool) Where { return p.where("$null", is) }

// Empty matches null, what is missing, "", [] and {}.
func (p Place) Empty() Where { return p.where("$empty", true) }

// NotEmpty matches all that Empty does not.
func (p Place) NotEmpty() Where { return p.where("$notEmpty", true) }

// list is never null in JSON. A bigint in it has its type.
func list(values []any) []operand {
	out := make([]operand, len(values))
	for i, v := range values {
		out[i] = operand{v}
	}
	return out
}

// operand is a value of a list.
type operand struct{ value any }

// MarshalJSON is operandJSON.
func (o operand) MarshalJSON() ([]byte, error) { return operandJSON(o.value) }
