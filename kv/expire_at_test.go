package kv_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

const (
	past   = 1
	future = 32_503_680_000_123 // the year 3000, and not a whole second
)

func setUntil(key kv.Key, value string, at int64) kv.Mutation {
	m := set(key, value)
	m.ExpireAt = at
	return m
}

func TestAnEntryExpiresAtTheMillisecondThatItsWriterNames(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		key, clock := mustKey(t, "session"), mustKey(t, "clock")
		suffixed := setUntil(mustKey(t, "log"), `1`, future)
		suffixed.Suffix = true
		timed := setNow(t, clock, `{"$now":true}`)
		timed.ExpireAt = future
		stamp := mustCommit(t, s, setUntil(key, `1`, future), suffixed, timed)
		for _, k := range []kv.Key{key, clock, mustKey(t, "log", string(stamp))} {
			if e := mustGet(t, s, k); !e.Exists() || e.ExpiresAt != future {
				t.Errorf("%s: %+v, want that it expires at %d", k, e, int64(future))
			}
		}
		for i, want := range []bool{true, false} {
			at := int64(future - 1 + i)
			mustExecute(t, db, fmt.Sprintf("UPDATE keyval_sequence SET time=%d", at))
			if got := mustGet(t, s, key, kv.ReadOptions{Consistency: kv.Strong}).Exists(); got != want {
				t.Errorf("at %d there is an entry: %v, want %v", at, got, want)
			}
		}
	})
}

func TestAnEntryWithATimeThatHasPassedIsNeverSeen(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		key := mustKey(t, "session")
		mustCommit(t, s, set(key, `7`))
		before := mustRead(t, s, kv.TransactionRequest{Reads: []kv.Read{{Key: key}}})
		mustCommit(t, s, setUntil(key, `{"n":8}`, past))
		if e := mustGet(t, s, key); e.Exists() {
			t.Errorf("it is read as %+v", e)
		}
		if page := mustList(t, s, kv.Selector{Range: kv.PrefixRange("")}); len(page.Entries) != 0 {
			t.Errorf("it is listed: %+v", page.Entries)
		}
		for _, where := range []*filter.Filter{nil, mustFilter(t, `{"n":8}`)} {
			if n, _, err := s.Count(timeout(t), kv.PrefixRange(""), where, kv.ReadOptions{}); n != 0 || err != nil {
				t.Errorf("%d are counted, %v", n, err)
			}
		}
		write := kv.AtomicRequest{Mutations: []kv.Mutation{set(mustKey(t, "x"), `1`)}}
		if r := mustRead(t, s, kv.TransactionRequest{Reads: []kv.Read{{Key: key}}, Snapshot: before.Versionstamp, AtomicRequest: write}); r.OK {
			t.Error("who decided on what was there before commits")
		}
		if r, err := s.Atomic(timeout(t), kv.AtomicRequest{Checks: []kv.Check{{Key: key}}}); err != nil || !r.OK {
			t.Errorf("a check for no entry: %+v, %v", r, err)
		}
		if r, err := s.Atomic(timeout(t), kv.AtomicRequest{Mutations: []kv.Mutation{{Type: kv.MutationDelete, Key: key}}}); err != nil || r.Deleted != 0 {
			t.Errorf("a delete: %+v, %v; want none", r, err)
		}
		if n, err := s.Sweep(timeout(t), 0); n != 1 || err != nil {
			t.Errorf("swept %d, %v; want 1", n, err)
		}
		mustCommit(t, s, setUntil(key, `8`, past))
		mustCommit(t, s, number(t, kv.MutationSum, key, `3`))
		if e := mustGet(t, s, key); string(e.Value) != `3` || e.ExpiresAt != 0 {
			t.Errorf("a sum makes %+v of it, want 3", e)
		}
	})
}

func TestAWriteWithoutAnExpiryClearsOneAndWithOneSetsIt(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	key := mustKey(t, "k")
	array := func(kind kv.MutationType) kv.Mutation {
		return kv.Mutation{Type: kind, Key: key, Value: []byte(`[1]`)}
	}
	for _, c := range []struct {
		stored string
		then   kv.Mutation
	}{
		{`1`, set(key, `2`)},
		{`1`, number(t, kv.MutationSum, key, `2`)},
		{`1`, number(t, kv.MutationMin, key, `2`)},
		{`1`, number(t, kv.MutationMax, key, `2`)},
		{`[1]`, array(kv.MutationAppend)},
		{`[1]`, array(kv.MutationPrepend)},
		{`1`, compute(key, func([]byte) ([]byte, error) { return []byte(`2`), nil })},
	} {
		for _, at := range []int64{0, future + 1} {
			c.then.ExpireAt = at
			for _, apart := range []bool{true, false} {
				if apart {
					mustCommit(t, s, setUntil(key, c.stored, future))
					mustCommit(t, s, c.then)
				} else {
					mustCommit(t, s, setUntil(key, c.stored, future), c.then)
				}
				if e := mustGet(t, s, key); !e.Exists() || e.ExpiresAt != at {
					t.Errorf("type %d with %d, in an operation of its own %v: got %+v", c.then.Type, at, apart, e)
				}
			}
		}
	}
}

