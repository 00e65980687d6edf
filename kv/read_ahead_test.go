package kv_test

import (
	"strconv"
	"sync"
	"testing"

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
