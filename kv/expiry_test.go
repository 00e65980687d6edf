package kv_test

import (
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// A pause is a part of an operation that takes its time.
type pause struct{ wait func() }

func (pause) Reads() []sqldb.Ref      { return nil }
func (p pause) Apply(*sqldb.Tx) error { p.wait(); return nil }
func (pause) Committed(sqldb.Commit)  {}
func (pause) Bytes() int              { return 0 }

func TestATransactionReadsNothingThatHasExpiredWhenItCommits(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, other := d.store(t), d.store(t)
		lease := mustKey(t, "lease")
		// A slow machine needs a longer lease, so that it is still there when the
		// transaction reads it.
		for expireIn := int64(1000); ; expireIn *= 3 {
			m := set(lease, `1`)
			m.ExpireIn = expireIn
			mustCommit(t, s, m)
			there := func() bool {
				return mustGet(t, other, lease, kv.ReadOptions{Consistency: kv.Strong}).Exists()
			}
			tries, read := 0, false
			wait := func() {
				if tries++; tries == 1 {
					read = there()
				}
				eventually(t, "the lease expires", func() bool { return !there() })
			}
			result, err := s.Transaction(timeout(t), kv.TransactionRequest{
				Reads: []kv.Read{{Key: lease}, {List: &kv.Selector{Range: kv.SubtreeRange(lease), Limit: 10}}},
				AtomicRequest: kv.AtomicRequest{
					Mutations: []kv.Mutation{set(mustKey(t, "held"), `true`)},
					Parts:     []sqldb.Part{pause{wait}},
				}})
			if err != nil || !result.OK {
				t.Fatalf("%+v, %v", result, err)
			}
			if result.Reads[0][0].Exists() || len(result.Reads[1]) != 0 {
				t.Errorf("it read %v, which had expired by then", result.Reads)
			}
			if !read {
				continue
			}
			if tries != 2 {
				t.Errorf("it ran %d times, want once more after the expiry", tries)
			}
			return
		}
	})
}
