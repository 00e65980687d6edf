package filter_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

func TestWhatIsNoFilterIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	nested := func(n int) string {
		return strings.Repeat(`{"$not":`, n-1) + "{}" + strings.Repeat("}", n-1)
	}
	for _, c := range []struct{ where, message string }{
		{`[]`, "where must be an object"},
		{`null`, "where must be an object"},
		{`{`, "where is not valid JSON: it ends early"},
		{`{"a":1}x`, "where is not valid JSON"},
		{"{\"a\":\"\xff\"}", "where is not valid JSON: it is not valid UTF-8 at byte 6"},
		{`{"a":{"$foo":1}}`, "where.a.$foo is no operator: there are $between"},
		{`{"$foo":1}`, "where.$foo is no operator: there are $and, $or and $not"},
		{`{"$gt":1}`, "where.$gt stands outside a field"},
		{`{"a":{"$not":{"$gt":1}}}`, "where.a.$not stands within a field"},
		{`{"a":{"b":1}}`, `where.a.b is no operator; what is in an object is named by its path`},
		{`{"a":{}}`, "where.a has no operator"},
		{`{"a":[1]}`, "where.a must be a string, a number, a boolean or null; arrays"},
		{`{"a":{"$eq":{"b":1}}}`, "where.a.$eq must be a string, a number, a boolean or null; objects"},
		{`{"a":{"$gt":null}}`, "where.a.$gt must be a string, a number or a boolean"},
		{`{"a":{"$in":1}}`, "where.a.$in must be an array"},
		{`{"a":{"$in":[1,[2]]}}`, "where.a.$in[1] must be a string"},
		{`{"a":{"$between":[1]}}`, "where.a.$between must be an array of two"},
		{`{"a":{"$between":[1,"x"]}}`, "where.a.$between must be two strings, two numbers or two booleans"},
		{`{"a":{"$between":[1,null]}}`, "where.a.$between[1] must be"},
		{`{"a":{"$contains":null}}`, "where.a.$contains must be a string, a number or a boolean"},
		{`{"a":{"$startsWith":1}}`, "where.a.$startsWith must be a string"},
		{`{"a":{"$null":1}}`, "where.a.$null must be true or false"},
		{`{"a":1e400}`, "where.a is a number that no double can hold"},
		{`{"a":{"__type":"bigint","value":"x"}}`, `where.a must be {"__type":"bigint"`},
		{`{"a":{"__type":"bytes","value":"x"}}`, `where.a must be {"__type":"bigint"`},
		{`{"a":{"__type":"bigint","value":"` + strings.Repeat("1", 1001) + `"}}`, `where.a must be {"__type":"bigint"`},
		{`{"a":{"$now":false}}`, `where.a must be {"$now":true}`},
		{`{"a":{"$now":true,"offset":1.5}}`, `where.a must be {"$now":true}`},
		{`{"a":{"$lt":{"$now":true,"offset":4503599627370497}}}`, `where.a.$lt must be {"$now":true}`},
		{`{"a":"\ud800"}`, "where.a has the escape of a lone surrogate"},
		{`{"\ud800":1}`, "where has a name with the escape of a lone surrogate"},
		{`{"$and":{}}`, "where.$and must be an array"},
		{`{"$and":[1]}`, "where.$and[0] must be an object"},
		{`{"$or":[{},{"$not":{"a":{"$empty":0}}}]}`, "where.$or[1].$not.a.$empty must be true or false"},
		{`{"":1}`, "where. is no path: it has an empty name"},
		{`{"a..b":1}`, "where.a..b is no path: it has an empty name"},
		{`{"a[-1]":1}`, "is no path: it has neither an index nor a name"},
		{`{"a[01]":1}`, "is no path"},
		{`{"a[4294967296]":1}`, "is no path: it has an index of more than 9 digits"},
		{`{"a[\"b]":1}`, "is no path: it has a quote or a bracket that is not closed"},
		{`{"a[\"\\q\"]":1}`, "is no path: it has quotes around what is no JSON string"},
		{`{"[\"\\u0000\"]":1}`, "is no path: it has a name with a NUL"},
		{`{"a[0]b":1}`, "is no path: it has something else than a dot"},
		{`{"a.$b":1}`, "is no path: it has a name with a special character"},
		{`{"a\"":1}`, "is no path"},
		{`{"` + strings.Repeat("x", 500) + `":{"$foo":1}}`, "where." + strings.Repeat("x", 100) + "….$foo is no operator"},
		{`{"` + strings.Repeat("a.", 500) + `a":1}`, "is no path: it has more than 500 steps"},
		{nested(33), "$not is too deep: $and, $or and $not may nest 32 deep"},
		{`{"a":{"$in":[1` + strings.Repeat(",1", 999) + `]}}`, "where.a.$in[999] is one too many"},
	} {
		f, err := filter.Parse([]byte(c.where))
		if f != nil || !errors.Is(err, filter.ErrInvalid) || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%.80s: got %v, want %q", c.where, err, c.message)
		}
	}
	mustParse(t, nested(32))
}

