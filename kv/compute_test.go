package kv_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/buntime/keyval/kv"
)

func compute(key kv.Key, f kv.Compute) kv.Mutation {
	return kv.Mutation{Type: kv.MutationCompute, Key: key, Compute: f}
}

// longer makes "" of nothing, and a string one letter longer of another.
func longer(stored []byte) ([]byte, error) {
	if stored == nil {
		return []byte(`""`), nil
	}
	return append(bytes.Clone(stored[:len(stored)-1]), `x"`...), nil
}

func TestAKeyTakesWhatIsComputedOfWhatItHasStored(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		one, two := d.store(t), d.store(t)
		key := mustKey(t, "k")
		mustCommit(t, one, compute(key, longer), compute(key, longer))
		mustCommit(t, two, compute(key, longer))
		if e := mustGet(t, one, key, kv.ReadOptions{Consistency: kv.Strong}); string(e.Value) != `"xx"` {
			t.Errorf("got %s, want two letters", e.Value)
		}
		mustCommit(t, two, kv.Mutation{Type: kv.MutationDelete, Key: key}, compute(key, longer))
		if e := mustGet(t, two, key); string(e.Value) != `""` {
			t.Errorf("got %s, want none", e.Value)
		}
	})
}

func TestConcurrentComputationsOverTwoNodesLoseNothing(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		stores := []*kv.Store{d.store(t), d.store(t)}
		key := mustKey(t, "k")
		const workers, each = 8, 8
		repeatOn(t, stores, workers, each, compute(key, longer))
		e := mustGet(t, stores[0], key, kv.ReadOptions{Consistency: kv.Strong})
		if want := workers*each - 1 + len(`""`); len(e.Value) != want {
			t.Errorf("got %d bytes, want %d", len(e.Value), want)
		}
	})
}

func TestAComputationThatFailsIsItsOperationsErrorAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	key, other := mustKey(t, "k"), mustKey(t, "l")
	errOdd := errors.New("that is odd")
	_, err := s.Atomic(timeout(t), kv.AtomicRequest{Mutations: []kv.Mutation{
		set(other, `1`), compute(key, func([]byte) ([]byte, error) { return nil, errOdd })}})
	if !errors.Is(err, errOdd) {
		t.Errorf("got %v, want the computation's error", err)
	}
	if mustGet(t, s, key).Exists() || mustGet(t, s, other).Exists() {
		t.Error("something has been written")
	}
}

func TestAComputationSeesTheTimeOnceItIsKnown(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	key := mustKey(t, "k")
	mustCommit(t, s, set(key, `[]`))
	for range 20 {
		var seen []byte
		look := compute(key, func(stored []byte) ([]byte, error) {
			seen = bytes.Clone(stored)
			return stored, nil
		})
		inOneGroup(t, s, setNow(t, key, `[{"$now":true}]`), func() { mustCommit(t, s, look) })
		if bytes.Contains(seen, []byte(`$now`)) {
			t.Fatalf("it saw %s", seen)
		}
	}
	_, err := s.Atomic(timeout(t), kv.AtomicRequest{Mutations: []kv.Mutation{setNow(t, key, `{"$now":true}`), compute(key, longer)}})
	if !errors.Is(err, kv.ErrInvalidArgument) {
		t.Errorf("of the time that its own operation sets: %v, want a refusal", err)
	}
}
