package kv_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// use is an operation that is nothing but an answer: whoever is the first to use a
// name leaves theirs, and all others get to see it.
func use(name, by string) kv.AtomicRequest {
	return kv.AtomicRequest{Idempotency: &kv.Idempotency{Caller: "uses", Key: name, Request: "use",
		Answer: func(kv.Versionstamp, kv.AtomicResult) []byte { return []byte(by) }}}
}

func TestOfManyWhoKeepAnAnswerAndDoNothingElseOneIsTheFirst(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		nodes := []*kv.Store{d.store(t), d.store(t)}
		const names, users = 10, 6
		for name := range names {
			var all sync.WaitGroup
			var results [users]kv.AtomicResult
			for i := range users {
				all.Go(func() {
					var err error
					if results[i], err = nodes[i%2].Atomic(timeout(t), use(fmt.Sprint(name), fmt.Sprint("user ", i))); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			first := ""
			for _, r := range results {
				if r.OK && r.Replayed == nil {
					first += string(r.Kept)
				}
			}
			for i, r := range results {
				if r.Replayed != nil && string(r.Replayed) != first || r.Versionstamp != results[0].Versionstamp {
					t.Errorf("user %d got %+v, and the first, of which there must be one, is %q", i, r, first)
				}
			}
			late, err := d.store(t).Atomic(timeout(t), use(fmt.Sprint(name), "late"))
			if err != nil || string(late.Replayed) != first || first == "" {
				t.Errorf("one who is late got %+v, %v; the first is %q", late, err, first)
			}
		}
	})
}

// The answer says whose it is, and so whether an outcome that was unknown was one's own.
func TestTheFirstIsFoundOutAfterACommitOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	proxy := nodetest.MustStartFaultProxy(t, primary.Addr())
	t.Cleanup(func() { _ = proxy.Heal() })
	behind, other := database{primary: proxy.HTTPURL()}.store(t), database{primary: primary.HTTPURL()}.store(t)
	for name, c := range map[string]struct {
		fault func([]byte) *nodetest.Fault
		first string
	}{
		"the answer is lost":          {proxy.HoldNextAnswer, "impatient"},
		"the request has not arrived": {proxy.HoldNextRequest, "other"},
	} {
		held := c.fault([]byte("INSERT OR REPLACE INTO keyval_idempotency"))
		ctx, cancel := context.WithCancel(t.Context())
		unknown := make(chan error, 1)
		go func() {
			_, err := behind.Atomic(ctx, use(name, "impatient"))
			unknown <- err
		}()
		if err := held.Wait(timeout(t)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-unknown; !errors.Is(err, sqldb.ErrCommitUnknown) {
			t.Fatalf("%s: got %v, want an unknown outcome", name, err)
		}
		held.Drop()
		second, err := other.Atomic(timeout(t), use(name, "other"))
		if err != nil || (second.Replayed == nil) != (c.first == "other") {
			t.Errorf("%s: another got %+v, %v", name, second, err)
		}
		again, err := behind.Atomic(timeout(t), use(name, "impatient"))
		if err != nil || string(again.Replayed) != c.first {
			t.Errorf("%s: again it is %q, %v; want what %s has left", name, again.Replayed, err, c.first)
		}
	}
}

func TestCallersAndKeysThatReadTheSameTogetherAreApart(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	for _, c := range []kv.Idempotency{
		{Caller: "", Key: "ab"}, {Caller: "a", Key: "b"}, {Caller: "ab", Key: ""}, {Caller: "b", Key: "a"},
		{Caller: "1:a", Key: "b"}, {Caller: "1", Key: ":ab"}, {Caller: "", Key: "1:ab"}, {Caller: "a:", Key: "b"}, {Caller: "a", Key: ":b"},
	} {
		req := use("", c.Caller+"/"+c.Key)
		req.Idempotency.Caller, req.Idempotency.Key = c.Caller, c.Key
		if got, err := s.Atomic(timeout(t), req); err != nil || got.Replayed != nil {
			t.Errorf("%q with key %q got what %q has left, %v", c.Caller, c.Key, got.Replayed, err)
		}
	}
}

func TestAnAnswerOfNothingIsNotKept(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		req := use("empty", "")
		req.Mutations = []kv.Mutation{set(mustKey(t, "a"), `1`)}
		for range 2 {
			if got, err := s.Atomic(timeout(t), req); err == nil {
				t.Errorf("got %+v: nobody could tell a repetition from the first", got)
			}
		}
		if e := mustGet(t, s, mustKey(t, "a"), kv.ReadOptions{Consistency: kv.Strong}); e.Exists() {
			t.Errorf("the operation was carried out: %+v", e)
		}
	})
}
