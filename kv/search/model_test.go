package search_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
)

// What the machine writes and looks for.
var (
	modelValues = []string{
		`{"t":"red blue"}`, `{"t":"Red, \u0062lue; green"}`, `{"t":7,"u":"red"}`, `{"t":-1.5e2}`, `{"t":true,"u":false}`,
		`{"t":["red",5,true,null,["blue"],{"x":"green"}]}`, `{"t":{"__type":"bigint","value":"123456789012345678901"}}`,
		`{"t":{"x":"red"}}`, `{"t":null,"u":"green blue"}`, `17`, `"red"`, `[1,"red"]`, `[]`, `null`, `{"t":"red","t":"blue"}`,
		`{"u":"\ud800 red \u0000"}`, `{"t":1e999}`, `{"t":""}`, strings.Repeat("[", 500) + strings.Repeat("]", 500),
		`{"t":` + strings.Repeat("[", 499) + strings.Repeat("]", 499) + `,"u":"blue"}`,
	}
	modelWords    = []string{"red", "blue", "green", "7", "5", "true", "false", "123456789012345678901", "150", "nowhere"}
	modelKeys     = [][]any{{"a"}, {"a", "b"}, {"a", "b", 1}, {"a", "b", 2}, {"a", "c"}, {"b"}, {"b", "a"}, {true}}
	modelPrefixes = [][]any{{}, {"a"}, {"a", "b"}, {"b"}}
	modelFields   = [][]string{{"t"}, {"u"}, {"t", "u"}}
)

// leap is how far the database's clock is moved, in milliseconds.
const leap = 7_200_000

// machine drives two nodes on one database.
type machine struct {
	t     *testing.T
	nodes []node
}

func (m *machine) node(t *rapid.T) node {
	return rapid.SampledFrom(m.nodes).Draw(t, "node")
}

func drawKey(t *rapid.T) kv.Key {
	return key(t, rapid.SampledFrom(modelKeys).Draw(t, "key")...)
}

func (m *machine) write(t *rapid.T) {
	var all []kv.Mutation
	for range rapid.IntRange(1, 4).Draw(t, "mutations") {
		mut := kv.Mutation{Type: kv.MutationSet, Key: drawKey(t)}
		switch rapid.IntRange(0, 5).Draw(t, "what") {
		case 0:
			mut.Type = kv.MutationDelete
		case 1:
			mut.Suffix = true
			fallthrough
		default:
			mut.Value = []byte(rapid.SampledFrom(modelValues).Draw(t, "value"))
			if rapid.IntRange(0, 4).Draw(t, "expires") == 0 {
				mut.ExpireIn = leap / 2
			}
		}
		all = append(all, mut)
	}
	_, err := m.node(t).store.Atomic(timeout(m.t), kv.AtomicRequest{Mutations: all})
	must(t, err)
}

func (m *machine) create(t *rapid.T) {
	_, _, err := m.node(t).Create(timeout(m.t), search.Definition{
		Prefix: drawPrefix(t), Fields: rapid.SampledFrom(modelFields).Draw(t, "fields"),
		Tokenize: rapid.SampledFrom([]string{"", "ascii"}).Draw(t, "tokenize"),
	})
	must(t, err)
}

func drawPrefix(t *rapid.T) kv.Key {
	parts := rapid.SampledFrom(modelPrefixes).Draw(t, "prefix")
	if len(parts) == 0 {
		return ""
	}
	return key(t, parts...)
}

func (m *machine) drop(t *rapid.T) {
	_, err := m.node(t).Drop(timeout(m.t), drawPrefix(t))
	must(t, err)
}

func (m *machine) build(t *rapid.T) { must(t, m.node(t).Build(timeout(m.t), 0)) }

func (m *machine) deleteMany(t *rapid.T) {
	_, err := m.node(t).store.Delete(timeout(m.t), kv.DeleteRequest{
		Keys: []kv.Key{drawKey(t)}, Ranges: []kv.Range{kv.PrefixRange(drawKey(t))}})
	must(t, err)
}

func (m *machine) passTime(t *rapid.T) {
	_, err := m.nodes[0].db.Do(timeout(m.t), execute(fmt.Sprintf("UPDATE keyval_sequence SET time=time+%d", leap)))
	must(t, err)
}

func (m *machine) sweep(t *rapid.T) {
	_, err := m.node(t).store.Sweep(timeout(m.t), 0)
	must(t, err)
}

