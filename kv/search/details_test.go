package search_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
	"github.com/buntime/keyval/kv/search"
	"github.com/buntime/keyval/kv/search/query"
)

func TestWhatANodeWritesThatDoesNotKnowOfTheIndexIsIndexed(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		before, n := d.open(t), d.open(t)
		n.create(t, "t", "docs")
		// Not even its statements are prepared anew.
		before.put(t, `{"t":"fox"}`, "docs", 1)
		n.put(t, `{"t":"hen"}`, "docs", 2) // a replica that has this has what was written before
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "fox"}, `["docs",1]`)
	})
}

func TestAnOperationThatFailsLeavesNothingInAnIndex(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.create(t, "t", "docs")
		n.put(t, `{"t":"cat"}`, "docs", 1)
		_, err := n.db.Do(timeout(t), execute(
			`UPDATE kv_entries SET value=CAST('{"t":"fox"}' AS BLOB)`, `INSERT INTO keyval_guard(reason) VALUES('stale_read'),('nowhere')`, `SELECT * FROM nowhere`))
		if err == nil {
			t.Error("the operation has not failed")
		}
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "fox"})
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "cat"}, `["docs",1]`)
	})
}

func TestTheSameIndexAgainChangesNothingAndAnotherOneReplacesIt(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.put(t, `{"t":"fox","u":"cat"}`, "docs", 1)
		n.create(t, "t", "docs")
		id := n.rows(t, `SELECT id FROM keyval_search_indexes`)[0].Text(0)
		n.create(t, "t", "docs")
		if rows := n.rows(t, `SELECT id FROM keyval_search_indexes`); len(rows) != 1 || rows[0].Text(0) != id {
			t.Errorf("the indexes are %v, want only %s", rows, id)
		}
		n.create(t, "u", "docs")
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "fox"})
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "cat"}, `["docs",1]`)
		n.build(t)
		if _, err := n.Drop(timeout(t), key(t, "docs")); err != nil {
			t.Fatal(err)
		}
		n.build(t)
		n.wantNothingLeft(t)
	})
}

func TestAnIndexIsNotOverAKeyWhosePartGoesOnWithANUL(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.put(t, `{"t":"fox"}`, "a\x00b")
		n.create(t, "t", "a")
		beside := search.Query{Prefix: key(t, "a\x00b"), Text: "fox", Limit: 1}
		if _, _, err := n.Search(timeout(t), beside, kv.ReadOptions{}); !errors.Is(err, search.ErrNoIndex) {
			t.Errorf("searching beside the index: %v, want %v", err, search.ErrNoIndex)
		}
		if _, _, err := n.Create(timeout(t), search.Definition{Fields: []string{"t"}}); err != nil {
			t.Fatal(err)
		}
		n.wantKeys(t, beside, `["a\u0000b"]`)
	})
}