func TestTheMutationsOfAnOperationSeeWhatItLetsExpireAtOnce(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	key, other := mustKey(t, "k"), mustKey(t, "l")
	r, err := s.Atomic(timeout(t), kv.AtomicRequest{Mutations: []kv.Mutation{
		setUntil(key, `1`, past), number(t, kv.MutationSum, key, `2`),
		setUntil(other, `1`, past), {Type: kv.MutationDelete, Key: other},
	}})
	if err != nil || r.Deleted != 1 {
		t.Errorf("%+v, %v; want one deletion", r, err)
	}
	if e := mustGet(t, s, key); string(e.Value) != `3` {
		t.Errorf("got %s, want 3", e.Value)
	}
}

func TestAnEntryExpiresEitherInOrAt(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	m := setUntil(mustKey(t, "k"), `1`, future)
	m.ExpireIn = 5
	if _, err := s.Atomic(timeout(t), kv.AtomicRequest{Mutations: []kv.Mutation{m}}); !errors.Is(err, kv.ErrInvalidArgument) {
		t.Errorf("both: %v, want a refusal", err)
	}
}

func TestARepeatedOperationDoesNotLetAnEntryExpireAgain(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	key := mustKey(t, "k")
	req := kv.AtomicRequest{Mutations: []kv.Mutation{setUntil(key, `1`, past)}, Idempotency: &kv.Idempotency{
		Caller: "me", Key: "once", Request: "r", Answer: func(kv.Versionstamp, kv.AtomicResult) []byte { return []byte(`{}`) }}}
	for _, replayed := range []bool{false, true} {
		r, err := s.Atomic(timeout(t), req)
		if err != nil || (r.Replayed != nil) != replayed {
			t.Errorf("%+v, %v; want a replay: %v", r, err, replayed)
		}
		if mustGet(t, s, key).Exists() != replayed {
			t.Errorf("there is an entry: %v, want %v", !replayed, replayed)
		}
		mustCommit(t, s, set(key, `2`))
	}
}

// inOneGroup carries out operations that come one after the other while the database is
// busy, so that they mostly make up one group.
func inOneGroup(t *testing.T, s *kv.Store, first kv.Mutation, then func()) {
	t.Helper()
	begun, release := make(chan struct{}), make(chan struct{})
	done := make(chan struct{}, 3)
	do := func(f func()) {
		go func() {
			defer func() { done <- struct{}{} }() // also if it ends the test
			f()
		}()
	}
	commit := func(req kv.AtomicRequest) {
		if _, err := s.Atomic(timeout(t), req); err != nil {
			t.Error(err)
		}
	}
	do(func() {
		once := false
		commit(kv.AtomicRequest{Parts: []sqldb.Part{pause{func() {
			if !once {
				close(begun)
				<-release
			}
			once = true
		}}}})
	})
	<-begun
	do(func() { commit(kv.AtomicRequest{Mutations: []kv.Mutation{first}}) })
	do(then)
	close(release)
	for range cap(done) {
		<-done
	}
}

func TestWhoComesInTheSameGroupNeverSeesAnEntryWhoseTimeHasPassed(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	key := mustKey(t, "k")
	remove := kv.Mutation{Type: kv.MutationDelete, Key: key}
	elsewhere := kv.AtomicRequest{Mutations: []kv.Mutation{set(mustKey(t, "x"), `1`)}}
	atomic := func(req kv.AtomicRequest) kv.AtomicResult {
		r, err := s.Atomic(timeout(t), req)
		if err != nil {
			t.Error(err)
		}
		return r
	}
	for name, sees := range map[string]func() bool{
		"a computation": func() (saw bool) {
			mustCommit(t, s, compute(key, func(stored []byte) ([]byte, error) {
				saw = stored != nil
				return []byte(`2`), nil
			}))
			return saw
		},
		"a check for none": func() bool {
			return !atomic(kv.AtomicRequest{Checks: []kv.Check{{Key: key}}, Mutations: elsewhere.Mutations}).OK
		},
		"a delete": func() bool {
			return atomic(kv.AtomicRequest{Mutations: []kv.Mutation{remove}}).Deleted > 0
		},
		"a read": func() bool {
			return mustRead(t, s, kv.TransactionRequest{Reads: []kv.Read{{Key: key}}, AtomicRequest: elsewhere}).Reads[0][0].Exists()
		},
	} {
		for range 20 {
			mustCommit(t, s, remove)
			inOneGroup(t, s, setUntil(key, `1`, past), func() {
				if sees() {
					t.Errorf("%s sees the entry", name)
				}
			})
		}
	}
}

func TestATransactionTellsWhenAnEntryOfItsGroupExpires(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	key := mustKey(t, "k")
	for range 20 {
		mustCommit(t, s, kv.Mutation{Type: kv.MutationDelete, Key: key})
		inOneGroup(t, s, setUntil(key, `1`, future), func() {
			r := mustRead(t, s, kv.TransactionRequest{Reads: []kv.Read{{Key: key}}, AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(mustKey(t, "x"), `1`)}}})
			if e := r.Reads[0][0]; e.Exists() && e.ExpiresAt != future {
				t.Errorf("got %+v, want that it expires at %d", e, int64(future))
			}
		})
	}
}
