package kv_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

func TestAnEntryIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		key := mustKey(t, "users", "alice")
		if e := mustGet(t, s, key); e.Exists() {
			t.Fatalf("before the write there is %v", e)
		}
		for _, value := range []string{`{"n":1.000000000000000000001,"a":"é\u0000"}`, `null`, `[]`, `"` + strings.Repeat(`\"`, 700_000) + `"`} {
			stamp := mustCommit(t, s, set(key, value))
			got := mustGet(t, s, key)
			if string(got.Value) != value || got.Versionstamp != stamp {
				t.Errorf("got %.40s at %s, want %.40s at %s", got.Value, got.Versionstamp, value, stamp)
			}
		}
	})
}

func TestChecksGuardAgainstOtherNodes(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		one, two := d.store(t), d.store(t)
		key := mustKey(t, "k")
		first := mustCommit(t, one, set(key, `1`))
		second := mustCommit(t, two, set(key, `2`))
		if second <= first {
			t.Errorf("the second commit has %s, not after %s", second, first)
		}
		result, err := one.Atomic(timeout(t), kv.AtomicRequest{
			Checks: []kv.Check{{Key: key, Versionstamp: first}}, Mutations: []kv.Mutation{set(key, `3`)}})
		if err != nil {
			t.Fatal(err)
		}
		if result.OK || len(result.Conflicts) != 1 || result.Conflicts[0].Versionstamp != second {
			t.Errorf("stale check: %+v, want a conflict with %s", result, second)
		}
		if got := mustGet(t, one, key, kv.ReadOptions{Consistency: kv.Strong}); string(got.Value) != `2` {
			t.Errorf("value is %s, want 2", got.Value)
		}
	})
}

func TestConcurrentSumsOverTwoNodesLoseNothing(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		stores := []*kv.Store{d.store(t), d.store(t)}
		key := mustKey(t, "counter")
		one, err := kv.ParseOperand([]byte(`1`))
		if err != nil {
			t.Fatal(err)
		}
		const workers, each = 16, 8
		repeatOn(t, stores, workers, each, kv.Mutation{Type: kv.MutationSum, Key: key, Operand: one})
		got := mustGet(t, stores[0], key, kv.ReadOptions{Consistency: kv.Strong})
		if want := fmt.Sprint(workers * each); string(got.Value) != want {
			t.Errorf("the counter is %s, want %s", got.Value, want)
		}
	})
}

// repeatOn has workers carry out a mutation so often each, on two nodes in turn.
func repeatOn(t *testing.T, stores []*kv.Store, workers, each int, m kv.Mutation) {
	t.Helper()
	done := make(chan error, workers)
	for w := range workers {
		go func() {
			for range each {
				_, err := stores[w%2].Atomic(timeout(t), kv.AtomicRequest{Mutations: []kv.Mutation{m}})
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range workers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func TestAMutationThatCannotApplyChangesNothing(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		text, other := mustKey(t, "text"), mustKey(t, "other")
		mustCommit(t, s, set(text, `"no number"`))
		one, _ := kv.ParseOperand([]byte(`1`))
		_, err := s.Atomic(timeout(t), kv.AtomicRequest{
			Mutations: []kv.Mutation{set(other, `1`), {Type: kv.MutationSum, Key: text, Operand: one}}})
		if !errors.Is(err, kv.ErrTypeMismatch) {
			t.Errorf("err is %v, want a type mismatch", err)
		}
		if e := mustGet(t, s, other); e.Exists() {
			t.Errorf("the mutation before it was written: %v", e)
		}
	})
}

func TestAnExpiredEntryIsGoneBeforeAndAfterTheSweep(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		key := mustKey(t, "session")
		m := set(key, `1`)
		m.ExpireIn = leap / 2
		mustCommit(t, s, m)
		if e := mustGet(t, s, key); !e.Exists() || e.ExpiresAt == 0 {
			t.Fatalf("before it expires: %+v", e)
		}
		m.ExpireIn = 100
		mustCommit(t, s, m)
		await.That(t, "the entry expires", func() bool { return !mustGet(t, s, key).Exists() })
		if n, _, err := s.Count(timeout(t), kv.PrefixRange(""), nil, kv.ReadOptions{}); n != 0 || err != nil {
			t.Errorf("count is %d, %v; want 0", n, err)
		}
		result, err := s.Atomic(timeout(t), kv.AtomicRequest{Checks: []kv.Check{{Key: key}}})
		if err != nil || !result.OK {
			t.Errorf("the check for no entry: %+v, %v", result, err)
		}
		if n, err := s.Sweep(timeout(t), 0); n != 1 || err != nil {
			t.Errorf("swept %d, %v; want 1", n, err)
		}
		if n, err := s.Sweep(timeout(t), 0); n != 0 || err != nil {
			t.Errorf("swept again %d, %v; want 0", n, err)
		}
	})
}

