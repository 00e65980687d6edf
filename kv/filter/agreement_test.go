package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
	"github.com/buntime/keyval/node/nodetest"
)

// Numbers at which something changes: of mantissas, of 64 bits, of doubles.
var (
	integers = []string{"0", "1", "-1", "2", "10", "100", "1700000000000", "1700000000005", "9007199254740991", "9007199254740992",
		"9007199254740993", "-9007199254740993", "9223372036854774784", "9223372036854775806", "9223372036854775807", "9223372036854775808",
		"9223372036854775809", "9223372036854777856", "-9223372036854775807", "-9223372036854775808", "-9223372036854775809",
		"18446744073709551616", "18446744073709551617", "-18446744073709551616", "1" + strings.Repeat("0", 22), "-1" + strings.Repeat("0", 22),
		"1" + strings.Repeat("0", 400), "-1" + strings.Repeat("0", 400)}
	doubles = []string{"-0", "0.0", "-0.0", "1.0", "1.5", "-1.5", "0.1", "1e2", "1E+2", "1e-7", "9007199254740993.0", "1e19", "-1e19",
		"9223372036854775807.0", "9.223372036854775e18", "1e22", "1e300", "-1e300", "1700000000000.5"}
	infinite = []string{"1e400", "-1e400", "1" + strings.Repeat("0", 400)}
	texts    = []string{`""`, `"a"`, `"A"`, `"ab"`, `"aB"`, `"b"`, `"ba"`, `"é"`, `"É"`, `"\u00e9"`, `"😀"`, `"\ud83d\ude00"`, `"%"`, `"_"`, `"a%"`, `"1"`,
		`"true"`, `"null"`, `"[]"`, `"{}"`, `"\""`, `"\\"`, `"\/"`, `"\n\t\r\b\f"`, `"a\u0000"`, `"a\u0000b"`, `"\u0000"`, `"'"`, `"a' OR 1=1 --"`, `"a\u007f"`,
		`"{\"__type\":\"bigint\",\"value\":\"1\"}"`, `"*"`, `"[a]"`, `"\uffff"`, `"zzzzzzzzzzzzzzzzzzzzzzz"`}
	halves = []string{`"\ud800"`, `"a\udc00b"`, `"\ud800\ud800\udc00"`}
	// Objects that are like bigints, and are none.
	likes = []string{`{"__type":"bigint","value":"01"}`, `{"__type":"bigint","value":"-0"}`, `{"__type":"bigint","value":""}`, `{"__type":"bigint","value":"-"}`,
		`{"__type":"bigint","value":"+1"}`, `{"__type":"bigint","value":"1.0"}`, `{"__type":"bigint","value":"\u0031"}`, `{"__typ\u0065":"bigint","value":"1"}`,
		`{"__type":"bigint","value":1}`, `{"__type":"bigint","value":"1","x":2}`, `{"__type":"bigint","value":"1","value":"2"}`, `{"value":"","__type":"bigint"}`,
		`{"value":"1x","__type":"bigint"}`, `{"__type":"bytes","value":"1"}`, `{"__type":"bigint","value":"1"}`}
	names = []string{`"a"`, `"b"`, `"a"`, `"b"`, `"\u0061"`, `"a.b"`, `""`, `"x\"y"`, `"x\u0022y"`, `"\\"`, `"$eq"`, `"[0]"`, `"a\u0000b"`, `"\u0000"`, `"é"`, `"\u00e9"`,
		`"😀"`, `"\ud83d\ude00"`, `"\ud83d"`, `"__type"`, `"value"`, `"a b"`, `"key"`, `"\n"`}
	paths = []string{`a`, `a`, `b`, `a.b`, `b.a`, `a[0]`, `a[1]`, `b[0].a`, `a[0][0]`, `["a.b"]`, `[""]`, `["x\"y"]`, `["\\"]`, `["$eq"]`, `["[0]"]`, `é`, `😀`, `[0]`, `[0].a`,
		`["a"]["b"]`, `a[""]`, `a b`, `a.value`, `["\n"]`, `["'"]`, `a[999999999]`, `["a\") OR 1=1 --"]`}
)

func bigint(t *rapid.T) string {
	digits := rapid.SampledFrom(integers).Draw(t, "digits")
	if rapid.Bool().Draw(t, "order") {
		return `{"value":"` + digits + `","__type":"bigint"}`
	}
	return `{"__type":"bigint","value":"` + digits + `"}`
}

func drawNumber(t *rapid.T) string {
	if rapid.Bool().Draw(t, "any") {
		return fmt.Sprint(rapid.IntRange(-20, 20).Draw(t, "small"))
	}
	return rapid.SampledFrom(append(integers[:len(integers)-2:len(integers)-2], doubles...)).Draw(t, "number")
}

func drawDocument(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 13).Draw(t, "kind")
	if depth == 0 {
		kind %= 9
	}
	switch kind {
	case 0:
		return "null"
	case 1:
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "boolean")
	case 2, 3:
		return drawNumber(t)
	case 4:
		return bigint(t)
	case 5, 6:
		return rapid.SampledFrom(texts).Draw(t, "text")
	case 7:
		return rapid.SampledFrom(append(append([]string{"[]", "{}", `{"a":1}`, `[1,"a"]`}, halves...), infinite...)).Draw(t, "odd")
	case 8:
		return rapid.SampledFrom(likes).Draw(t, "like")
	case 9, 10:
		return "[" + list(t, 3, func() string { return drawDocument(t, depth-1) }) + "]"
	}
	return "{" + list(t, 4, func() string {
		return rapid.SampledFrom(names).Draw(t, "name") + ":" + drawDocument(t, depth-1)
	}) + "}"
}

