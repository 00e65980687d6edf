package kv_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// longKey is as long as a key may be.
func longKey(t *testing.T, i int) kv.Key {
	return mustKey(t, fmt.Sprintf("%04d%s", i, strings.Repeat("k", 1010)), strings.Repeat("l", 1000))
}

// Reading megabytes is slow under the race detector, so this test does not run
// beside others: what they wait for would be late.
func TestEntriesThatNoStatementHoldsAreReadWhole(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		// So many are a list that stops itself for its size and goes on in pieces.
		const count = sqldb.MaxAnswer/largeEntry + 4
		e := setLargeEntries(t, d, count)
		if d.embedded() {
			e.wantGet(t)
			e.wantLists(t)
		} else {
			// This one has everything of the others, a server's answers are slow.
			e.wantList(t, count-1, true)
		}
	})
}

// Together they are more than a server's database sends in one answer.
func TestSoakAThousandLargeEntriesAreReadWhole(t *testing.T) {
	nodetest.OnlyInSoak(t)
	onEachDatabase(t, func(t *testing.T, d database) {
		e := setLargeEntries(t, d, 1000)
		e.wantGet(t)
		e.wantLists(t)
	})
}

// largeEntry is how many bytes the value of a large entry has.
const largeEntry = 60 << 10

// largeEntries are entries of a store, in order.
type largeEntries struct {
	store *kv.Store
	keys  []kv.Key
}

func setLargeEntries(t *testing.T, d database, count int) largeEntries {
	e := largeEntries{store: d.store(t)}
	value := `"` + strings.Repeat("x", largeEntry-2) + `"`
	var mutations []kv.Mutation
	for i := range count {
		e.keys = append(e.keys, mustKey(t, "large", float64(i)))
		mutations = append(mutations, set(e.keys[i], value))
		if len(mutations) == 20 || i == count-1 {
			mustCommit(t, e.store, mutations...)
			mutations = nil
		}
	}
	return e
}

func (e largeEntries) wantGet(t *testing.T) {
	t.Helper()
	found, _, err := e.store.Get(timeout(t), e.keys, kv.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e.want(t, found, e.keys)
	if n, _, err := e.store.Count(timeout(t), e.all(t), nil, kv.ReadOptions{}); n != int64(len(e.keys)) || err != nil {
		t.Errorf("count %d, %v; want %d", n, err, len(e.keys))
	}
}

// wantLists lists to the end and not quite so far, in both directions.
func (e largeEntries) wantLists(t *testing.T) {
	t.Helper()
	for _, reverse := range []bool{false, true} {
		e.wantList(t, 1000, reverse)
		e.wantList(t, len(e.keys)-1, reverse)
	}
}

func (e largeEntries) wantList(t *testing.T, limit int, reverse bool) {
	t.Helper()
	page := mustList(t, e.store, kv.Selector{Range: e.all(t), Limit: limit, Reverse: reverse})
	want := slices.Clone(e.keys)
	if reverse {
		slices.Reverse(want)
	}
	want = want[:min(limit, len(want))]
	if page.More != (len(want) < len(e.keys)) {
		t.Errorf("limit %d, reverse %v: more %v", limit, reverse, page.More)
	}
	e.want(t, page.Entries, want)
}

func (e largeEntries) all(t *testing.T) kv.Range { return kv.PrefixRange(mustKey(t, "large")) }

func (e largeEntries) want(t *testing.T, got []kv.Entry, want []kv.Key) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i, entry := range got {
		if entry.Key != want[i] || len(entry.Value) != largeEntry {
			t.Fatalf("entry %d is %s with %d bytes, want %s with %d", i, entry.Key, len(entry.Value), want[i], largeEntry)
		}
	}
}

// In hexadecimal they are more than one argument takes.
func TestManyOfTheLongestKeysFit(t *testing.T) { longestKeysFit(t, sqldb.MaxArgument/4032+10) }

func TestSoakAThousandOfTheLongestKeysFit(t *testing.T) {
	nodetest.OnlyInSoak(t)
	longestKeysFit(t, 1000)
}