func TestLargeValuesThatHaveExpiredAreSweptFewAtATime(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		kv.SweepBytes(s, 100)
		const entries = 5
		var expiring []kv.Mutation
		for i := range entries {
			m := set(mustKey(t, "expiring", int64(i)), `"`+strings.Repeat("x", 60)+`"`)
			m.ExpireIn = 1
			expiring = append(expiring, m)
		}
		mustCommit(t, s, expiring...)
		transactions := func() int64 {
			rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT txn FROM keyval_sequence"})
			if err != nil {
				t.Fatal(err)
			}
			return rows[0].Integer(0)
		}
		last := mustKey(t, "expiring", int64(entries-1))
		await.That(t, "the entries expire", func() bool { return !mustGet(t, s, last).Exists() })
		before := transactions()
		n, err := s.Sweep(timeout(t), 0)
		if made := transactions() - before; n != entries || made != 3 || err != nil {
			t.Errorf("swept %d in %d transactions, %v; want %d, two in each", n, made, err, entries)
		}
	})
}

func TestABulkDeleteCountsWhatWasThere(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		for i := 0; i < 2500; i += 500 {
			var mutations []kv.Mutation
			for j := range 500 {
				mutations = append(mutations, set(mustKey(t, "log", float64(i+j)), `0`))
			}
			mustCommit(t, s, mutations...)
		}
		kept := mustKey(t, "logs")
		mustCommit(t, s, set(kept, `0`), set(mustKey(t, "log"), `0`))
		req := kv.DeleteRequest{
			Ranges:      []kv.Range{kv.SubtreeRange(mustKey(t, "log")), kv.PrefixRange(mustKey(t, "log"))},
			Idempotency: &kv.Idempotency{Key: "once", Request: "delete"},
		}
		for _, replayed := range []bool{false, true} {
			got, err := s.Delete(timeout(t), req)
			if err != nil || got.Deleted != 2501 || got.Replayed != replayed {
				t.Errorf("deleted %+v, %v; want 2501, replayed %v", got, err, replayed)
			}
		}
		if !mustGet(t, s, kept).Exists() {
			t.Error("the neighbour is gone")
		}
		req.Idempotency = nil
		if got, err := s.Delete(timeout(t), req); err != nil || got.Deleted != 0 {
			t.Errorf("deleted again %+v, %v; want 0", got, err)
		}
	})
}

func TestAnIdempotencyKeyAnswersOnce(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		one, two := d.store(t), d.store(t)
		key := mustKey(t, "counter")
		operand, _ := kv.ParseOperand([]byte(`1`))
		req := kv.AtomicRequest{
			Mutations: []kv.Mutation{{Type: kv.MutationSum, Key: key, Operand: operand}},
			Idempotency: &kv.Idempotency{Caller: "me", Key: "k1", Request: "r1", Answer: func(v kv.Versionstamp, _ kv.AtomicResult) []byte {
				return fmt.Appendf(nil, `{"versionstamp":%q}`, string(v))
			}},
		}
		results := make(chan kv.AtomicResult, 10)
		for i := range cap(results) {
			go func() {
				r, err := []*kv.Store{one, two}[i%2].Atomic(timeout(t), req)
				if err != nil {
					t.Error(err)
				}
				results <- r
			}()
		}
		replayed := 0
		var stamp kv.Versionstamp
		for range cap(results) {
			r := <-results
			if r.Replayed != nil {
				replayed++
				if want := fmt.Sprintf(`{"versionstamp":%q}`, string(r.Versionstamp)); string(r.Replayed) != want {
					t.Errorf("replayed %s, want %s", r.Replayed, want)
				}
			}
			if stamp != "" && r.Versionstamp != stamp {
				t.Errorf("versionstamps %s and %s", stamp, r.Versionstamp)
			}
			stamp = r.Versionstamp
		}
		if replayed != cap(results)-1 {
			t.Errorf("%d replays, want %d", replayed, cap(results)-1)
		}
		if e := mustGet(t, one, key, kv.ReadOptions{Consistency: kv.Strong}); string(e.Value) != `1` {
			t.Errorf("the counter is %s, want 1", e.Value)
		}
		req.Idempotency.Request = "another"
		if _, err := one.Atomic(timeout(t), req); !errors.Is(err, kv.ErrInvalidArgument) {
			t.Errorf("another request with the key: %v, want invalid argument", err)
		}
	})
}

