package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

func TestIndexesAndSearchesAskANode(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	prefix := api.Key{"posts", "a/b"}
	var asked []string
	n.spoil(
		answering(&asked, 200, `{"ok":true}`),
		answering(&asked, 200, `[{"prefix":["posts"],"fields":["title"],"tokenize":"porter","state":"building","indexed":7}]`),
		answering(&asked, 200, `[{"key":["posts",1],"value":{"title":"a"},"versionstamp":"00000000000000010000","highlight":"<mark>a</mark>"}]`),
		answering(&asked, 200, `{"ok":true}`),
	)
	fields := []string{"title", api.Path("a.b").String()}
	if err := c.CreateIndex(ctx, api.Index{Prefix: prefix, Fields: fields, Tokenize: api.TokenizePorter}); err != nil {
		t.Fatal(err)
	}
	if got := must(c.Indexes(ctx, client.Consistency(api.Strong)))(t); len(got) != 1 || got[0].State != api.StateBuilding || got[0].Indexed != 7 || got[0].Fields[0] != "title" {
		t.Errorf("indexes %+v", got)
	}
	found := must(c.Search(ctx, api.SearchRequest{Prefix: prefix, Query: `"a b" OR c*`, Where: adults, Highlight: true, Limit: 3}))(t)
	if len(found) != 1 || found[0].Highlight != "<mark>a</mark>" || found[0].Versionstamp != "00000000000000010000" {
		t.Errorf("found %+v", found)
	}
	if err := c.DropIndex(ctx, prefix); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`POST /indexes {"prefix":["posts","a/b"],"fields":["title","[\"a.b\"]"],"tokenize":"porter"}`,
		`GET /indexes?consistency=strong`,
		`POST /search {"prefix":["posts","a/b"],"query":"\"a b\" OR c*","limit":3,"where":{"age":{"$gte":18}},"highlight":true}`,
		`DELETE /indexes?prefix=posts%2Fa%252Fb`,
	}
	if !slices.Equal(asked, want) {
		t.Errorf("got  %q\nwant %q", asked, want)
	}
}

func TestAnIndexThatIsBuiltIsNotWaitedForByASearch(t *testing.T) {
	c, n := startClient(t)
	var asked []string
	n.spoil(answering(&asked, 409, `{"error":"the index is being built","code":"index_building"}`))
	_, err := c.Search(testContext(t), api.SearchRequest{Query: "a"})
	if !errors.Is(err, api.IndexBuilding) || len(n.seen()) != 1 {
		t.Errorf("got %v after %d requests, want %v after one", err, len(n.seen()), api.IndexBuilding)
	}
}

func TestWaitForIndexLooksUntilItIsReady(t *testing.T) {
	c, n := startClient(t)
	building := `[{"prefix":[],"fields":["b"],"state":"ready"},{"prefix":["a"],"fields":["b"],"state":"building"}]`
	ready := `[{"prefix":[],"fields":["b"],"state":"building"},{"prefix":["a"],"fields":["b"],"state":"ready"}]`
	var asked []string
	n.spoil(answering(&asked, 200, building), answering(&asked, 200, building), answering(&asked, 200, ready))
	if err := c.WaitForIndex(testContext(t), api.Key{"a"}); err != nil || len(asked) != 3 {
		t.Errorf("got %v after %d looks, want ready after 3", err, len(asked))
	}
}

func TestWaitForIndexEndsWhereThereIsNoneOrWithItsContext(t *testing.T) {
	c, n := startClient(t)
	var asked []string
	n.spoil(answering(&asked, 200, `[{"prefix":["a"],"fields":["b"],"state":"ready"}]`))
	if err := c.WaitForIndex(testContext(t), api.Key{"a", "b"}); !errors.Is(err, api.NotFound) {
		t.Errorf("got %v, want %v", err, api.NotFound)
	}

	ctx, cancel := context.WithCancel(testContext(t))
	building := answering(&asked, 200, `[{"prefix":["a"],"fields":["b"],"state":"building"}]`)
	n.spoil(building, func(w http.ResponseWriter, r *http.Request, serve http.Handler) bool {
		cancel()
		return building(w, r, serve)
	})
	if err := c.WaitForIndex(ctx, api.Key{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestMakingAndDroppingAnIndexIsRepeatedAfterALostAnswer(t *testing.T) {
	c, n := startClient(t)
	var asked []string
	done := answering(&asked, 200, `{"ok":true}`)
	n.spoil(cutBefore, done, cutBefore, done)
	if err := c.CreateIndex(testContext(t), api.Index{Prefix: api.Key{"a"}, Fields: []string{"b"}}); err != nil {
		t.Error(err)
	}
	if err := c.DropIndex(testContext(t), api.Key{"a"}); err != nil {
		t.Error(err)
	}
	if len(asked) != 2 {
		t.Errorf("asked %q, want two that are answered", asked)
	}
}
