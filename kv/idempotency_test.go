package kv_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/buntime/keyval/kv"
)

func TestTwoNodesWithOneIdempotencyKeyCarryItOutOnce(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		nodes := []*kv.Store{d.store(t), d.store(t)}
		prefix := mustKey(t, "events")
		const keys = 40
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
		if n, _, err := nodes[0].Count(timeout(t), kv.PrefixRange(prefix), kv.ReadOptions{Consistency: kv.Strong}); n != keys || err != nil {
			t.Errorf("%d entries, %v; want %d", n, err, keys)
		}
	})
}