func TestATransactionCommitsOnlyOnAnUnchangedSnapshot(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		a, b := mustKey(t, "acct", "a"), mustKey(t, "acct", "b")
		mustCommit(t, s, set(a, `1`), set(b, `2`))
		reads := []kv.Read{{Key: a}, {List: &kv.Selector{Range: kv.PrefixRange(mustKey(t, "acct")), Limit: 10}}}
		first, err := s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads})
		if err != nil || len(first.Reads) != 2 || len(first.Reads[1]) != 2 {
			t.Fatalf("reads: %+v, %v", first, err)
		}
		commit := func(snapshot kv.Versionstamp) kv.TransactionResult {
			t.Helper()
			r, err := s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads, Snapshot: snapshot,
				AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(a, `3`)}}})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := commit(first.Versionstamp); !r.OK || string(r.Reads[0][0].Value) != `1` {
			t.Errorf("on an unchanged snapshot: %+v", r)
		}
		if r := commit(first.Versionstamp); r.OK || len(r.Conflicts) != 1 || r.Conflicts[0].Key != a {
			t.Errorf("on a changed one: %+v, want a conflict on %s", r, a)
		}
		now, _ := s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads})
		mustCommit(t, s, kv.Mutation{Type: kv.MutationDelete, Key: b})
		if r := commit(now.Versionstamp); r.OK || len(r.Conflicts) != 1 || r.Conflicts[0].Key != b {
			t.Errorf("after a deletion in the range: %+v, want a conflict on %s", r, b)
		}
		now, _ = s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads})
		mustCommit(t, s, set(mustKey(t, "elsewhere"), `1`))
		if r := commit(now.Versionstamp); !r.OK {
			t.Errorf("after a change elsewhere: %+v", r)
		}
	})
}

func TestAnExpiryAfterTheSnapshotIsAConflictAndOneBeforeIsNot(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		key := mustKey(t, "lease")
		m := set(key, `1`)
		m.ExpireIn = leap / 2
		mustCommit(t, s, m)
		reads := []kv.Read{{Key: key}}
		before, err := s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads})
		if err != nil || !before.Reads[0][0].Exists() {
			t.Fatalf("%+v, %v", before, err)
		}
		leapAhead(t, db)
		write := kv.AtomicRequest{Mutations: []kv.Mutation{set(mustKey(t, "x"), `1`)}}
		r, err := s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads, Snapshot: before.Versionstamp, AtomicRequest: write})
		if err != nil || r.OK {
			t.Errorf("expired after the snapshot: %+v, %v; want a conflict", r, err)
		}
		after, err := s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads})
		if err != nil {
			t.Fatal(err)
		}
		r, err = s.Transaction(timeout(t), kv.TransactionRequest{Reads: reads, Snapshot: after.Versionstamp, AtomicRequest: write})
		if err != nil || !r.OK {
			t.Errorf("expired before the snapshot: %+v, %v; want ok", r, err)
		}
	})
}

func TestNowAndTheCommitsVersionstampAreFilledIn(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		prefix := mustKey(t, "events")
		m := set(prefix, `{"at":{"$now":true}}`)
		m.Suffix, m.Times = true, mustTimes(t, m.Value)
		stamp := mustCommit(t, s, m)
		page := mustList(t, s, kv.Selector{Range: kv.PrefixRange(prefix)})
		if len(page.Entries) != 1 {
			t.Fatalf("entries: %v", page.Entries)
		}
		if want := mustKey(t, "events", string(stamp)); page.Entries[0].Key != want {
			t.Errorf("key is %s, want %s", page.Entries[0].Key, want)
		}
		var at int64
		if _, err := fmt.Sscanf(string(page.Entries[0].Value), `{"at":%d}`, &at); err != nil || time.Since(time.UnixMilli(at)).Abs() > time.Minute {
			t.Errorf("value is %s: %v", page.Entries[0].Value, err)
		}
	})
}
