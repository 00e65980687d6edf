package kv_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// A model is what the database should hold: values by key, with the
// versionstamp of their last change and how far they live in model time.
type model struct {
	entries map[kv.Key]modelEntry
	newest  kv.Versionstamp
}

type modelEntry struct {
	value   string
	stamp   kv.Versionstamp
	expires bool // at the next leap of time
}

// modelKeys are few, so that operations meet.
var modelParts = []string{"a", "b", "c", "d"}

func drawKey(t *rapid.T, label string) kv.Key {
	depth := rapid.IntRange(1, 2).Draw(t, label+" depth")
	var parts []any
	for i := range depth {
		parts = append(parts, rapid.SampledFrom(modelParts).Draw(t, fmt.Sprint(label, " part ", i)))
	}
	k, err := kv.NewKey(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var modelMutations = []kv.MutationType{kv.MutationSet, kv.MutationSet, kv.MutationDelete,
	kv.MutationSum, kv.MutationMin, kv.MutationMax, kv.MutationAppend, kv.MutationPrepend}

func drawMutation(t *rapid.T) kv.Mutation {
	m := kv.Mutation{Type: rapid.SampledFrom(modelMutations).Draw(t, "type"), Key: drawKey(t, "key")}
	n := rapid.IntRange(-9, 9).Draw(t, "n")
	switch m.Type {
	case kv.MutationSet:
		m.Value = []byte(rapid.SampledFrom([]string{fmt.Sprint(n), fmt.Sprintf("[%d]", n), `"text"`, `null`}).Draw(t, "value"))
		if rapid.IntRange(0, 4).Draw(t, "expires") == 0 {
			m.ExpireIn = leap / 2
		}
	case kv.MutationSum, kv.MutationMin, kv.MutationMax:
		operand, err := kv.ParseOperand(fmt.Append(nil, n))
		if err != nil {
			t.Fatal(err)
		}
		m.Operand = operand
	case kv.MutationAppend, kv.MutationPrepend:
		m.Value = fmt.Appendf(nil, "[%d]", n)
	}
	return m
}

// apply carries a mutation out on the model; false if it cannot apply.
func (m model) apply(mut kv.Mutation, stamp kv.Versionstamp) bool {
	old := m.entries[mut.Key]
	var value []byte
	var err error
	switch mut.Type {
	case kv.MutationSet:
		value = mut.Value
	case kv.MutationDelete:
		delete(m.entries, mut.Key)
		return true
	case kv.MutationSum:
		value, err = kv.Sum([]byte(old.value), mut.Operand)
	case kv.MutationMin:
		value, err = kv.Min([]byte(old.value), mut.Operand)
	case kv.MutationMax:
		value, err = kv.Max([]byte(old.value), mut.Operand)
	case kv.MutationAppend:
		value, err = kv.Append([]byte(old.value), mut.Value, 1<<20)
	case kv.MutationPrepend:
		value, err = kv.Prepend([]byte(old.value), mut.Value, 1<<20)
	}
	if err != nil {
		return false
	}
	m.entries[mut.Key] = modelEntry{string(value), stamp, mut.ExpireIn > 0}
	return true
}

func (m model) clone() model { return model{maps.Clone(m.entries), m.newest} }

// sorted are the model's keys in a range, in order.
func (m model) sorted(r kv.Range) []kv.Key {
	var keys []kv.Key
	for k := range m.entries {
		if r.Contains(k) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// machine drives two nodes on one database and compares with the model.
type machine struct {
	t     *testing.T
	nodes []*kv.Store
	db    *sqldb.DB // the first node's
	model model
	// lapsed have expired, and no sweep has removed them.
	lapsed map[kv.Key]bool
	first  kv.Versionstamp // the change log begins after it
}

func (m *machine) node(t *rapid.T) *kv.Store {
	return m.nodes[rapid.IntRange(0, len(m.nodes)-1).Draw(t, "node")]
}

// advance notes an operation's versionstamp.
func (m *machine) advance(t *rapid.T, stamp kv.Versionstamp) {
	if stamp <= m.model.newest {
		t.Fatalf("versionstamp %s is not after %s", stamp, m.model.newest)
	}
	m.model.newest = stamp
}

func (m *machine) atomic(t *rapid.T) {
	req := kv.AtomicRequest{}
	var conflicts []kv.Check
	for range rapid.IntRange(0, 2).Draw(t, "checks") {
		key := drawKey(t, "check")
		check := kv.Check{Key: key, Versionstamp: m.model.entries[key].stamp}
		if rapid.IntRange(0, 3).Draw(t, "wrong") == 0 {
			check.Versionstamp = kv.NewVersionstamp(9, 9, 9)
			conflicts = append(conflicts, kv.Check{Key: key, Versionstamp: m.model.entries[key].stamp})
		}
		req.Checks = append(req.Checks, check)
	}
	for range rapid.IntRange(0, 4).Draw(t, "mutations") {
		req.Mutations = append(req.Mutations, drawMutation(t))
	}
	result, err := m.node(t).Atomic(timeout(m.t), req)
	if len(conflicts) > 0 {
		if err != nil || result.OK || !slices.Equal(result.Conflicts, conflicts) {
			t.Fatalf("got %+v, %v; want conflicts %v", result, err, conflicts)
		}
		return
	}
	next := m.model.clone()
	applies := true
	for _, mut := range req.Mutations {
		applies = applies && next.apply(mut, result.Versionstamp)
	}
	switch {
	case !applies:
		if !errors.Is(err, kv.ErrTypeMismatch) {
			t.Fatalf("got %+v, %v; want a type mismatch", result, err)
		}
	case err != nil || !result.OK:
		t.Fatalf("got %+v, %v; want ok", result, err)
	default:
		m.model = next
		m.advance(t, result.Versionstamp)
	}
}

func (m *machine) bulkDelete(t *rapid.T) {
	req := kv.DeleteRequest{Ranges: []kv.Range{kv.SubtreeRange(drawKey(t, "range"))}, Keys: []kv.Key{drawKey(t, "one")}}
	result, err := m.node(t).Delete(timeout(m.t), req)
	if err != nil {
		t.Fatal(err)
	}
	gone := int64(0)
	for k := range m.model.entries {
		if k == req.Keys[0] || req.Ranges[0].Contains(k) {
			delete(m.model.entries, k)
			gone++
		}
	}
	if result.Deleted != gone {
		t.Fatalf("deleted %d, want %d", result.Deleted, gone)
	}
	m.advance(t, result.Versionstamp)
}

// leapAhead moves the database's clock on, so that what can expire does.
func (m *machine) leapAhead(t *rapid.T) {
	m.advance(t, leapAhead(m.t, m.db))
	for k, e := range m.model.entries {
		if e.expires {
			delete(m.model.entries, k)
			m.lapsed[k] = true
		}
	}
}

// execute runs statements in a transaction of keyval's.
func execute(stmts ...string) *sqldb.Op {
	return &sqldb.Op{Name: "test", InSQL: &sqldb.InSQL{
		Exec: func(int) []sqldb.Stmt {
			var all []sqldb.Stmt
			for _, s := range stmts {
				all = append(all, sqldb.Stmt{SQL: s})
			}
			return all
		},
		Outcome: func(string, int) sqldb.Stmt { return sqldb.Stmt{SQL: "SELECT 1"} },
	}}
}

func (m *machine) sweep(t *rapid.T) {
	if _, err := m.node(t).Sweep(timeout(m.t), 0); err != nil {
		t.Fatal(err)
	}
	clear(m.lapsed)
}

// transaction decides on a snapshot, lets another write come between or not,
// and commits.
func (m *machine) transaction(t *rapid.T) {
	covered := kv.SubtreeRange(drawKey(t, "covered"))
	reads := []kv.Read{{List: &kv.Selector{Range: covered, Limit: 100}}}
	seen, err := m.node(t).Transaction(timeout(m.t), kv.TransactionRequest{Reads: reads})
	if err != nil {
		t.Fatal(err)
	}
	m.compare(t, seen.Reads[0], m.model.sorted(covered))
	var between kv.Key
	if rapid.Bool().Draw(t, "interfere") {
		between = drawKey(t, "between")
		_, existed := m.model.entries[between]
		mut := set(between, `1`)
		if existed && rapid.Bool().Draw(t, "by deleting") {
			mut.Type = kv.MutationDelete
		}
		result, err := m.node(t).Atomic(timeout(m.t), kv.AtomicRequest{Mutations: []kv.Mutation{mut}})
		if err != nil {
			t.Fatal(err)
		}
		m.model.apply(mut, result.Versionstamp)
		m.advance(t, result.Versionstamp)
	}
	write := set(drawKey(t, "write"), `2`)
	commit := func(snapshot kv.Versionstamp) kv.TransactionResult {
		result, err := m.node(t).Transaction(timeout(m.t), kv.TransactionRequest{Reads: reads, Snapshot: snapshot,
			AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{write}}})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	result := commit(seen.Versionstamp)
	interfered := between != "" && covered.Contains(between)
	if !result.OK && !interfered && m.onlyLapsed(result.Conflicts) {
		result = m.again(t, reads, commit)
	}
	if result.OK == interfered {
		t.Fatalf("interference at %q, covered %v: got %+v", between, covered, result)
	}
	if result.OK {
		m.model.apply(write, result.Versionstamp)
		m.advance(t, result.Versionstamp)
	}
}

// onlyLapsed tells whether what had expired may be all that a commit met.
func (m *machine) onlyLapsed(conflicts []kv.Check) bool {
	for _, c := range conflicts {
		if _, exists := m.model.entries[c.Key]; exists || !m.lapsed[c.Key] {
			return false
		}
	}
	return len(conflicts) > 0
}

// again reads and commits once more: what has lapsed is a conflict only once.
func (m *machine) again(t *rapid.T, reads []kv.Read, commit func(kv.Versionstamp) kv.TransactionResult) kv.TransactionResult {
	seen, err := m.node(t).Transaction(timeout(m.t), kv.TransactionRequest{Reads: reads})
	if err != nil {
		t.Fatal(err)
	}
	clear(m.lapsed)
	return commit(seen.Versionstamp)
}

// compare compares entries with what the model has under keys.
func (m *machine) compare(t *rapid.T, got []kv.Entry, want []kv.Key) {
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d: %v", len(got), len(want), want)
	}
	for i, e := range got {
		w := m.model.entries[want[i]]
		if e.Key != want[i] || string(e.Value) != w.value || e.Versionstamp != w.stamp {
			t.Fatalf("entry %d is %s=%s at %s, want %s=%s at %s", i, e.Key, e.Value, e.Versionstamp, want[i], w.value, w.stamp)
		}
	}
}

// check compares everything, read in each way from each node.
func (m *machine) check(t *rapid.T) {
	all := kv.PrefixRange("")
	node := m.node(t)
	opts := kv.ReadOptions{Consistency: rapid.SampledFrom([]kv.Consistency{kv.Session, kv.Strong}).Draw(t, "consistency"), Min: m.model.newest}
	page, err := node.List(timeout(m.t), kv.Selector{Range: all, Limit: 1000}, opts)
	if err != nil {
		t.Fatal(err)
	}
	keys := m.model.sorted(all)
	m.compare(t, page.Entries, keys)
	if n, _, err := node.Count(timeout(m.t), all, nil, opts); err != nil || n != int64(len(keys)) {
		t.Fatalf("count %d, %v; want %d", n, err, len(keys))
	}
	asked := append(slices.Clone(keys), mustKey(m.t, "no", "such"))
	found, _, err := node.Get(timeout(m.t), asked, opts)
	if err != nil {
		t.Fatal(err)
	}
	if found[len(keys)].Exists() {
		t.Fatalf("there is %v", found[len(keys)])
	}
	m.compare(t, found[:len(keys)], keys)
	m.checkLog(t)
}

// checkLog replays the change log, which must end with the entries.
func (m *machine) checkLog(t *rapid.T) {
	replayed, err := replayLog(m.t, m.db, m.first)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := m.db.Primary().Query(timeout(m.t), sqldb.Stmt{SQL: "SELECT key,versionstamp FROM kv_entries"})
	if err != nil {
		t.Fatal(err)
	}
	stored := map[kv.Key]kv.Versionstamp{}
	for _, row := range rows {
		stored[kv.Key(row.Bytes(0))] = kv.Versionstamp(row.Text(1))
	}
	if !maps.Equal(replayed, stored) {
		t.Fatalf("the change log ends with %v, the entries are %v", replayed, stored)
	}
}

// replayLog is what a watcher of everything knows after position: keys with
// the versionstamps of their last change.
func replayLog(t *testing.T, db *sqldb.DB, after kv.Versionstamp) (map[kv.Key]kv.Versionstamp, error) {
	rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{
		SQL: "SELECT key,versionstamp,op FROM keyval_changelog WHERE versionstamp>? ORDER BY versionstamp", Args: []any{string(after)}})
	if err != nil {
		return nil, err
	}
	known := map[kv.Key]kv.Versionstamp{}
	for _, row := range rows {
		if row.Text(2) == "s" {
			known[kv.Key(row.Bytes(0))] = kv.Versionstamp(row.Text(1))
		} else {
			delete(known, kv.Key(row.Bytes(0)))
		}
	}
	return known, nil
}

func TestTwoNodesAndAMapDoTheSame(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		runs := 15
		if !d.embedded() {
			runs = 6
		}
		runModel(t, d, runs, 15)
	})
}

