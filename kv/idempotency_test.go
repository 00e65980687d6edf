package kv_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

func TestTwoNodesWithOneIdempotencyKeyCarryItOutOnce(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		nodes := []*kv.Store{d.store(t), d.store(t)}
		prefix := mustKey(t, "events")
		const keys = 15
		for i := range keys {
			// It reads nothing but the kept answer, and adds an entry each
			// time that it is carried out.
			m := set(prefix, `1`)
			m.Suffix = true
			req := kv.AtomicRequest{Mutations: []kv.Mutation{m}, Idempotency: &kv.Idempotency{
				Caller: "me", Key: fmt.Sprint(i), Request: "r",
				Answer: func(v kv.Versionstamp, _ kv.AtomicResult) []byte { return []byte(v) }}}
			var both sync.WaitGroup
			var results [2]kv.AtomicResult
			for n, node := range nodes {
				both.Go(func() {
					var err error
					if results[n], err = node.Atomic(timeout(t), req); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
			if results[0].Versionstamp != results[1].Versionstamp || (results[0].Replayed == nil) == (results[1].Replayed == nil) {
				t.Errorf("the nodes answered %+v and %+v, want one replay of the other", results[0], results[1])
			}
		}
		if n, _, err := nodes[0].Count(timeout(t), kv.PrefixRange(prefix), nil, kv.ReadOptions{Consistency: kv.Strong}); n != keys || err != nil {
			t.Errorf("%d entries, %v; want %d", n, err, keys)
		}
	})
}

// fill sets n entries of a megabyte each below a prefix.
func fill(t *testing.T, s *kv.Store, prefix string, n int) kv.Range {
	t.Helper()
	value := `"` + strings.Repeat("x", 1<<20-2) + `"`
	for i := range n {
		mustCommit(t, s, set(mustKey(t, prefix, float64(i)), value))
	}
	return kv.PrefixRange(mustKey(t, prefix))
}

// readAndSet is a transaction with an idempotency key that reads a range and sets a
// key. Its answer is the versionstamp and what it has read, so many times.
func readAndSet(r kv.Range, m kv.Mutation, times int) kv.TransactionRequest {
	return kv.TransactionRequest{
		Reads: []kv.Read{{List: &kv.Selector{Range: r, Limit: 100}}},
		AtomicRequest: kv.AtomicRequest{
			Mutations:   []kv.Mutation{m},
			Idempotency: &kv.Idempotency{Caller: "me", Key: "once", Request: "r"},
		},
		Answer: func(v kv.Versionstamp, r kv.TransactionResult) []byte {
			var read []byte
			for _, e := range r.Reads[0] {
				read = append(read, e.Value...)
			}
			return append([]byte(v), bytes.Repeat(read, times)...)
		},
	}
}

// sqld takes 5 MB in one row, and is slow to give them for the transaction to read:
// there the answer repeats what it has read.
func TestAnAnswerOfManyMegabytesIsKeptWhole(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		if d.embedded() {
			answerIsKeptWhole(t, d, 5, 1)
		} else {
			answerIsKeptWhole(t, d, 1, 5)
		}
	})
}

// The first 64 KiB of an answer travel as text, which has no half characters. Three
// answers, each a byte longer, cannot all be cut there between characters.
func TestAKeptAnswerIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		for shift := range 3 {
			answer := strings.Repeat("x", shift) + strings.Repeat("€", 32<<10)
			req := kv.AtomicRequest{
				Mutations: []kv.Mutation{set(mustKey(t, "k"), `1`)},
				Idempotency: &kv.Idempotency{Caller: "me", Key: fmt.Sprint(shift), Request: "r",
					Answer: func(v kv.Versionstamp, _ kv.AtomicResult) []byte { return []byte(string(v) + answer) }},
			}
			first, err := s.Atomic(timeout(t), req)
			if err != nil || !first.OK {
				t.Fatalf("the operation: %v, %v", first.OK, err)
			}
			again, err := s.Atomic(timeout(t), req)
			if err != nil || string(again.Replayed) != string(first.Versionstamp)+answer {
				t.Errorf("shifted by %d, the repetition is answered with %d bytes, %v; want %d as the first time",
					shift, len(again.Replayed), err, len(first.Versionstamp)+len(answer))
			}
		}
	})
}

func TestSoakAnAnswerOfManyMegabytesThatWereReadIsKeptWhole(t *testing.T) {
	nodetest.OnlyInSoak(t)
	onEachDatabase(t, func(t *testing.T, d database) { answerIsKeptWhole(t, d, 14, 1) })
}

// answerIsKeptWhole keeps the answer of a transaction that has read so many megabytes
// and repeats them so many times.
func answerIsKeptWhole(t *testing.T, d database, megabytes, times int) {
	s, db := d.open(t)
	r := fill(t, s, "large", megabytes)
	read := strings.Repeat(`"`+strings.Repeat("x", 1<<20-2)+`"`, megabytes*times)
	req := readAndSet(r, set(mustKey(t, "k"), `1`), times)
	first, err := s.Transaction(timeout(t), req)
	if err != nil || !first.OK || len(first.Reads[0]) != megabytes {
		t.Fatalf("the transaction: %v, %v", first.OK, err)
	}
	mustCommit(t, s, set(mustKey(t, "large", 0.0), `"changed"`))
	again, err := s.Transaction(timeout(t), req)
	if err != nil || !again.OK || again.Versionstamp != first.Versionstamp {
		t.Fatalf("the repetition: %v at %s, %v; want that of %s", again.OK, again.Versionstamp, err, first.Versionstamp)
	}
	if string(again.Replayed) != string(first.Versionstamp)+read {
		t.Errorf("the repetition is answered with %d bytes, want %d as the first time", len(again.Replayed), 20+len(read))
	}
	if e := mustGet(t, s, mustKey(t, "k")); e.Versionstamp != first.Versionstamp {
		t.Errorf("the key was set at %s, want once, at %s", e.Versionstamp, first.Versionstamp)
	}

	for range 12 {
		leapAhead(t, db)
	}
	if err := s.ForgetAnswers(timeout(t), 0); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT count(*) FROM keyval_idempotency_parts"})
	if err != nil || rows[0].Integer(0) != 0 {
		t.Errorf("after a day %d parts are left, %v", rows[0].Integer(0), err)
	}
}

func TestAnAnswerThatCannotBeKeptIsRefusedAndNothingWritten(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	r := fill(t, s, "large", 17)
	key := mustKey(t, "k")
	req := readAndSet(r, set(key, `1`), 1)
	if _, err := s.Transaction(timeout(t), req); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("%v, want too large", err)
	}
	if mustGet(t, s, key).Exists() {
		t.Error("it was written all the same")
	}
	req.Idempotency = nil
	if result, err := s.Transaction(timeout(t), req); err != nil || !result.OK {
		t.Errorf("without the key: %v, %v", result.OK, err)
	}
}

func TestARepetitionIsAnsweredThoughItsReadsWouldNowBeTooLarge(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	r := fill(t, s, "large", 1)
	req := readAndSet(r, set(mustKey(t, "k"), `1`), 1)
	first, err := s.Transaction(timeout(t), req)
	if err != nil || !first.OK {
		t.Fatalf("the transaction: %v, %v", first.OK, err)
	}
	fill(t, s, "large", 17)
	again, err := s.Transaction(timeout(t), req)
	if err != nil || again.Versionstamp != first.Versionstamp || again.Replayed == nil {
		t.Errorf("the repetition: %s, %v; want %s", again.Versionstamp, err, first.Versionstamp)
	}
}