func TestASearchTakesTheLargestFilter(t *testing.T) {
	t.Parallel()
	where, err := filter.Parse([]byte(`{"$or":[` + strings.Repeat(`{"i":{"$between":[2,3]}},`, 998) + `{"i":{"$lt":{"$now":true,"offset":-4000000000000}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.create(t, "t", "docs")
		for i := range 4 {
			n.put(t, fmt.Sprintf(`{"t":"fox","i":%d}`, i), "docs", i)
		}
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "fox", Where: where, Highlight: true}, `["docs",2]`, `["docs",3]`)
	})
}

func TestASearchUsesTheNearestIndexThatItReaches(t *testing.T) {
	t.Parallel()
	n := embedded(t)
	n.put(t, `{"t":"fox","u":"cat"}`, "a", "b", 1)
	n.put(t, `{"t":"fox","u":"cat"}`, "c")
	if _, _, err := n.Create(timeout(t), search.Definition{Fields: []string{"t"}}); err != nil {
		t.Fatal(err)
	}
	n.create(t, "u", "a")
	n.wantKeys(t, search.Query{Text: "fox"}, `["a","b",1]`, `["c"]`)
	n.wantKeys(t, search.Query{Prefix: key(t, "a", "b"), Text: "fox"})
	n.wantKeys(t, search.Query{Prefix: key(t, "a", "b"), Text: "cat"}, `["a","b",1]`)
	above := func(prefix kv.Key) bool { return prefix == "" }
	n.wantKeys(t, search.Query{Prefix: key(t, "a", "b"), Text: "fox", Reaches: above}, `["a","b",1]`)
	never := func(kv.Key) bool { return false }
	_, _, err := n.Search(timeout(t), search.Query{Prefix: key(t, "a"), Text: "fox", Limit: 1, Reaches: never}, kv.ReadOptions{})
	if !errors.Is(err, search.ErrNoIndex) || !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("the error is %v", err)
	}
}

func TestMatchesAreBoundedByRangeFilterAndLimit(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.create(t, "t", "docs")
		var all []kv.Mutation
		for i := range 600 {
			all = append(all, kv.Mutation{Type: kv.MutationSet, Key: key(t, "docs", i), Value: fmt.Appendf(nil, `{"t":"fox","n":%d}`, i)})
		}
		n.commit(t, all...)
		where, err := filter.Parse([]byte(`{"n":{"$gte":597}}`))
		if err != nil {
			t.Fatal(err)
		}
		q := search.Query{Prefix: key(t, "docs"), Text: "fox", Where: where, Limit: 2}
		n.wantKeys(t, q, `["docs",597]`, `["docs",598]`)
		q.Reverse, q.Highlight = true, true
		n.wantKeys(t, q, `["docs",599]`, `["docs",598]`)
		r, err := kv.Select(key(t, "docs"), key(t, "docs", 590), key(t, "docs", 592), false)
		if err != nil {
			t.Fatal(err)
		}
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "fox", Range: r}, `["docs",590]`, `["docs",591]`)
		n.wantKeys(t, search.Query{Prefix: key(t, "docs", 7), Text: "fox"}, `["docs",7]`)
	})
}

func TestMatchesThatOneAnswerCannotHoldAreReadInPieces(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.create(t, "t", "docs")
		filler := make([]byte, 900_000)
		for i := range filler {
			filler[i] = 'x'
		}
		for i := range 12 {
			n.put(t, fmt.Sprintf(`{"t":"fox","n":%d,"u":"%s"}`, i, filler), "docs", i)
		}
		if found := n.search(t, search.Query{Prefix: key(t, "docs"), Text: "fox", Highlight: true}); len(found) != 12 || found[11].Highlight != "<mark>fox</mark>" {
			t.Errorf("found %d", len(found))
		}
	})
}

func TestAManifoldHitInALongTextIsHighlightedInAMoment(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.create(t, "t", "docs")
		n.put(t, `{"t":"`+strings.Repeat("so fox ", 100_000)+`"}`, "docs", 1)
		found := n.search(t, search.Query{Prefix: key(t, "docs"), Text: "fox", Highlight: true})
		want := "so <mark>fox</mark> so fox "
		if got := found[0].Highlight; !strings.HasPrefix(got, want) || len(got) > 500 {
			t.Errorf("the highlight is %q", got)
		}
	})
}

func TestBadDefinitionsAndQueriesAreRefused(t *testing.T) {
	t.Parallel()
	n := embedded(t)
	many := make([]string, search.MaxFields+1)
	for i := range many {
		many[i] = fmt.Sprint("f", i)
	}
	for what, def := range map[string]search.Definition{
		"no fields": {}, "too many fields": {Fields: many}, "no path": {Fields: []string{"a..b"}},
		"a field twice": {Fields: []string{"a", "a"}}, "no tokenizer": {Fields: []string{"a"}, Tokenize: "trigram'"},
	} {
		if _, _, err := n.Create(timeout(t), def); !errors.Is(err, kv.ErrInvalidArgument) {
			t.Errorf("%s: the error is %v", what, err)
		}
	}
	for i := range search.MaxIndexes {
		n.create(t, "t", "docs", i)
	}
	if _, _, err := n.Create(timeout(t), search.Definition{Fields: []string{"t"}}); !errors.Is(err, kv.ErrInvalidArgument) {
		t.Errorf("one index too many: the error is %v", err)
	}
	_, _, err := n.Search(timeout(t), search.Query{Prefix: key(t, "docs", 1), Text: `"open`, Limit: 1}, kv.ReadOptions{})
	if err != nil && !errors.Is(err, query.ErrSyntax) {
		t.Errorf("a quote that is not closed: the error is %v", err)
	}
	if found := n.search(t, search.Query{Prefix: key(t, "docs", 1), Text: "()"}); len(found) > 0 {
		t.Errorf("no words: found %d", len(found))
	}
}

func TestFieldNamesHoldAnything(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		names := []string{`["a.b"]`, `["x'); DROP TABLE kv_entries; --"]`, `["q\"x\\"]`, `["$[0]"]`, `a.b[1].c`}
		if _, _, err := n.Create(timeout(t), search.Definition{Prefix: key(t, "docs"), Fields: names}); err != nil {
			t.Fatal(err)
		}
		n.put(t, `{"a.b":"one","x'); DROP TABLE kv_entries; --":"two","q\"x\\":"three","$[0]":"four","a":{"b":[0,{"c":"five"}]}}`, "docs", 1)
		for _, word := range []string{"one", "two", "three", "four", "five"} {
			n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: word}, `["docs",1]`)
		}
	})
}