func TestSoakTwoNodesAndAMapDoTheSame(t *testing.T) {
	nodetest.OnlyInSoak(t)
	onEachDatabase(t, func(t *testing.T, d database) { runModel(t, d, 100, 50) })
}

// runModel makes runs of so many steps at most.
func runModel(t *testing.T, d database, runs, steps int) {
	one, db := d.open(t)
	nodes := []*kv.Store{one, kv.ReadAhead(d.store(t))}
	check(t, runs, func(rt *rapid.T) {
		m := newMachine(t, rt, nodes, db)
		actions := map[string]func(*rapid.T){"atomic": m.atomic, "bulk delete": m.bulkDelete,
			"leap": m.leapAhead, "sweep": m.sweep, "transaction": m.transaction}
		names := append(slices.Sorted(maps.Keys(actions)), "atomic", "atomic")
		for range rapid.IntRange(1, steps).Draw(rt, "steps") {
			actions[rapid.SampledFrom(names).Draw(rt, "action")](rt)
			m.check(rt)
		}
	})
}

// newMachine begins a run on an emptied database.
func newMachine(t *testing.T, rt *rapid.T, nodes []*kv.Store, db *sqldb.DB) *machine {
	if _, err := db.Do(timeout(t), execute("DELETE FROM kv_entries", "DELETE FROM keyval_changelog")); err != nil {
		rt.Fatal(err)
	}
	empty, err := nodes[0].Delete(timeout(t), kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange("")}})
	if err != nil || empty.Deleted != 0 {
		rt.Fatalf("%+v, %v", empty, err)
	}
	return &machine{t: t, nodes: nodes, db: db, first: empty.Versionstamp, lapsed: map[kv.Key]bool{},
		model: model{entries: map[kv.Key]modelEntry{}, newest: empty.Versionstamp}}
}
