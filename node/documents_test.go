package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// Documents are entries that an index is over: docs/0, docs/1 and so on.
var documents = api.Key{"docs"}

// documentWords is how many words there are of each kind: each is in some of the documents,
// and in no more than a search returns.
const documentWords = 8

type document struct {
	Text string `json:"t"`
	N    int64  `json:"n"`
	Gone bool   `json:"gone,omitempty"`
}

func documentKey(last any) api.Key { return append(slices.Clone(documents), last) }

// documentsToGo is how many of so many documents are to go: all but every third.
func documentsToGo(of int) int64 { return int64(of - (of+2)/3) }

func fillWithDocuments(t *testing.T, c *client.Client, n int) {
	t.Helper()
	for begin := 0; begin < n; begin += 500 {
		atomic := c.Atomic()
		for i := begin; i < min(n, begin+500); i++ {
			atomic.Set(documentKey(i), document{Text: fmt.Sprintf("first%d", i%documentWords), N: int64(i), Gone: i%3 > 0})
		}
		if _, err := atomic.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// An editor is a store of documents, each write of which also changes one of so many that
// are there, and removes another.
type editor struct {
	*client.Client
	of int64
}

func (editor) monotonic() bool { return true }

func (e editor) put(ctx context.Context, key string, n int64) error {
	written := document{Text: fmt.Sprintf("edited%d", n%documentWords), N: n}
	atomic := e.Atomic().Set(documentKey(key), written)
	if e.of > 0 {
		// All over them: 7919 is a prime.
		at := n * 7919 % (e.of / 2) * 2
		atomic.Set(documentKey(at), written).Delete(documentKey(at + 1))
	}
	_, err := atomic.Commit(ctx)
	return err
}

func (e editor) get(ctx context.Context, key string) (int64, error) {
	var doc document
	entry, err := e.Get(ctx, documentKey(key), client.Consistency(api.Strong))
	if errors.Is(err, api.NotFound) {
		return 0, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value, &doc)
	}
	return doc.N, err
}

// indexDocuments makes the index, however long the database is away.
func indexDocuments(ctx context.Context, c *client.Client) error {
	for {
		err := c.CreateIndex(ctx, api.Index{Prefix: documents, Fields: []string{"t"}})
		if !errors.Is(err, api.Unavailable) {
			return err
		}
	}
}

func mustIndexDocuments(t *testing.T, c *client.Client) {
	t.Helper()
	if err := indexDocuments(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// documentIndex is the index over documents.
func documentIndex(t *testing.T, c *client.Client) api.IndexStatus {
	t.Helper()
	indexes, err := c.Indexes(t.Context(), client.Consistency(api.Strong))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(indexes, func(x api.IndexStatus) bool { return slices.Equal(x.Prefix, documents) })
	if i < 0 {
		t.Fatalf("the indexes are %+v, want one over documents", indexes)
	}
	return indexes[i]
}

func awaitDocumentIndex(t *testing.T, c *client.Client) {
	t.Helper()
	await.That(t, "the index is ready", func() bool { return documentIndex(t, c).State == api.StateReady })
}

// wantExact compares what a plain scan finds in the documents with what searches find in
// their index.
func wantExact(t *testing.T, c *client.Client) {
	t.Helper()
	there, n := scanDocuments(t, c)
	for _, kind := range []string{"first", "edited"} {
		for i := range documentWords {
			word := fmt.Sprint(kind, i)
			found, err := c.Search(t.Context(), api.SearchRequest{Prefix: documents, Query: word, Limit: 1000, Consistency: api.Strong})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, asRead(f.Entry))
			}
			if slices.Sort(got); !slices.Equal(got, there[word]) {
				t.Errorf("a search for %s finds %d documents, which are not the %d that have it", word, len(got), len(there[word]))
			}
		}
	}
	if x := documentIndex(t, c); x.State != api.StateReady || x.Indexed != n {
		t.Errorf("the index is %s and says that it has %d entries, want that it is ready and has %d", x.State, x.Indexed, n)
	}
}

// scanDocuments returns the documents by word, and how many there are.
func scanDocuments(t *testing.T, c *client.Client) (there map[string][]string, n int64) {
	t.Helper()
	there = map[string][]string{}
	for entry, err := range c.Paginate(t.Context(), api.ListRequest{Prefix: documents, Consistency: api.Strong}) {
		var doc document
		if err := errors.Join(err, json.Unmarshal(entry.Value, &doc)); err != nil {
			t.Fatal(err)
		}
		there[doc.Text] = append(there[doc.Text], asRead(entry))
		n++
	}
	for _, entries := range there {
		slices.Sort(entries)
	}
	return there, n
}

func asRead(e api.Entry) string { return fmt.Sprint(e.Key, e.Versionstamp, string(e.Value)) }

// wantSound has FTS5 compare the index's words with its own text.
func wantSound(t *testing.T, primary *nodetest.Sqld) {
	t.Helper()
	table := "keyval_search_" + text(t, primary, "SELECT id FROM keyval_search_indexes")
	if _, err := primary.Query(t.Context(), strings.ReplaceAll("INSERT INTO x(x) VALUES('integrity-check')", "x", table)); err != nil {
		t.Errorf("the index is damaged: %v", err)
	}
}