func TestAMessageQuotesNoOperand(t *testing.T) {
	t.Parallel()
	for _, operand := range []string{`{"$startsWith":["secret"]}`, `["secret"]`, `{"$eq":{"secret":1}}`, `{"__type":"secret"}`, `{"$now":"secret"}`, `{"$gt":{"x":"secret"}}`, `{"$between":["secret",1]}`} {
		_, err := filter.Parse([]byte(`{"a":` + operand + "}"))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", operand, err)
		}
	}
}

func TestTheLargestFiltersRun(t *testing.T) {
	t.Parallel()
	many := func(n int, text string) string { return strings.TrimSuffix(strings.Repeat(text+",", n), ",") }
	deep := strings.Repeat(`{"b":{"$ne":1},"$not":{"$or":[`, 15) + `{"a":{"$gt":1}},{"a":"x"}` + strings.Repeat("]}}", 15)
	ordered := `{"$between":[1,{"__type":"bigint","value":"1` + strings.Repeat("0", 30) + `"}]}`
	wheres := []string{
		strings.Repeat(`{"$or":[{"a":`+ordered+`,"b":`+ordered+`},{"a":`+ordered+`,"$not":`, 15) + `{"a":1}` + strings.Repeat("}]}", 15),
		strings.Repeat(`{"$or":[`+many(30, `{"a":{"$in":[1,"x",true,null,{"$now":true}]}}`)+`,`, 5) + strings.Repeat(`{"$and":[{"a":`+ordered+`},{"$or":[{"a":{"$gt":{"$now":true}}},`, 13) +
			`{"a":` + ordered + `}` + strings.Repeat("]}]}", 13) + strings.Repeat("]}", 5),
		`{` + many(1000, `"a":{"$gt":1}`) + `}`,
		`{"$or":[` + many(300, `{"a":{"$lt":{"__type":"bigint","value":"-1`+strings.Repeat("0", 30)+`"}}}`) + `]}`,
		`{"$or":[` + many(333, `{"$not":{"a":{"$contains":"x"}}}`) + `]}`,
		`{"a":{"$in":[` + many(999, `"x"`) + `]}}`,
		`{"a":{"$nin":[` + many(300, `{"$now":true}`) + `]}}`,
		deep,
		// Filters that ask nothing count for nothing, and may be any number.
		strings.Repeat(`{"$or":[`+many(40, `{}`)+`,{"$and":[`+many(40, `{"a":1}`)+`,`, 15) + `{"a":2}` + strings.Repeat("]}]}", 15),
		strings.Repeat(`{"$not":{"$or":[`+many(60, `{}`)+`,{"$or":[]},{"a":{"$gt":1}},`, 15) + `{}` + strings.Repeat("]}}", 15),
	}
	onEachEngine(t, func(t *testing.T, db *sqldb.DB) {
		for _, where := range wheres {
			agree(t, db, []string{`{"a":2}`, `{"a":"x"}`, `{}`}, []*filter.Filter{mustParse(t, where)})
		}
	})
}