func TestAValueThatIsNoJSONIsNotIndexedAndDoesNotFail(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.create(t, "t", "docs")
		for _, value := range []string{`'{"t":"fox"}',1`, `'{"t":"fox',0`, `x'00ff',0`, `'',0`} {
			if _, err := n.db.Do(timeout(t), execute(
				`INSERT INTO kv_entries(key,value,versionstamp,encoding) SELECT unhex('`+fmt.Sprintf("%x", string(key(t, "docs")))+`02'||hex(randomblob(4))||'00'),CAST(v AS BLOB),'00000000000000000001',n FROM (SELECT column1 v,column2 n FROM (VALUES (`+value+`)))`)); err != nil {
				t.Errorf("%s: %v", value, err)
			}
		}
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "fox"})
	})
}

// embedded is a node with a database of its own.
func embedded(t *testing.T) node {
	t.Helper()
	return database{primary: "file:" + t.TempDir() + "/keyval.db"}.open(t)
}

func TestAnIndexOverNothingIsReadyAndHoldsNothingElse(t *testing.T) {
	t.Parallel()
	n := embedded(t)
	for i := range 3 {
		n.put(t, `{"t":"fox"}`, "a", i)
	}
	if x := n.create(t, "t", "b"); !x.Ready {
		t.Error("the index is not ready")
	}
	n.build(t)
	if docs := n.rows(t, `SELECT count(*) FROM keyval_search_docs`)[0].Integer(0); docs != 0 {
		t.Errorf("it holds %d entries of other prefixes", docs)
	}
}

func TestHalfASurrogateCanBeHighlighted(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.create(t, "t", "docs")
		n.put(t, `{"t":"alpha \ud800 fox"}`, "docs", 1)
		found := n.search(t, search.Query{Prefix: key(t, "docs"), Text: "fox", Highlight: true})
		if len(found) != 1 || !utf8.ValidString(found[0].Highlight) || !strings.Contains(found[0].Highlight, "<mark>fox</mark>") {
			t.Errorf("found %+v", found)
		}
	})
}

func TestADroppedIndexRestsBeforeItIsRemoved(t *testing.T) {
	t.Parallel()
	n := embedded(t)
	search.Rest(n.Indexes, time.Hour)
	n.put(t, `{"t":"fox"}`, "docs", 1)
	n.create(t, "t", "docs")
	if _, err := n.Drop(timeout(t), key(t, "docs")); err != nil {
		t.Fatal(err)
	}
	n.build(t)
	if docs := n.rows(t, `SELECT count(*) FROM keyval_search_docs`)[0].Integer(0); docs != 1 {
		t.Errorf("%d of its documents are there, want 1", docs)
	}
	search.Rest(n.Indexes, 0)
	n.build(t)
	n.wantNothingLeft(t)
}

// A server that meets damage is not asked for a while, whatever it is: see sqldb.
func TestAnIndexThatIsDamagedIsNeitherBuildingNorTheQuerysFault(t *testing.T) {
	t.Parallel()
	n := embedded(t)
	n.create(t, "t", "docs")
	n.put(t, `{"t":"fox"}`, "docs", 1)
	table := "keyval_search_" + n.rows(t, `SELECT id FROM keyval_search_indexes`)[0].Text(0)
	for _, damage := range []string{"_content", "_docsize", "_data WHERE id>10", "_data"} {
		if _, err := n.db.Do(timeout(t), execute("DELETE FROM "+table+damage)); err != nil {
			t.Fatal(err)
		}
		_, _, err := n.Search(timeout(t), search.Query{Prefix: key(t, "docs"), Text: "fox", Limit: 1, Highlight: true}, kv.ReadOptions{})
		if !errors.Is(err, sqldb.ErrUnavailable) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("without %s: %v", damage, err)
		}
	}
	n.create(t, "t2", "docs")
	n.create(t, "t", "docs")
	n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "fox"}, `["docs",1]`)
	n.build(t)
}
