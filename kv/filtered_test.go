package kv_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
	"github.com/buntime/keyval/node/nodetest"
)

// mustFilter parses a where.
func mustFilter(t testing.TB, where string) *filter.Filter {
	t.Helper()
	f, err := filter.Parse([]byte(where))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fillPrefix sets n entries below a prefix in order, each with a value of its number.
func fillPrefix(t testing.TB, s *kv.Store, prefix string, n int, value func(i int) string) []kv.Key {
	t.Helper()
	keys := make([]kv.Key, n)
	for i := range keys {
		keys[i] = mustKey(t, prefix, float64(i))
	}
	for start := 0; start < n; start += 1000 {
		var all []kv.Mutation
		for i := start; i < min(n, start+1000); i++ {
			all = append(all, set(keys[i], value(i)))
		}
		mustCommit(t, s, all...)
	}
	return keys
}

// every is a value with "hit":1 for each i that is a multiple of n.
func every(n int) func(int) string {
	return func(i int) string {
		if i%n == 0 {
			return fmt.Sprintf(`{"hit":1,"i":%d}`, i)
		}
		return fmt.Sprintf(`{"hit":0,"i":%d}`, i)
	}
}

const hits = `{"hit":1}`

func keysOf(entries []kv.Entry) []kv.Key {
	keys := make([]kv.Key, len(entries))
	for i, e := range entries {
		keys[i] = e.Key
	}
	return keys
}

func TestAFilterFindsWhatIsFarApartInBothDirections(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		keys := fillPrefix(t, s, "far", 3000, every(900))
		want := []kv.Key{keys[0], keys[900], keys[1800], keys[2700]}
		for _, reverse := range []bool{false, true} {
			page := mustList(t, s, kv.Selector{Range: kv.PrefixRange(mustKey(t, "far")), Reverse: reverse, Where: mustFilter(t, hits)})
			if !slices.Equal(keysOf(page.Entries), want) || page.More {
				t.Errorf("reverse %v: %q, more %v; want %q", reverse, keysOf(page.Entries), page.More, want)
			}
			slices.Reverse(want)
		}
		n, position, err := s.Count(timeout(t), kv.PrefixRange(""), mustFilter(t, hits), kv.ReadOptions{})
		if n != 4 || position == "" || err != nil {
			t.Errorf("counted %d at %q, %v; want 4", n, position, err)
		}
	})
}

func TestTheLargestFiltersListCountAndDelete(t *testing.T) {
	t.Parallel()
	many := func(n int, text string) string { return strings.Repeat(text+",", n) }
	past := `{"i":{"$lt":{"$now":true}}}`
	for name, where := range map[string]*filter.Filter{
		"often the time": mustFilter(t, `{"$or":[`+many(499, `{"i":{"$in":[{"$now":true}]}}`)+past+`]}`),
		"deep and wide":  mustFilter(t, strings.Repeat(`{"$or":[`+many(41, `{"i":-1}`)+`{"$and":[`+many(41, `{"hit":1}`), 11)+past+strings.Repeat(`]}]}`, 11)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEachDatabase(t, func(t *testing.T, d database) {
				s := d.store(t)
				fillPrefix(t, s, "past", 3, every(1))
				wantThree(t, s, where)
			})
		})
	}
}

// wantThree lists, counts and deletes all three entries.
func wantThree(t *testing.T, s *kv.Store, where *filter.Filter) {
	t.Helper()
	if page := mustList(t, s, kv.Selector{Range: kv.PrefixRange(""), Where: where}); len(page.Entries) != 3 {
		t.Errorf("listed %q, want all", keysOf(page.Entries))
	}
	if n, _, err := s.Count(timeout(t), kv.PrefixRange(""), where, kv.ReadOptions{}); n != 3 || err != nil {
		t.Errorf("counted %d, %v; want 3", n, err)
	}
	result, err := s.Delete(timeout(t), kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange("")}, Where: where})
	if result.Deleted != 3 || err != nil {
		t.Errorf("deleted %d, %v; want 3", result.Deleted, err)
	}
}

