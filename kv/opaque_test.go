package kv_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/buntime/keyval/kv"
)

func TestTheKeyOfASuffixedSetIsThatOfNothingElse(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		prefix := mustKey(t, "log")
		suffixed := set(prefix, `"suffixed"`)
		suffixed.Suffix = true
		mutations := []kv.Mutation{suffixed}
		for op := range 5 { // its operation's number in the group is one of these
			mutations = append(mutations, set(prefix+kv.Key(fmt.Sprintf("\xff%d", op)), `"opaque"`))
		}
		stamp := mustCommit(t, s, mutations...)
		if n := len(mustList(t, s, kv.Selector{Range: kv.SubtreeRange("")}).Entries); n != len(mutations) {
			t.Errorf("there are %d entries, want %d", n, len(mutations))
		}
		if e := mustGet(t, s, mustKey(t, "log", string(stamp))); string(e.Value) != `"suffixed"` {
			t.Errorf("got %+v", e)
		}
	})
}

func TestEverythingIsListedCountedCoveredAndDeletedWithOpaqueKeys(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		keys := []kv.Key{"\x00", "\x02", mustKey(t, "a"), "\x99", "\xff", "\xff\xff\x00"}
		all := kv.Selector{Range: kv.PrefixRange(""), Limit: 100}
		before := mustRead(t, s, kv.TransactionRequest{Reads: []kv.Read{{List: &all}}})
		for _, k := range keys {
			mustCommit(t, s, set(k, `{"n":1}`))
		}
		for _, reverse := range []bool{false, true} {
			for _, where := range []string{"", `{"n":1}`} {
				sel := kv.Selector{Range: all.Range, Limit: 100, Reverse: reverse}
				if where != "" {
					sel.Where = mustFilter(t, where)
				}
				var got []kv.Key
				for _, e := range mustList(t, s, sel).Entries {
					got = append(got, e.Key)
				}
				if reverse {
					slices.Reverse(got)
				}
				if !slices.Equal(got, keys) {
					t.Errorf("where %s, reversed %v: got %q, want %q", where, reverse, got, keys)
				}
				if n, _, err := s.Count(timeout(t), all.Range, sel.Where, kv.ReadOptions{}); n != int64(len(keys)) || err != nil {
					t.Errorf("where %s: %d are counted, %v", where, n, err)
				}
			}
		}
		r := mustRead(t, s, kv.TransactionRequest{Reads: []kv.Read{{List: &all}}, Snapshot: before.Versionstamp,
			AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set("\xff", `2`)}}})
		if r.OK || len(r.Conflicts) != len(keys) {
			t.Errorf("on a snapshot from before: %+v, want %d conflicts", r, len(keys))
		}
		result, err := s.Delete(timeout(t), kv.DeleteRequest{Ranges: []kv.Range{all.Range}})
		if err != nil || result.Deleted != int64(len(keys)) {
			t.Errorf("deleted %+v, %v; want %d", result, err, len(keys))
		}
	})
}