// longestKeysFit asks for so many at once in every way. Embedded there is no such
// limit.
func longestKeysFit(t *testing.T, count int) {
	s := database{primary: nodetest.MustStartPrimary(t).HTTPURL()}.store(t)
	var keys []kv.Key
	var checks []kv.Check
	var sets, deletes []kv.Mutation
	var ranges []kv.Range
	var reads []kv.Read
	for i := range count {
		key := longKey(t, i)
		keys = append(keys, key)
		checks = append(checks, kv.Check{Key: longKey(t, i+2000)})
		sets = append(sets, set(key, `1`))
		deletes = append(deletes, kv.Mutation{Type: kv.MutationDelete, Key: key})
		ranges = append(ranges, kv.SubtreeRange(key))
		reads = append(reads, kv.Read{Key: key})
	}
	mustCommit(t, s, sets...)
	if found, _, err := s.Get(timeout(t), keys, kv.ReadOptions{}); err != nil || !found[0].Exists() || !found[count-1].Exists() {
		t.Errorf("get: %v", err)
	}
	seen, err := s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads})
	if err != nil {
		t.Fatalf("transaction: %v", err)
	}
	if r, err := s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads, Snapshot: seen.Versionstamp,
		AtomicRequest: kv.AtomicRequest{Mutations: sets[:1]}}); err != nil || !r.OK {
		t.Errorf("commit on the snapshot: %v, %v", r.OK, err)
	}
	if r, err := s.Atomic(timeout(t), kv.AtomicRequest{Checks: checks, Mutations: deletes}); err != nil || !r.OK || r.Deleted != int64(count) {
		t.Errorf("deletes with checks: %v, deleted %d, %v", r.OK, r.Deleted, err)
	}
	mustCommit(t, s, sets...)
	if r, err := s.Delete(timeout(t), kv.DeleteRequest{Ranges: ranges}); err != nil || r.Deleted != int64(count) {
		t.Errorf("bulk delete: %d, %v; want %d", r.Deleted, err, count)
	}
}

// putLarge has the database make entries of 4 MiB, the largest that a configuration
// allows: sending them would take longer than the test.
func putLarge(t *testing.T, db *sqldb.DB, keys ...kv.Key) kv.Versionstamp {
	t.Helper()
	var inserts []string
	for _, key := range keys {
		inserts = append(inserts, fmt.Sprintf(`INSERT INTO kv_entries(key,value,versionstamp)
SELECT x'%x',CAST('["'||hex(zeroblob(%d))||'"]' AS BLOB),%s FROM keyval_sequence s`, string(key), 2<<20-2, sqldb.StampSQL("0")))
	}
	return mustExecute(t, db, inserts...)
}

// sqld answers with 10 MB at most.
func TestWhatIsCheckedOrDeletedMayBeLargerThanAnAnswer(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		keys := []kv.Key{mustKey(t, "checked"), mustKey(t, "deleted"), mustKey(t, "deleted", "too")}
		stamp := putLarge(t, db, keys...)
		req := kv.AtomicRequest{
			Checks:    []kv.Check{{Key: keys[0], Versionstamp: stamp}, {Key: mustKey(t, "missing")}},
			Mutations: []kv.Mutation{{Type: kv.MutationDelete, Key: keys[1]}, {Type: kv.MutationDelete, Key: keys[2]}},
		}
		if r, err := s.Atomic(timeout(t), req); err != nil || !r.OK || r.Deleted != 2 {
			t.Errorf("the operation: %v, deleted %d, %v; want two", r.OK, r.Deleted, err)
		}
		if r, err := s.Atomic(timeout(t), kv.AtomicRequest{Checks: []kv.Check{{Key: keys[0], Versionstamp: stamp}, {Key: keys[1], Versionstamp: stamp}}}); err != nil ||
			r.OK || len(r.Conflicts) != 1 || r.Conflicts[0].Versionstamp != "" {
			t.Errorf("the checks afterwards: %+v, %v; want a conflict with what was deleted", r, err)
		}
	})
}

// Only sqld bounds its answers. What is told quotes no SQL.
func TestAnOperationThatNeedsMoreThanAnAnswerIsToldToDoLess(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, needsTooMuch)
}

func needsTooMuch(t *testing.T, d database) {
	s, db := d.open(t)
	var req kv.AtomicRequest
	for i := range 3 {
		key := mustKey(t, float64(i))
		putLarge(t, db, key)
		req.Mutations = append(req.Mutations, kv.Mutation{Type: kv.MutationAppend, Key: key, Value: []byte(`[1]`)})
	}
	if _, err := s.Atomic(timeout(t), req); !errors.Is(err, kv.ErrTooLarge) || !strings.Contains(err.Error(), "change fewer entries") ||
		strings.Contains(err.Error(), "SELECT") {
		t.Errorf("%v, want too large and what to do", err)
	}
}

func TestAKeyThatIsNamedAgainAndAgainIsReadOnce(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		large, other := mustKey(t, "large"), mustKey(t, "other")
		mustCommit(t, s, set(large, `"`+strings.Repeat("x", 1<<19)+`"`), set(other, `1`))
		keys := []kv.Key{other}
		for range 100 {
			keys = append(keys, large, other)
		}
		found, _, err := s.Get(timeout(t), keys, kv.ReadOptions{Consistency: kv.Strong})
		if err != nil || len(found) != len(keys) {
			t.Fatalf("%d entries, %v", len(found), err)
		}
		for i, e := range found {
			if e.Key != keys[i] || len(e.Value) == 0 {
				t.Errorf("entry %d is that of %s", i, e.Key)
			}
			if e.Key == large && &e.Value[0] != &found[1].Value[0] {
				t.Error("its value was read once more")
			}
		}
	})
}