// What a client pages through is everything that matches, each once, whatever the limit,
// and a page without matches moves on.
func TestPagesWithAFilterMoveOnWithoutMatches(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		keys := fillPrefix(t, s, "pages", 1500, every(700))
		for _, reverse := range []bool{false, true} {
			sel := kv.Selector{Range: kv.PrefixRange(""), Limit: 2, Reverse: reverse, Where: mustFilter(t, hits), Within: 1}
			var got []kv.Key
			empty := false
			for more := true; more; {
				page := mustList(t, s, sel)
				got = append(got, keysOf(page.Entries)...)
				empty = empty || len(page.Entries) == 0 && page.More
				if more = page.More; more {
					left := sel.Range.After(page.Last, reverse)
					if left == sel.Range {
						t.Fatalf("the page ends at %q and does not move on", page.Last)
					}
					sel.Range = left
				}
			}
			if reverse {
				slices.Reverse(got)
			}
			if want := []kv.Key{keys[0], keys[700], keys[1400]}; !slices.Equal(got, want) || !empty {
				t.Errorf("reverse %v: %q, an empty page %v; want %q", reverse, got, empty, want)
			}
		}
	})
}

func TestPagesFollowWhatTheyTakeWithinBounds(t *testing.T) {
	t.Parallel()
	const quick, fair, usual, slow = time.Millisecond, 6 * time.Millisecond, 50 * time.Millisecond, time.Second
	for _, c := range []struct {
		took []time.Duration
		want []int64
	}{
		{[]time.Duration{quick, fair, usual, quick, quick, quick}, []int64{1024, 2048, 2048, 8192, 20000, 20000}},
		{[]time.Duration{slow, slow, slow, slow, slow, quick}, []int64{128, 64, 32, 32, 32, 128}},
	} {
		if got := kv.PageSizes(c.took...); !slices.Equal(got, c.want) {
			t.Errorf("after %v: %v, want %v", c.took, got, c.want)
		}
	}
}

func TestAListWithAFilterSaysHowItEnds(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		keys := fillPrefix(t, s, "end", 10, every(2))
		for limit, more := range map[int]bool{4: true, 5: false, 6: false} {
			page := mustList(t, s, kv.Selector{Range: kv.PrefixRange(""), Limit: limit, Where: mustFilter(t, hits)})
			if page.More != more || len(page.Entries) != min(limit, 5) {
				t.Errorf("limit %d: %d entries, more %v", limit, len(page.Entries), page.More)
			}
			if more && page.Last != keys[2*limit-2] {
				t.Errorf("limit %d: the last is %q", limit, page.Last)
			}
		}
	})
}

func TestADeletionByFilterTakesWhatMatchesOfKeysAndRanges(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		keys := fillPrefix(t, s, "delete", 4000, every(2))
		other := fillPrefix(t, s, "other", 3, every(1))
		before := mustCommit(t, s, set(mustKey(t, "untouched"), `{"hit":1}`))
		result, err := s.Delete(timeout(t), kv.DeleteRequest{
			Keys:   []kv.Key{other[1], mustKey(t, "none"), keys[8]},
			Ranges: []kv.Range{kv.SubtreeRange(mustKey(t, "delete"))}, Where: mustFilter(t, hits)})
		if err != nil || result.Deleted != 2001 || result.Versionstamp <= before {
			t.Fatalf("%+v, %v; want 2001 deleted after %s", result, err, before)
		}
		for what, want := range map[kv.Key]int64{mustKey(t, "delete"): 2000, mustKey(t, "other"): 2} {
			if n, _, err := s.Count(timeout(t), kv.PrefixRange(what), nil, kv.ReadOptions{}); n != want || err != nil {
				t.Errorf("%q has %d, %v; want %d", what, n, err, want)
			}
		}
		wantReplay(t, db, before, 2001)
	})
}

// wantReplay wants so many deletions in the change log, and no entry of its keys.
func wantReplay(t *testing.T, db *sqldb.DB, after kv.Versionstamp, deletions int64) {
	t.Helper()
	rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{
		SQL: `SELECT count(*),count(e.key) FROM keyval_changelog c LEFT JOIN kv_entries e ON e.key=c.key WHERE c.op='d' AND c.versionstamp>?`, Args: []any{string(after)}})
	if err != nil {
		t.Fatal(err)
	}
	if rows[0].Integer(0) != deletions || rows[0].Integer(1) != 0 {
		t.Errorf("the log has %d deletions, of which %d are still there; want %d", rows[0].Integer(0), rows[0].Integer(1), deletions)
	}
}

