package query_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/buntime/keyval/kv/search/query"
)

// seeds are queries of all kinds, attempts at injection among them.
func seeds() []string {
	deep := func(left, middle, right string, n int) string {
		return strings.Repeat(left, n) + middle + strings.Repeat(right, n)
	}
	return []string{
		`run* "quick brown" "one two thr"*`, `a AND b OR c NOT d`, `NEAR(a "b c"*, 5) ^first`,
		`title: a body:(b OR c) {title body}: d -title: e`, `"meta.name": x meta.name: y`,
		`it's 50% off (really)`, `C++`, `foo/bar`, `a-b-c`, `e-mail@host.com`, `10:30`, `:)`, `AT&T`, `what?`,
		`http://x`, `"10:30"`, `a AND !!!`, `*`, `"a`, `a AND "b`, `(a OR b`, `NEAR(`, `NEAR(a, x)`,
		"a\x00b", "\xff\"\xfe", "\u0301", "\u0301* OR a", "e\u0301*", "𞤀 AND 😀", "\U0001e900*", "\ue000", "ß ſ İ",
		`"a" OR 1=1 --`, `'; DROP TABLE f; --`, `a" OR "b`, `a"" OR ""b`, `""""`, `"""" AND a`, `"a""" OR b"`,
		`c1: secret`, `{c0 c1}: secret`, `- c0 : secret`, `"c1": secret`, `title: "x" OR c1: y`, `rank: x`, `f: x`,
		`title: "a" + "b"`, `"a" + "b" + "c"*`, `title:{body}: x`, `rank MATCH 'bm25(10)'`, `a\" OR b`,
		`title:(body:(x)) OR y`, `-{title body "meta.name"}: x`, `a NOT (b NOT (c NOT d))`, `^`, `^*`, `+`, `,`, `{`, `}`, `{}`, `{}:x`, `-:x`,
		deep("(", "a AND b", ")", 64), deep("x NOT (", "a AND b", ")", 21), deep("(x OR ", "a AND b", ") y", 64),
		deep("title:(y OR x ", "a AND b", ")", 64), deep("((a OR b) NOT (", "c AND d", "))", 20),
		strings.Repeat("a NOT ", 255) + "a", strings.Repeat("a OR b AND ", 127) + "a", strings.Repeat("^a* ", 256),
		"NEAR(" + strings.Repeat("a ", 255) + ", 1000000)", `"` + strings.Repeat("a ", 256) + `"*`, strings.Repeat("(", 4000) + " AND",
		strings.Repeat("{", 4000) + ":", strings.Repeat(`"" `, 2000), strings.Repeat(`title: x `, 256), strings.Repeat("!", 8192),
	}
}

// fuzzFields are the fields of the columns of the tables that the tests ask.
var fuzzFields = []string{"title", "body", "meta.name"}

var (
	quotedString = regexp.MustCompile(`"([^"]|"")*"`)
	outside      = regexp.MustCompile(`^([ ()^*:,{}S]|AND|OR|NOT|NEAR|c[012]\b|\d+)*$`)
)

// mustBeSafe compiles a text and checks that only strings have something of the text.
func mustBeSafe(t *testing.T, text string) (match string, ok bool) {
	t.Helper()
	match, err := query.Compile(text, fuzzFields)
	var e *query.Error
	if errors.As(err, &e) {
		if e.Position < 1 || e.Position > len([]rune(text)) || !errors.Is(err, query.ErrSyntax) {
			t.Fatalf("%q: position %d, %v", text, e.Position, err)
		}
		return "", false
	}
	if err != nil || strings.ContainsRune(match, 0) {
		t.Fatalf("%q: got %q, %v", text, match, err)
	}
	if rest := quotedString.ReplaceAllString(match, "S"); !outside.MatchString(rest) {
		t.Fatalf("%q: %s is more than operators, columns and strings", text, match)
	}
	return match, match != ""
}

func FuzzCompile(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	tables := mustMakeTables(f)
	f.Fuzz(func(t *testing.T, text string) {
		match, ok := mustBeSafe(t, text)
		if !ok {
			return
		}
		for _, table := range tables {
			if _, err := table.find(t.Context(), match); err != nil {
				t.Fatalf("%q: %s on %s: %v", text, match, table.name, err)
			}
		}
	})
}

// mustMakeTables makes a table for each tokenizer.
func mustMakeTables(t testing.TB) []table {
	t.Helper()
	db := openDB(t)
	var tables []table
	for _, tokenizer := range tokenizers {
		tables = append(tables, mustMakeTable(t, db, "f_"+tokenizer, tokenizer, len(fuzzFields),
			[]string{"the quick brown fox", "a b c d", "x"}, []string{"10:30", "e-mail@host.com", "y z"}))
	}
	return tables
}

func TestAFilteredQueryFindsNothingInOtherColumns(t *testing.T) {
	t.Parallel()
	table := mustMakeTable(t, openDB(t), "f", "unicode61", 2, []string{"open", "secret"})
	for _, text := range []string{
		`title: secret`, `title: (secret OR secret)`, `title: (body: secret OR secret)`, `title: NEAR(secret open)`,
		`title: "secret"*`, `title: ^secret`, `title: s*`, `title:"x"" OR c1 : ""secret"`, `-body: secret`,
		`title: (secret) NOT x`, `{title}: secret`, `title: "secret" + "open"`, `title: (x OR (y OR secret))`,
	} {
		match, err := query.Compile(text, []string{"title", "body"})
		if err != nil || match == "" && text != `title: (body: secret)` {
			t.Errorf("%s: got %q, %v", text, match, err)
		}
		if found, err := table.find(t.Context(), match); err != nil || len(found) > 0 {
			t.Errorf("%s: %s finds %v, %v", text, match, found, err)
		}
	}
}

var nestings = []struct{ left, right string }{
	{"(", ")"}, {"a NOT (", ")"}, {"(a OR ", ") b"}, {"b (a OR ", ")"}, {"a AND (b OR c NOT (", "))"},
	{"((a OR b) NOT (", ") c)"}, {"title:(a OR b ", ")"}, {"((a OR b c) AND (d OR e f) AND (", " OR x))"},
	{"a NOT b NOT (", ")"}, {"(a b OR c d NOT (", ") e OR f)"},
}

// The deepest that FTS5's parser is asked for is what it can do.
func TestTheDeepestQueriesRun(t *testing.T) {
	t.Parallel()
	tables := mustMakeTables(t)
	for _, part := range nestings {
		match, depth := mustCompileDeepest(t, part.left, part.right)
		if depth < query.MaxDepth/6 {
			t.Errorf("%s is allowed only %d deep", part.left, depth)
		}
		mustRun(t, tables, match)
	}
}

// mustCompileDeepest nests what is between left and right as deep as is allowed.
func mustCompileDeepest(t *testing.T, left, right string) (match string, depth int) {
	t.Helper()
	for {
		deeper, ok := mustBeSafe(t, strings.Repeat(left, depth+1)+"x AND y"+strings.Repeat(right, depth+1))
		if !ok {
			return match, depth
		}
		match, depth = deeper, depth+1
	}
}
