package search_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
)

func TestASmallIndexIsSearchedRightAfterItIsMade(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		n.put(t, `{"title":"the quick brown fox","n":1}`, "docs", "a")
		n.put(t, `{"title":"a slow <b>fox</b>","n":2}`, "docs", "b")
		n.put(t, `{"title":"fox elsewhere"}`, "other", "b")
		if x := n.create(t, "title", "docs"); !x.Ready || x.Indexed != 2 {
			t.Errorf("the index is %+v", x)
		}
		n.put(t, `{"title":"a third fox"}`, "docs", "c")
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "fox"}, `["docs","c"]`, `["docs","a"]`, `["docs","b"]`)
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "brown"}, `["docs","a"]`)
		found := n.search(t, search.Query{Prefix: key(t, "docs"), Text: "slow", Highlight: true})
		if want := `a <mark>slow</mark> &lt;b&gt;fox&lt;/b&gt;`; found[0].Highlight != want {
			t.Errorf("the highlight is %q, want %q", found[0].Highlight, want)
		}
		n.put(t, `{"title":"now a dog"}`, "docs", "a")
		n.delete(t, "docs", "c")
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "fox"}, `["docs","b"]`)
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "dog"}, `["docs","a"]`)
	})
}

func TestALargeIndexIsBuiltInBatches(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.open(t)
		var batch []kv.Mutation
		for i := range 1200 {
			batch = append(batch, kv.Mutation{Type: kv.MutationSet, Key: key(t, "docs", i), Value: fmt.Appendf(nil, `{"title":"word%d all"}`, i)})
			if len(batch) == 400 {
				n.commit(t, batch...)
				batch = nil
			}
		}
		if x := n.create(t, "title", "docs"); x.Ready || x.Indexed != 500 {
			t.Fatalf("the index is %+v", x)
		}
		n.put(t, `{"title":"word1100 changed"}`, "docs", 1100)
		if _, _, err := n.Search(timeout(t), search.Query{Prefix: key(t, "docs"), Text: "all", Limit: 1}, kv.ReadOptions{}); !errors.Is(err, search.ErrBuilding) {
			t.Errorf("the error is %v", err)
		}
		n.build(t)
		xs, _, err := n.List(timeout(t), kv.ReadOptions{})
		if err != nil || len(xs) != 1 || !xs[0].Ready || xs[0].Indexed != 1200 {
			t.Errorf("the indexes are %+v, %v", xs, err)
		}
		if found := n.search(t, search.Query{Prefix: key(t, "docs"), Text: "all", Limit: 5000}); len(found) != 1199 {
			t.Errorf("found %d", len(found))
		}
		n.wantKeys(t, search.Query{Prefix: key(t, "docs"), Text: "word1100"}, `["docs",1100]`)
		if _, err := n.Drop(timeout(t), key(t, "docs")); err != nil {
			t.Fatal(err)
		}
		n.put(t, `{"title":"word1"}`, "docs", 1)
		n.build(t)
		n.wantNothingLeft(t)
	})
}