func TestADeletionByFilterThatMatchesNothingCommitsNothing(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		fillPrefix(t, s, "nothing", 10, every(1))
		before := mustCommit(t, s, set(mustKey(t, "last"), `1`))
		result, err := s.Delete(timeout(t), kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange("")}, Where: mustFilter(t, `{"hit":2}`)})
		if err != nil || result.Deleted != 0 || result.Versionstamp != before {
			t.Errorf("%+v, %v; want nothing deleted as of %s", result, err, before)
		}
	})
}

func TestWhatHasExpiredMatchesNoFilter(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		m := set(mustKey(t, "expired"), hits)
		m.ExpireIn = leap / 2
		mustCommit(t, s, m, set(mustKey(t, "lives"), hits))
		leapAhead(t, db)
		all, where := kv.PrefixRange(""), mustFilter(t, hits)
		if page := mustList(t, s, kv.Selector{Range: all, Where: where}); len(page.Entries) != 1 {
			t.Errorf("listed %q", keysOf(page.Entries))
		}
		if n, _, err := s.Count(timeout(t), all, where, kv.ReadOptions{}); n != 1 || err != nil {
			t.Errorf("counted %d, %v", n, err)
		}
		if r, err := s.Delete(timeout(t), kv.DeleteRequest{Ranges: []kv.Range{all}, Where: where}); r.Deleted != 1 || err != nil {
			t.Errorf("deleted %+v, %v", r, err)
		}
		if n, err := s.Sweep(timeout(t), 0); n != 1 || err != nil {
			t.Errorf("swept %d, %v; want that the expired one is left to the sweep", n, err)
		}
	})
}

func TestARepeatedDeletionByFilterIsAnsweredAsTheFirst(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		fillPrefix(t, s, "again", 2500, every(1))
		req := kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange("")}, Where: mustFilter(t, hits),
			Idempotency: &kv.Idempotency{Key: "k", Request: "r"}}
		first, err := s.Delete(timeout(t), req)
		if err != nil || first.Deleted != 2500 || first.Replayed {
			t.Fatalf("the first: %+v, %v", first, err)
		}
		fillPrefix(t, s, "again", 3, every(1))
		second, err := s.Delete(timeout(t), req)
		if want := (kv.DeleteResult{Deleted: 2500, Versionstamp: first.Versionstamp, Replayed: true}); err != nil || second != want {
			t.Errorf("the second: %+v, %v; want %+v", second, err, want)
		}
		if n, _, _ := s.Count(timeout(t), kv.PrefixRange(""), nil, kv.ReadOptions{}); n != 3 {
			t.Errorf("%d are left; want what was written since", n)
		}
		req.Idempotency = &kv.Idempotency{Key: "k", Request: "another"}
		if _, err := s.Delete(timeout(t), req); !errors.Is(err, kv.ErrInvalidArgument) {
			t.Errorf("the same key for another request: %v", err)
		}
	})
}

func TestAnEmptyDeletionByFilterIsKeptToo(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		req := kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange("")}, Where: mustFilter(t, hits),
			Idempotency: &kv.Idempotency{Key: "k", Request: "r"}}
		if r, err := s.Delete(timeout(t), req); err != nil || r.Deleted != 0 || r.Replayed {
			t.Fatalf("the first: %+v, %v", r, err)
		}
		fillPrefix(t, s, "later", 1, every(1))
		if r, err := s.Delete(timeout(t), req); err != nil || r.Deleted != 0 || !r.Replayed {
			t.Errorf("the second: %+v, %v", r, err)
		}
	})
}