func list(t *rapid.T, most int, element func() string) string {
	elements := make([]string, rapid.IntRange(0, most).Draw(t, "length"))
	for i := range elements {
		elements[i] = element()
	}
	return strings.Join(elements, ",")
}

// drawOperand draws one of the types that letters name.
func drawOperand(t *rapid.T, types string) string {
	switch rapid.SampledFrom([]byte(types)).Draw(t, "type") {
	case '0':
		return "null"
	case 'b':
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "boolean")
	case 'n':
		if rapid.IntRange(0, 2).Draw(t, "bigint") == 0 {
			return bigint(t)
		}
		return drawNumber(t)
	case 't':
		return rapid.SampledFrom([]string{`{"$now":true}`, `{"$now":true,"offset":5}`, `{"offset":-1700000000000,"$now":true}`}).Draw(t, "time")
	}
	return rapid.SampledFrom(texts).Draw(t, "text")
}

func drawOperator(t *rapid.T) string {
	name := rapid.SampledFrom([]string{"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$between", "$in", "$nin", "$contains", "$notContains", "$startsWith", "$endsWith",
		"$containsi", "$notContainsi", "$startsWithi", "$endsWithi", "$null", "$empty", "$notEmpty"}).Draw(t, "operator")
	operand := ""
	switch name {
	case "$eq", "$ne":
		operand = drawOperand(t, "0bnst")
	case "$gt", "$gte", "$lt", "$lte":
		operand = drawOperand(t, "bnnst")
	case "$between":
		types := rapid.SampledFrom([]string{"b", "nt", "s"}).Draw(t, "types")
		operand = "[" + drawOperand(t, types) + "," + drawOperand(t, types) + "]"
	case "$in", "$nin":
		operand = "[" + list(t, 4, func() string { return drawOperand(t, "0bnnsst") }) + "]"
	case "$null", "$empty", "$notEmpty":
		operand = drawOperand(t, "b")
	case "$contains", "$notContains", "$containsi", "$notContainsi":
		operand = drawOperand(t, "bnss")
	default:
		operand = drawOperand(t, "s")
	}
	return `"` + name + `":` + operand
}

func drawWhere(t *rapid.T, depth int) string {
	return "{" + list(t, 3, func() string { return drawMember(t, depth) }) + "}"
}

func drawMember(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	switch {
	case depth > 0 && kind == 0:
		return `"$not":` + drawWhere(t, depth-1)
	case depth > 0 && kind == 1:
		return `"$and":[` + list(t, 3, func() string { return drawWhere(t, depth-1) }) + "]"
	case depth > 0 && kind == 2:
		return `"$or":[` + list(t, 3, func() string { return drawWhere(t, depth-1) }) + "]"
	}
	path := string(sqldb.AppendString(nil, []byte(rapid.SampledFrom(paths).Draw(t, "path"))))
	if kind == 3 {
		return path + ":" + drawOperand(t, "0bnst")
	}
	return path + ":{" + drawOperator(t) + "," + drawOperator(t) + "}"
}

// drawField is a filter of one operator or its opposite, which tells all three truths apart.
func drawField(t *rapid.T) (filter, opposite string) {
	filter = "{" + string(sqldb.AppendString(nil, []byte(rapid.SampledFrom(paths).Draw(t, "path")))) + ":{" + drawOperator(t) + "}}"
	return filter, `{"$not":` + filter + "}"
}

// runAgreement asks of random documents and filters, and tells how many pairs it was.
func runAgreement(t *testing.T, db *sqldb.DB, runs, documents, filters int) (pairs int) {
	for range runs/100 + 1 {
		ran, failing := 0, false
		rapid.Check(t, func(rt *rapid.T) {
			if ran++; ran > runs && !failing {
				return
			}
			done := false
			defer func() { failing = failing || !done }() // rapid goes on, to find a shorter one
			docs := make([]string, documents)
			for i := range docs {
				docs[i] = drawDocument(rt, 3)
			}
			var wheres []*filter.Filter
			for range filters {
				a, b := drawField(rt)
				wheres = append(wheres, mustParse(rt, a), mustParse(rt, b), mustParse(rt, drawWhere(rt, 3)))
			}
			agree(rt, db, docs, wheres)
			pairs += len(docs) * len(wheres)
			done = true
		})
	}
	return pairs
}

func TestGoAndSQLGiveTheSameAnswer(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, db *sqldb.DB) { runAgreement(t, db, 40, 12, 6) })
}

func TestSoakGoAndSQLGiveTheSameAnswer(t *testing.T) {
	nodetest.OnlyInSoak(t)
	t.Parallel()
	onEachEngine(t, func(t *testing.T, db *sqldb.DB) {
		t.Logf("%d pairs", runAgreement(t, db, 1000, 40, 20))
	})
}
