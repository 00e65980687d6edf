package kv_test

import (
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// A pause is a part of an operation that takes its time.
type pause struct{ wait func() }

func (pause) Reads() []sqldb.Ref      { return nil }
func (p pause) Apply(*sqldb.Tx) error { p.wait(); return nil }
func (pause) Committed(sqldb.Commit)  {}
func (pause) Bytes() int              { return 0 }

func TestAnExpiryWhileATransactionIsUnderWayMakesNothingRunAgain(t *testing.T) {
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
			tries := 0
			wait := func() {
				tries++
				await.That(t, "the lease expires", func() bool { return !there() })
			}
			result, err := s.Transaction(timeout(t), kv.TransactionRequest{
				Reads: []kv.Read{{Key: lease}, {List: &kv.Selector{Range: kv.SubtreeRange(lease), Limit: 10}}},
				AtomicRequest: kv.AtomicRequest{
					Mutations: []kv.Mutation{set(mustKey(t, "held"), `true`)},
					Parts:     []sqldb.Part{pause{wait}},
				}})
			if err != nil || !result.OK || tries != 1 {
				t.Fatalf("%+v, %v after %d tries, want that it commits at once", result, err, tries)
			}
			read := result.Reads[0][0].Exists()
			if listed := len(result.Reads[1]) == 1; listed != read {
				t.Errorf("it read the lease: %v, and listed it: %v; want both by one time", read, listed)
			}
			if read {
				return
			}
		}
	})
}