// Together they are more than one answer of the database, and more than one page.
func TestAFilterGoesThroughLargeValues(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		filler, entries := strings.Repeat("x", 256<<10), 60
		if !d.embedded() {
			entries = 18 // more than a page of a deletion; a server is slow to take them
		}
		var keys []kv.Key
		for i := range entries {
			keys = append(keys, mustKey(t, "large", float64(i)))
			mustCommit(t, s, set(keys[i], fmt.Sprintf(`{"filler":"%s","hit":%d}`, filler, i%2)))
		}
		where := mustFilter(t, hits)
		page := mustList(t, s, kv.Selector{Range: kv.PrefixRange(""), Where: where})
		if len(page.Entries) != entries/2 || page.More || len(page.Entries[0].Value) < 256<<10 {
			t.Errorf("%d entries, more %v", len(page.Entries), page.More)
		}
		r, err := s.Delete(timeout(t), kv.DeleteRequest{Keys: keys, Where: where})
		if r.Deleted != int64(entries/2) || err != nil {
			t.Errorf("deleted %+v, %v", r, err)
		}
	})
}

// A filter's list that may not end early fails when its caller's time is up.
func TestAFilterThatTakesTooLongSaysWhatToDo(t *testing.T) {
	t.Parallel()
	d := embedded(t)
	s := d.store(t)
	fillPrefix(t, s, "slow", 10, every(1))
	ctx, cancel := contextOver(t)
	defer cancel()
	for what, ask := range map[string]func() error{
		"list": func() error {
			_, err := s.List(ctx, kv.Selector{Range: kv.PrefixRange(""), Limit: 1, Where: mustFilter(t, hits)}, kv.ReadOptions{})
			return err
		},
		"count": func() error {
			_, _, err := s.Count(ctx, kv.PrefixRange(""), mustFilter(t, hits), kv.ReadOptions{})
			return err
		},
		"delete": func() error {
			_, err := s.Delete(ctx, kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange("")}, Where: mustFilter(t, hits)})
			return err
		},
	} {
		if err := ask(); !errors.Is(err, kv.ErrTimeout) || !strings.Contains(err.Error(), "narrow the prefix") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestATransactionsListTakesNoFilter(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	_, err := s.Transaction(timeout(t), kv.TransactionRequest{Reads: []kv.Read{
		{List: &kv.Selector{Range: kv.PrefixRange(""), Limit: 1, Where: mustFilter(t, hits)}}}})
	if !errors.Is(err, kv.ErrInvalidArgument) {
		t.Errorf("%v, want that it is refused", err)
	}
}

// filtered is a where, and what it is in Go.
type filtered struct {
	where *filter.Filter
	texts map[kv.Key]string
}

func (f filtered) keys(r kv.Range) []kv.Key {
	var keys []kv.Key
	for _, k := range slices.Sorted(maps.Keys(f.texts)) {
		if r.Contains(k) && f.where.Match([]byte(f.texts[k]), time.Now().UnixMilli()) {
			keys = append(keys, k)
		}
	}
	return keys
}

func TestAFilterAndAMapDoTheSame(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		runs := 40
		if !d.embedded() {
			runs = 15
		}
		runFiltered(t, d, runs)
	})
}

func TestSoakAFilterAndAMapDoTheSame(t *testing.T) {
	nodetest.OnlyInSoak(t)
	onEachDatabase(t, func(t *testing.T, d database) { runFiltered(t, d, 1000) })
}

func runFiltered(t *testing.T, d database, runs int) {
	s, db := d.open(t)
	check(t, runs, func(rt *rapid.T) {
		m := newMachine(t, rt, []*kv.Store{s}, db)
		for range rapid.IntRange(1, 4).Draw(rt, "steps") {
			m.writeDocuments(rt)
			m.compareFiltered(rt)
		}
	})
}