// check compares each index that is ready with the entries.
func (m *machine) check(t *rapid.T) {
	n := m.node(t)
	xs, _, err := n.List(timeout(m.t), kv.ReadOptions{Consistency: kv.Strong})
	must(t, err)
	for _, x := range xs {
		if !x.Ready {
			continue
		}
		page, err := n.store.List(timeout(m.t), kv.Selector{Range: kv.SubtreeRange(x.Prefix), Limit: 1000}, kv.ReadOptions{Consistency: kv.Strong})
		must(t, err)
		for _, word := range []string{"red", rapid.SampledFrom(modelWords).Draw(t, "word")} {
			found, _, err := n.Search(timeout(m.t), search.Query{Prefix: x.Prefix, Text: word, Limit: 1000}, kv.ReadOptions{Consistency: kv.Strong})
			must(t, err)
			wantSame(t, fmt.Sprintf("%s in %v below %s", word, x.Fields, x.Prefix), found, having(page.Entries, x.Fields, word))
		}
	}
	for _, row := range n.rows(m.t, `SELECT id FROM keyval_search_indexes WHERE state<>'dropping'`) {
		table := "keyval_search_" + row.Text(0)
		_, err := n.db.Do(timeout(m.t), execute("INSERT INTO "+table+"("+table+") VALUES('integrity-check')"))
		must(t, err)
	}
}

func wantSame(t *rapid.T, what string, found []search.Match, want map[kv.Key]string) {
	got := map[kv.Key]string{}
	for _, f := range found {
		got[f.Key] = string(f.Value)
	}
	for k, v := range got {
		if want[k] != v {
			t.Errorf("%s finds %s: %s, but that is %q", what, k, v, want[k])
		}
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s does not find %s: %s", what, k, v)
		}
	}
	if len(got) != len(found) {
		t.Errorf("%s finds an entry twice", what)
	}
}

// having are the entries that have a word in one of the fields.
func having(entries []kv.Entry, fields []string, word string) map[kv.Key]string {
	found := map[kv.Key]string{}
	for _, e := range entries {
		for _, f := range fields {
			if slices.Contains(wordsOf(e.Value, f), word) {
				found[e.Key] = string(e.Value)
			}
		}
	}
	return found
}

// wordsOf are the words of a field, found without SQL. Of members with one name it takes the
// first, as SQLite does.
func wordsOf(value []byte, field string) []string {
	if string(value) == `{"t":"red","t":"blue"}` {
		value = []byte(`{"t":"red"}`)
	}
	var document map[string]json.RawMessage
	if json.Unmarshal(value, &document) != nil {
		return nil
	}
	return strings.FieldsFunc(strings.ToLower(textOf(document[field])), func(r rune) bool { return r < '0' || r > '9' && r < 'a' || r > 'z' })
}

func textOf(raw json.RawMessage) string {
	var v any
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	_ = decoder.Decode(&v)
	if elements, ok := v.([]any); ok {
		var all []string
		for _, e := range elements {
			if _, nested := e.(map[string]any); !nested {
				all = append(all, scalar(e))
			}
		}
		return strings.Join(all, " ")
	}
	if object, ok := v.(map[string]any); ok && object["__type"] == "bigint" {
		return scalar(object["value"])
	}
	return scalar(v)
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

// TestIndexesAreExactWhateverHappens holds indexes to the entries after random operations of
// two nodes.
func TestIndexesAreExactWhateverHappens(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		m := &machine{t: t, nodes: []node{d.open(t), d.open(t)}}
		for _, n := range m.nodes {
			search.BatchRows(n.Indexes, 2)
		}
		most, runs := 4, 0
		if d.replica != "" {
			most = 3 // sqld takes longer
		}
		rapid.Check(t, func(rt *rapid.T) {
			if runs++; runs > most && !t.Failed() {
				return
			}
			rt.Repeat(map[string]func(*rapid.T){
				"write": m.write, "write more": m.write, "write again": m.write, "create": m.create, "drop": m.drop, "build": m.build,
				"delete many": m.deleteMany, "pass time": m.passTime, "sweep": m.sweep, "": m.check,
			})
		})
	})
}

// execute does to the database what no operation does.
func execute(statements ...string) *sqldb.Op {
	var all []sqldb.Stmt
	for _, s := range statements {
		all = append(all, sqldb.Stmt{SQL: s})
	}
	return &sqldb.Op{Name: "execute", InSQL: sqldb.Statements(all...)}
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