func TestADocumentMayNestAsDeepAsAnyValue(t *testing.T) {
	t.Parallel()
	arrays := strings.Repeat("[", 500) + strings.Repeat("]", 500)
	objects := strings.Repeat(`{"a":`, 499) + `{"a":1}` + strings.Repeat("}", 499)
	filters := []*filter.Filter{
		mustParse(t, `{"`+strings.Repeat("a.", 499)+`a":1}`), mustParse(t, `{"a":{"$contains":1}}`),
		mustParse(t, `{"`+strings.Repeat("[0]", 499)+`":{"$empty":true}}`), mustParse(t, `{"a":{"$null":false}}`)}
	onEachEngine(t, func(t *testing.T, db *sqldb.DB) { agree(t, db, []string{arrays, objects}, filters) })
	if !filters[0].Match([]byte(objects), now) || !filters[2].Match([]byte(arrays), now) {
		t.Error("the innermost value is not found")
	}
}

func TestAFilterHasOneCanonicalForm(t *testing.T) {
	t.Parallel()
	for _, group := range [][]string{
		{`{"a":{"$eq":1}}`, `{"a":1}`, ` { "a" : 1 } `, `{"\u0061":{"$eq":1}}`, `{"[\"a\"]":1}`, `{"a":{"__type":"bigint","value":"001"}}`},
		{`{"a[\"b.c\"]":{"$eq":100.0}}`, `{"[\"a\"][\"b\u002ec\"]":1e2}`},
		{`{"a":{"$gt":1},"a":{"$lt":5}}`, `{"a":{"$gt":1,"$lt":5}}`},
		{`{"$or":[{"a":{"$in":[{"$now":true},{"$now":true,"offset":5}]}},{}]}`, `{"$or":[{"a":{"$in":[{"$now":true,"offset":null},{"offset":5.0,"$now":true}]}},{}]}`},
	} {
		for _, where := range group {
			if got := string(mustParse(t, where).Canonical()); got != group[0] {
				t.Errorf("%s: got %s, want %s", where, got, group[0])
			}
		}
	}
}

func TestFiltersOfOneShapeHaveOneStatement(t *testing.T) {
	t.Parallel()
	a, first := mustParse(t, `{"a":{"$gt":1},"b.c":"x' OR 1=1"}`).SQL("d.v", "?1", 4)
	b, second := mustParse(t, `{"x[0]":{"$gt":-7.5},"[\"') --\"]":"y"}`).SQL("d.v", "?1", 4)
	if a != b || len(first) != len(second) || len(first) != 4 || !strings.Contains(a, "?7") || strings.Contains(a, "?8") {
		t.Errorf("%s\n%v\n%s\n%v", a, first, b, second)
	}
}

func TestAFilterMatchesAllIfNoFieldMatters(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]bool{
		`{}`: true, `{"$and":[]}`: true, `{"$and":[{},{"$and":[]}]}`: true, `{"$or":[{"a":1},{}]}`: true, `{"$not":{"$or":[]}}`: true,
		`{"$or":[]}`: false, `{"$not":{}}`: false, `{"a":{"$null":true}}`: false, `{"a":{"$ne":null}}`: false, `{"$not":{"a":1}}`: false,
		`{"$and":[{},{"a":1}]}`: false, `{"a":{"$in":[]}}`: false,
	} {
		if got := mustParse(t, where).MatchesAll(); got != want {
			t.Errorf("%s matches all: %v", where, got)
		}
	}
}

func TestNoFilterMatchesEverything(t *testing.T) {
	t.Parallel()
	var f *filter.Filter
	sql, args := f.SQL("d.v", "?1", 4)
	if !f.Match([]byte("{}"), now) || sql != "1" || args != nil || f.Canonical() != nil {
		t.Errorf("%s %v", sql, args)
	}
}

func TestAPathHasOneCanonicalForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, canonical string }{
		{"a.b", "a.b"}, {`["a"].b`, "a.b"}, {`a["b"]`, "a.b"}, {"items[0].x", "items[0].x"}, {`["a.b"]`, `["a.b"]`}, {`[""]`, `[""]`},
		{`["x\u0022y"]`, `["x\"y"]`}, {"[0][1]", "[0][1]"}, {"first name", "first name"}, {`["$a"]`, `["$a"]`},
	} {
		p, err := filter.ParsePath(c.path)
		if err != nil || p.String() != c.canonical {
			t.Errorf("%s: got %s, %v", c.path, p, err)
		}
	}
	for _, path := range []string{"", ".", "a.", ".a", "a[", "a[]", "a[x]", "$", "$.a", "a\x00", "\xff", `["a`} {
		if p, err := filter.ParsePath(path); !errors.Is(err, filter.ErrInvalid) {
			t.Errorf("%q: got %s, %v", path, p, err)
		}
	}
}

// FuzzParse holds whatever is a filter to what all filters promise.
func FuzzParse(f *testing.F) {
	for _, where := range []string{`{"a":1}`, `{"a":{"$in":["x",null,{"$now":true}]},"$not":{"b[0]":{"$lt":{"__type":"bigint","value":"99999999999999999999"}}}}`,
		`{"a') OR 1=1 --":"'; DROP TABLE kv_entries; --"}`, `{"[\"a\\\") OR 1=1 --\"]":{"$contains":"%' OR '1'='1"}}`, `{"a\".b":{"$gt":1}}`, `{"$.a":1}`, `{"a[#-1]":1}`,
		`{"[\"\\u0022,'$')--\"]":{"$between":["\u0000","?1"]}}`, `{"a":{"$startsWithi":"?1"},"$or":[{"b":{"$empty":false}}]}`} {
		f.Add([]byte(where), []byte(`{"a":"x","b":[1,{"__type":"bigint","value":"5"}]}`))
	}
	for _, document := range []string{`[]`, `"a"`, `{"a":`, `{"a\u0000":1,"a":"\ud800"}`, `{"a\") OR 1=1 --":"'; DROP TABLE kv_entries; --"}`, `{"`, `{"a"`, `[[`, `{"a":"\u00`, `{"\u":1}`} {
		f.Add([]byte(`{"a":{"$ne":1},"[\"b\"]":null}`), []byte(document))
	}
	db := embedded(f)
	f.Fuzz(func(t *testing.T, where, document []byte) {
		parsed, err := filter.Parse(where)
		if err != nil {
			if !errors.Is(err, filter.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		again := mustParse(t, string(parsed.Canonical()))
		if got, want := string(again.Canonical()), string(parsed.Canonical()); got != want {
			t.Fatalf("%s becomes %s", want, got)
		}
		parsed.Match(document, now) // whatever it is, there is no panic
		value, err := kv.ParseValue(slices.Clone(document), 1<<20)
		if err != nil || hasLongDouble(value) {
			return
		}
		agree(t, db, []string{string(value)}, []*filter.Filter{parsed, again})
	})
}

// hasLongDouble tells whether the engine may read a number as its neighbour.
func hasLongDouble(document []byte) bool {
	for _, number := range longNumber.FindAll(document, -1) {
		if len(number) > 17 {
			return true
		}
	}
	return extremeNumber.Match(document)
}

var (
	longNumber    = regexp.MustCompile(`[0-9.]{16,}`)
	extremeNumber = regexp.MustCompile(`[eE][-+]?[0-9]{3,}|0{50,}`)
)

func BenchmarkParse(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = filter.Parse([]byte(c.where))
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	document := []byte(`{"id":4711,"name":"user number 4711","email":"user4711@example.com","age":31,"tags":["a","b","c"],"address":{"city":"Town 11","zip":"04711"},"active":true,"x":null}`)
	for _, c := range benchmarks {
		f, err := filter.Parse([]byte(c.where))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Match(document, now)
			}
		})
	}
}

var benchmarks = []struct{ name, where string }{
	{"equal", `{"age":31}`},
	{"three", `{"age":{"$gte":18,"$lt":65},"address.city":{"$startsWith":"Town"}}`},
	{"hundred", `{"age":{"$in":[` + strings.TrimSuffix(strings.Repeat("1,", 100), ",") + `]}}`},
}