// writeDocuments writes some, lets some expire and deletes some by a filter.
func (m *machine) writeDocuments(t *rapid.T) {
	var req kv.AtomicRequest
	for range rapid.IntRange(1, 12).Draw(t, "mutations") {
		mut := drawMutation(t)
		if rapid.IntRange(0, 3).Draw(t, "document") > 0 {
			mut = set(mut.Key, fmt.Sprintf(`{"hit":%d}`, rapid.IntRange(0, 2).Draw(t, "hit")))
		}
		req.Mutations = []kv.Mutation{mut}
		if r, err := m.node(t).Atomic(timeout(m.t), req); err == nil {
			m.model.apply(mut, r.Versionstamp)
			m.advance(t, r.Versionstamp)
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "leap") == 0 {
		m.leapAhead(t)
	}
}

func (m *machine) matching(where *filter.Filter) filtered {
	f := filtered{where, map[kv.Key]string{}}
	for k, e := range m.model.entries {
		f.texts[k] = e.value
	}
	return f
}

func (m *machine) compareFiltered(t *rapid.T) {
	where := mustFilter(m.t, fmt.Sprintf(`{"hit":%d}`, rapid.IntRange(0, 2).Draw(t, "where")))
	r := kv.PrefixRange("")
	if rapid.Bool().Draw(t, "narrow") {
		r = kv.SubtreeRange(drawKey(t, "range"))
	}
	want := m.matching(where).keys(r)
	sel := kv.Selector{Range: r, Limit: rapid.IntRange(1, 5).Draw(t, "limit"), Reverse: rapid.Bool().Draw(t, "reverse"), Where: where}
	m.compare(t, m.pageThrough(t, sel), want)
	n, _, err := m.node(t).Count(timeout(m.t), r, where, kv.ReadOptions{})
	if err != nil || n != int64(len(want)) {
		t.Fatalf("counted %d, %v; want %d", n, err, len(want))
	}
	if rapid.Bool().Draw(t, "delete") {
		m.deleteFiltered(t, kv.DeleteRequest{Ranges: []kv.Range{r}, Keys: []kv.Key{drawKey(t, "one")}, Where: where})
	}
}

// pageThrough lists by the last key that each page has looked at, and returns the entries
// in order.
func (m *machine) pageThrough(t *rapid.T, sel kv.Selector) []kv.Entry {
	var got []kv.Entry
	for {
		page, err := m.node(t).List(timeout(m.t), sel, kv.ReadOptions{Min: m.model.newest})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.Entries...)
		if !page.More {
			break
		}
		sel.Range = sel.Range.After(page.Last, sel.Reverse)
	}
	if sel.Reverse {
		slices.Reverse(got)
	}
	return got
}

func (m *machine) deleteFiltered(t *rapid.T, req kv.DeleteRequest) {
	result, err := m.node(t).Delete(timeout(m.t), req)
	if err != nil {
		t.Fatal(err)
	}
	f := m.matching(req.Where)
	gone := append(f.keys(req.Ranges[0]), f.keys(kv.Range{Start: req.Keys[0], End: req.Keys[0] + "\x00"})...)
	gone = slices.Compact(slices.Sorted(slices.Values(gone)))
	for _, k := range gone {
		delete(m.model.entries, k)
	}
	if result.Deleted != int64(len(gone)) {
		t.Fatalf("deleted %d, want %q", result.Deleted, gone)
	}
	if len(gone) > 0 {
		m.advance(t, result.Versionstamp)
	}
	m.check(t)
}

// contextOver is one whose time is up.
func contextOver(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
}

// endable is a context whose time is up when it is cancelled.
type endable struct{ context.Context }

func (e endable) Err() error {
	if e.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

func TestADeletionByFilterWhoseTimeIsUpSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		fillPrefix(t, s, "many", 6000, every(1))
		before := mustCommit(t, s, set(mustKey(t, "last"), `1`))
		inner, end := context.WithCancel(timeout(t))
		var commits atomic.Int64
		db.OnCommit(func(context.Context, sqldb.Position) {
			if commits.Add(1) == 2 {
				end()
			}
		})
		result, err := s.Delete(endable{inner}, kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange("")}, Where: mustFilter(t, hits)})
		// Whoever is answered only after its time hears that it is unknown.
		if !errors.Is(err, kv.ErrTimeout) && !errors.Is(err, sqldb.ErrCommitUnknown) {
			t.Errorf("%+v, %v; want that its time is up", result, err)
		}
		left, _, err := s.Count(timeout(t), kv.PrefixRange(mustKey(t, "many")), nil, kv.ReadOptions{Consistency: kv.Strong})
		if err != nil || left == 0 || result.Deleted == 0 || result.Deleted > 6000-left || result.Versionstamp <= before {
			t.Errorf("it says %+v, and %d are left, %v", result, left, err)
		}
	})
}