func TestNoKeysAreNoEntries(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	stamp := mustCommit(t, s, set(mustKey(t, "k"), `1`))
	found, position, err := s.Get(timeout(t), nil, kv.ReadOptions{})
	if err != nil || len(found) != 0 || position != stamp {
		t.Errorf("got %v at %s, %v; want nothing at %s", found, position, err, stamp)
	}
}

func TestAMinimumFromTheFutureIsRefusedByEveryRead(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	stamp := mustCommit(t, s, set(mustKey(t, "k"), `1`))
	opts := kv.ReadOptions{Min: kv.NewVersionstamp(stamp.Incarnation(), stamp.Transaction()+1, 0)}
	var many []kv.Key
	for i := range 1000 {
		many = append(many, mustKey(t, float64(i)))
	}
	_, _, one := s.Get(timeout(t), many[:1], opts)
	_, _, thousand := s.Get(timeout(t), many, opts)
	_, list := s.List(timeout(t), kv.Selector{Range: kv.PrefixRange(""), Limit: 10}, opts)
	_, _, count := s.Count(timeout(t), kv.PrefixRange(""), nil, opts)
	for name, err := range map[string]error{"get": one, "get of 1,000": thousand, "list": list, "count": count} {
		if !errors.Is(err, kv.ErrInvalidArgument) {
			t.Errorf("%s: %v, want an invalid argument", name, err)
		}
	}
}

func TestReadsGoByTheTransactionsTimeWhenItIsAheadOfTheClock(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		key := mustKey(t, "k")
		m := set(key, `1`)
		m.ExpireIn = leap / 2
		mustCommit(t, s, m)
		if !mustGet(t, s, key).Exists() {
			t.Fatal("it expired at once")
		}
		leapAhead(t, db)
		if mustGet(t, s, key).Exists() || len(mustList(t, s, kv.Selector{Range: kv.PrefixRange("")}).Entries) != 0 {
			t.Error("a read shows what a transaction takes for expired")
		}
		if r, err := s.Atomic(timeout(t), kv.AtomicRequest{Checks: []kv.Check{{Key: key}}}); err != nil || !r.OK {
			t.Errorf("the check for no entry: %+v, %v", r, err)
		}
		// A write counts from there.
		mustCommit(t, s, m)
		if !mustGet(t, s, key).Exists() {
			t.Error("a new entry is hidden early")
		}
	})
}

func TestEventualReadsGoOnWhileThePrimaryIsDead(t *testing.T) {
	t.Parallel()
	pair := nodetest.MustStartSqldPair(t)
	s := database{primary: pair.Primary.HTTPURL(), replica: pair.Replica.HTTPURL()}.store(t)
	keys := []kv.Key{}
	for i := range 600 {
		keys = append(keys, mustKey(t, "k", float64(i)))
	}
	mustCommit(t, s, set(keys[0], `1`), set(keys[599], `2`))
	eventual := kv.ReadOptions{Consistency: kv.Eventual}
	await.That(t, "the replica has it", func() bool {
		rows, err := pair.Replica.Query(timeout(t), "SELECT 'row' FROM kv_entries")
		return err == nil && strings.Contains(rows, `"row"`)
	})
	if err := pair.Primary.Kill(); err != nil {
		t.Fatal(err)
	}
	// A replica that answers late, on a slow machine, is left alone for a while.
	served := func(what string, read func() error) {
		t.Helper()
		await.That(t, what, func() bool {
			err := read()
			if err != nil && !errors.Is(err, sqldb.ErrUnavailable) {
				t.Fatalf("%s: %v", what, err)
			}
			return err == nil
		})
	}
	for range 3 {
		served("get", func() error {
			found, _, err := s.Get(timeout(t), keys, eventual)
			if err == nil && !found[599].Exists() {
				t.Error("get: the entry is not there")
			}
			return err
		})
		served("list", func() error {
			page, err := s.List(timeout(t), kv.Selector{Range: kv.PrefixRange(""), Limit: 10}, eventual)
			if err == nil && len(page.Entries) != 2 {
				t.Errorf("list: %v", page)
			}
			return err
		})
		served("count", func() error {
			n, _, err := s.Count(timeout(t), kv.PrefixRange(""), nil, eventual)
			if err == nil && n != 2 {
				t.Errorf("count: %d", n)
			}
			return err
		})
		_, err := s.Atomic(timeout(t), kv.AtomicRequest{Mutations: []kv.Mutation{set(keys[1], `1`)}})
		if !errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("a write: %v, want unavailable", err)
		}
	}
}
