package kv_test

import (
	"errors"
	"reflect"
	"strconv"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// Each of many transactions reads a counter, alone and in a list, and adds one to it.
func TestATransactionReadsTheStateJustBeforeItsMutations(t *testing.T) {
	t.Parallel()
	one, err := kv.ParseOperand([]byte(`1`))
	if err != nil {
		t.Fatal(err)
	}
	onEachDatabase(t, func(t *testing.T, d database) {
		nodes := []*kv.Store{kv.ReadAhead(d.store(t)), kv.ReadAhead(d.store(t)), d.store(t)}
		key := mustKey(t, "counter", "n")
		mustCommit(t, nodes[0], set(key, `0`))
		const each = 4
		var all sync.WaitGroup
		var seen sync.Map
		for _, s := range nodes {
			all.Go(func() {
				for range each {
					r, err := s.Transaction(timeout(t), kv.TransactionRequest{
						Reads:         []kv.Read{{Key: key}, {List: &kv.Selector{Range: kv.PrefixRange(mustKey(t, "counter")), Limit: 10}}},
						AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{{Type: kv.MutationSum, Key: key, Operand: one}}},
					})
					if err != nil || !r.OK {
						t.Errorf("the transaction: %v, %v", r.OK, err)
						return
					}
					value, listed := string(r.Reads[0][0].Value), string(r.Reads[1][0].Value)
					if _, twice := seen.LoadOrStore(value, true); twice || value != listed {
						t.Errorf("read %s, listed %s, seen before: %v", value, listed, twice)
					}
				}
			})
		}
		all.Wait()
		for n := range each * len(nodes) {
			if _, ok := seen.Load(strconv.Itoa(n)); !ok {
				t.Errorf("no transaction has read %d", n)
			}
		}
	})
}

func TestOthersCommitWhileATransactionReadsMuch(t *testing.T) {
	t.Parallel()
	proxy := nodetest.MustStartFaultProxy(t, nodetest.MustStartPrimary(t).Addr())
	t.Cleanup(func() { _ = proxy.Heal() })
	s := kv.ReadAhead(database{primary: proxy.HTTPURL()}.store(t))
	req := kv.TransactionRequest{
		Reads:         []kv.Read{{Key: mustKey(t, "read")}},
		AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(mustKey(t, "written"), `1`)}},
	}
	values := []byte("LEFT JOIN kv_entries e ON e.key=unhex(j.value) AND")
	held := proxy.HoldNextAnswer(values)
	done := make(chan error, 1)
	go func() {
		_, err := s.Transaction(timeout(t), req)
		done <- err
	}()
	if err := held.Wait(timeout(t)); err != nil {
		t.Fatal(err)
	}
	again := proxy.NoteNextRequest(values)
	mustCommit(t, s, set(mustKey(t, "elsewhere"), `1`))
	held.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	select {
	case <-again.Happened():
		t.Error("the transaction had to give up the lock and read again")
	default:
	}
}

func TestWhatChangesAfterItWasReadAheadIsReadAgain(t *testing.T) {
	t.Parallel()
	key := mustKey(t, "read", "key")
	remove := kv.Mutation{Type: kv.MutationDelete, Key: key}
	expires := set(key, `1`)
	expires.ExpireIn = leap / 2
	type node struct {
		*kv.Store
		db *sqldb.DB
	}
	tests := []struct {
		name   string
		times  int // how often it changes after it was read ahead
		change func(t *testing.T, other node)
		store  func(*kv.Store) *kv.Store
		ahead  int // how often it is read ahead
	}{
		{"deleted", 1, func(t *testing.T, other node) { mustCommit(t, other.Store, remove) }, kv.ReadAhead, 2},
		{"expired", 1, func(t *testing.T, other node) { leapAhead(t, other.db) }, kv.ReadAhead, 2},
		{"inserted into the range", 1, func(t *testing.T, other node) {
			mustCommit(t, other.Store, set(mustKey(t, "read", "more"), `1`))
		}, kv.ReadAhead, 2},
		{"deleted, and the log does not tell any more", 1, func(t *testing.T, other node) {
			mustCommit(t, other.Store, remove)
			mustExecute(t, other.db, "DELETE FROM keyval_changelog", "UPDATE keyval_sequence AS s SET compacted="+sqldb.PositionSQL)
		}, kv.ReadAhead, 2},
		{"changed each time", 2, func(t *testing.T, other node) { mustCommit(t, other.Store, set(key, `2`)) }, kv.ReadAhead, 2},
		{"changed each time, too large for the lock", 3, func(t *testing.T, other node) { mustCommit(t, other.Store, set(key, `2`)) }, kv.NeverReadLocked, 4},
		{"gone with a restore", 1, func(t *testing.T, other node) {
			mustExecute(t, other.db, "DELETE FROM kv_entries", "UPDATE keyval_sequence SET txn=txn-2")
		}, kv.ReadAhead, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := embedded(t)
			s := tt.store(d.store(t))
			other := node{}
			other.Store, other.db = d.open(t)
			mustCommit(t, other.Store, expires)
			all := kv.Selector{Range: kv.PrefixRange(mustKey(t, "read")), Limit: 10}
			ahead := 0
			r, err := s.Transaction(timeout(t), kv.TransactionRequest{
				Reads:         []kv.Read{{Key: key}, {List: &all}},
				AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(mustKey(t, "written"), `1`)}},
				Reserve: func([][]kv.Entry) error {
					if ahead++; ahead <= tt.times {
						tt.change(t, other)
					}
					return nil
				},
			})
			if err != nil || !r.OK {
				t.Fatalf("the transaction: %+v, %v", r, err)
			}
			want := [][]kv.Entry{{mustGet(t, other.Store, key)}, mustList(t, other.Store, all).Entries}
			if !reflect.DeepEqual(r.Reads, want) {
				t.Errorf("read %v, want %v, as it was when the transaction committed", r.Reads, want)
			}
			if ahead != tt.ahead {
				t.Errorf("read ahead %d times, want %d", ahead, tt.ahead)
			}
		})
	}
}

func TestWhatFindsNoRoomForItsReadsWritesNothing(t *testing.T) {
	t.Parallel()
	s := kv.ReadAhead(embedded(t).store(t))
	key, full := mustKey(t, "n"), errors.New("no room")
	_, err := s.Transaction(timeout(t), kv.TransactionRequest{
		Reads:         []kv.Read{{Key: key}},
		AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(key, `1`)}},
		Reserve:       func([][]kv.Entry) error { return full },
	})
	if !errors.Is(err, full) || mustGet(t, s, key).Exists() {
		t.Errorf("got %v, the entry is there: %v; want %v and none", err, mustGet(t, s, key).Exists(), full)
	}
}