// Writers turn what a deletion looks for into something else and back while it runs.
func TestADeletionByFilterTakesNothingThatHasStoppedMatching(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		w := &flippers{t: t, store: d.store(t), written: map[kv.Versionstamp]string{}}
		steady := fillPrefix(t, s, "steady", 600, every(1))
		flipped := fillPrefix(t, s, "flipped", 600, every(2))
		first := mustCommit(t, s, set(mustKey(t, "begin"), `1`))
		stop := make(chan struct{})
		var writers sync.WaitGroup
		for i := range 4 {
			writers.Go(func() { w.flip(flipped, i, stop) })
		}
		var deleted int64
		for range 4 {
			r, err := s.Delete(timeout(t), kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange("")}, Where: mustFilter(t, hits)})
			if err != nil {
				t.Error(err)
			}
			deleted += r.Deleted
			w.awaitMore(24)
		}
		close(stop)
		writers.Wait()
		found, _, err := s.Get(timeout(t), steady, kv.ReadOptions{Consistency: kv.Strong})
		if err != nil || slices.ContainsFunc(found, kv.Entry.Exists) {
			t.Errorf("what has always matched is still there, %v", err)
		}
		w.wantRightDeletions(db, first, deleted)
	})
}

// flippers write values that match and values that do not in turn, and know which.
type flippers struct {
	t     *testing.T
	store *kv.Store

	mu      sync.Mutex
	written map[kv.Versionstamp]string
}

func (w *flippers) flip(keys []kv.Key, from int, stop chan struct{}) {
	for i := from; ; i += 4 {
		select {
		case <-stop:
			return
		default:
		}
		round, at := i/len(keys), i%len(keys)
		value := fmt.Sprintf(`{"hit":%d}`, (round+at)%2)
		r, err := w.store.Atomic(timeout(w.t), kv.AtomicRequest{Mutations: []kv.Mutation{set(keys[at], value)}})
		if err != nil {
			w.t.Error(err)
			return
		}
		w.mu.Lock()
		w.written[r.Versionstamp] = value
		w.mu.Unlock()
	}
}

func (w *flippers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.written)
}

// awaitMore waits until so many more values are written.
func (w *flippers) awaitMore(n int) {
	w.t.Helper()
	n += w.count()
	await.That(w.t, "values are written", func() bool { return w.count() >= n })
}

// wantRightDeletions wants that the last value before each deletion matched, and so many of
// them.
func (w *flippers) wantRightDeletions(db *sqldb.DB, first kv.Versionstamp, deletions int64) {
	w.t.Helper()
	rows, err := db.Primary().QueryLarge(timeout(w.t), sqldb.Stmt{SQL: `SELECT c.versionstamp,(
SELECT max(b.versionstamp) FROM keyval_changelog b WHERE b.key=c.key AND b.versionstamp<c.versionstamp AND b.op='s')
FROM keyval_changelog c WHERE c.op='d' AND c.versionstamp>?`, Args: []any{string(first)}})
	if err != nil {
		w.t.Fatal(err)
	}
	if int64(len(rows)) != deletions {
		w.t.Errorf("the log has %d deletions, %d were answered", len(rows), deletions)
	}
	for _, row := range rows {
		// What was there from the beginning was deleted first, if it matched.
		if value, ok := w.written[kv.Versionstamp(row.Text(1))]; ok && value != hits {
			w.t.Errorf("the deletion at %s took %s of %s", row.Text(0), value, row.Text(1))
		}
	}
}

// The text of its statements differs with each filter.
func TestASlowFilterIsInTheLogByItsNameAndPlan(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		fillPrefix(t, d.store(t), "slow", 3, every(1))
		var log lockedLog
		db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: d.primary, SlowOperation: time.Nanosecond,
			Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		s := kv.New(db, kv.Config{})
		await.That(t, "a plan is told", func() bool {
			mustList(t, s, kv.Selector{Range: kv.PrefixRange(""), Where: mustFilter(t, hits)})
			return log.hasLine(`name="list entries by filter"`, "plan=", "SEARCH e USING INDEX")
		}, log.String)
		if log.hasLine("hit") {
			t.Errorf("the log has a filter's path:\n%s", log.String())
		}
	})
}

type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// hasLine tells whether a line has all of the parts.
func (l *lockedLog) hasLine(parts ...string) bool {
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			return true
		}
	}
	return false
}
