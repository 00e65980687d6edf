package query_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/buntime/keyval/kv/search/query"
)

var fields = []string{"title", "body", "meta.name", `["a.b"]`, `he said "x"`, "a:b", "a", "AND"}

func TestAQueryBecomesAnExpressionOfQuotedStringsAndNumberedColumns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{``, ``},
		{`:)`, ``},
		{`run`, `"run"`},
		{`run* fast`, `"run"* AND "fast"`},
		{`"quick ""brown"" fox"`, `"quick ""brown"" fox"`},
		{`"one two thr"*`, `"one two thr"*`},
		{`"one two thr" * four`, `"one two thr"* AND "four"`},
		{`"one two" *four`, `"one two" AND "*four"`},
		{`"one" + "two" + "thr"* x`, `"one two thr"* AND "x"`},
		{`salt + pepper`, `"salt" AND "pepper"`},
		{`^first second`, `^"first" AND "second"`},
		{`^"a b"`, `^"a b"`},
		{`^_^ :-( ;*`, ``},
		{`a AND b OR c`, `"a" AND "b" OR "c"`},
		{`a AND (b OR c)`, `("b" OR "c") AND "a"`},
		{`a NOT b c`, `"a" NOT "b" AND "c"`},
		{`a NOT b NOT c`, `"a" NOT ("b" OR "c")`},
		{`(a NOT b) NOT c`, `"a" NOT "b" NOT "c"`},
		{`and or not near`, `"and" AND "or" AND "not" AND "near"`},
		{`NEAR me`, `"NEAR" AND "me"`},
		{`NEAR(a "b c"* d, 5)`, `NEAR("a" "b c"* "d", 5)`},
		{`title: NEAR(a b)`, `{c0} : NEAR("a" "b", 10)`},
		{`title: one two`, `{c0} : "one" AND "two"`},
		{`title : one`, `{c0} : "one"`},
		{`title:^one`, `{c0} : ^"one"`},
		{`{title body}: one`, `{c0 c1} : "one"`},
		{`{title "meta.name"} : (x OR title: y OR body: z)`, `{c0 c2} : "x" OR {c0} : "y"`},
		{`title: (body: x)`, ``},
		{`-title: x`, `{c1 c2 c3 c4 c5 c6 c7} : "x"`},
		{`-{title body "meta.name" "a:b" a AND}: x`, `{c3 c4} : "x"`},
		{`meta.name: x "meta.name": y`, `{c2} : "x" AND {c2} : "y"`},
		{`"[""a.b""]": x`, `{c3} : "x"`},
		{`"he said ""x""":x`, `{c4} : "x"`},
		{`a:b: x a: b`, `{c5} : "x" AND {c6} : "b"`},
		{`AND: x`, `{c7} : "x"`},
		{`{title nope}: x`, `"{title" AND "nope}:" AND "x"`},
		{`http://x/y`, `"http://x/y"`},
		{`subtitle:x`, `"subtitle:x"`},
		{`c0:x {c1}:y`, `"c0:x" AND "{c1}:y"`},
		{"cafe\u0301* x", "\"cafe\u0301\"* AND \"x\""},
		{`a AND !!!`, `"a"`},
		{`!!! NOT a`, ``},
		{`a NOT (title: "!!!")`, `"a"`},
		{`a OR title: (body: x)`, `"a"`},
		{`a AND title: (body: x)`, ``},
		{`5" screen, 6" x`, `"5""" AND "screen," AND "6""" AND "x"`},
		{`say "hello`, `"say" AND "hello"`},
		{"a\x00b \xff\xfe c", `"a" AND "b" AND "c"`},
		{`run*, jump*.`, `"run"* AND "jump"*`},
	} {
		got, err := query.Compile(c.text, fields)
		if err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.text, got, err, c.want)
		}
	}
}

func TestASyntaxErrorHasItsPlaceAndASentence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		position int
		message  string // begins with
	}{
		{`*`, 1, "A *"},
		{`a AND *`, 7, "A *"},
		{`é AND`, 3, "This operator needs a word on its right."},
		{`AND a`, 1, "This operator needs a word on its left."},
		{`NOT`, 1, "This operator needs a word on its left."},
		{`(OR a)`, 2, "This operator needs a word on its left."},
		{`a AND OR b`, 3, "This operator needs a word on its right."},
		{`a AND NOT b`, 7, "NOT needs a word directly on its left"},
		{`a OR )`, 3, "This operator needs a word on its right."},
		{`a OR ()`, 6, "There is nothing in this parenthesis."},
		{`a OR (b`, 6, "This parenthesis is not closed."},
		{`a OR b) c`, 7, "This parenthesis closes none."},
		{`) AND a`, 1, "This parenthesis closes none."},
		{`a AND "b`, 7, "The quote is not closed."},
		{`ü AND ^"b`, 8, "The quote is not closed."},
		{`title:`, 1, "A column filter needs"},
		{`x title: OR b`, 3, "A column filter needs"},
		{`title: body: x`, 1, "A column filter needs"},
		{`NEAR()`, 1, "NEAR needs"},
		{`NEAR(a b`, 1, "NEAR's parenthesis is not closed."},
		{`NEAR(a AND b)`, 8, "NEAR takes"},
		{`NEAR(a title:b)`, 8, "NEAR takes"},
		{`NEAR(a b, x)`, 11, "NEAR's distance"},
		{`NEAR(a b,)`, 9, "NEAR's distance"},
		{`NEAR(a b, 1000001)`, 11, "NEAR's distance"},
		{`NEAR(a b, 5 6)`, 13, "NEAR takes"},
		{strings.Repeat("é", 4096) + "a", 4097, "A query has at most 8192 bytes."},
		{strings.Repeat("a ", 257), 513, "A query has at most 256 words."},
		{`x "` + strings.Repeat("a ", 257) + `"`, 3, "A query has at most 256 words."},
		{strings.Repeat("(", 65) + "a OR b", 65, "Parentheses are nested at most 64 deep"},
	} {
		match, err := query.Compile(c.text, fields)
		var e *query.Error
		if !errors.As(err, &e) || !errors.Is(err, query.ErrSyntax) {
			t.Errorf("%.40s: got %s, %v, want an error", c.text, match, err)
			continue
		}
		if e.Position != c.position || !strings.HasPrefix(e.Message, c.message) {
			t.Errorf("%.40s: got %d, %s, want %d, %s", c.text, e.Position, e.Message, c.position, c.message)
		}
	}
}
