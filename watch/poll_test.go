package watch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// A disturbedStore has something happen between what a poll sees in the log and
// the state that it reads.
type disturbedStore struct {
	*kv.Store
	before func()
}

func (s *disturbedStore) Get(ctx context.Context, keys []kv.Key, opts kv.ReadOptions) ([]kv.Entry, kv.Versionstamp, error) {
	if f := s.before; f != nil {
		s.before = nil
		f()
	}
	return s.Store.Get(ctx, keys, opts)
}

// disturbed is a second hub on a node, whose reads are disturbed.
func (n *node) disturbed(t *testing.T, s *disturbedStore) *watch.Hub {
	s.Store = n.store
	hub := watch.New(watch.Config{DB: n.db, Store: s})
	t.Cleanup(hub.Close)
	return hub
}

// pollKeys is a poll that must be answered.
func pollKeys(t *testing.T, h *watch.Hub, poll watch.KeysPoll) watch.KeysChanged {
	t.Helper()
	changed, err := h.PollKeys(within(t), poll)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// pollPrefix is a poll that must be answered.
func pollPrefix(t *testing.T, h *watch.Hub, poll watch.PrefixPoll) watch.PrefixChanged {
	t.Helper()
	changed, err := h.PollPrefix(within(t), poll)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// showEntries is what an answer says, for comparison.
func showEntries(entries []kv.Entry) string { return show(&watch.Event{Entries: entries}) }

func TestADeletionBetweenTheLogAndTheStateIsToldByThePoll(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		store := &disturbedStore{}
		hub := n.disturbed(t, store)
		a, b := key(t, "a"), key(t, "b")
		for _, wait := range []time.Duration{0, time.Minute} {
			since := n.commit(t, set(a, "1"), set(b, "1"))
			n.commit(t, set(b, "2"))
			store.before = func() { n.commit(t, remove(a)) }
			first := pollKeys(t, hub, watch.KeysPoll{Keys: []kv.Key{a, b, a}, Since: since, Wait: wait})
			if got, want := showEntries(first.Entries), "a=gone b=2 a=gone"; got != want {
				t.Errorf("wait %v: got %q, want %q", wait, got, want)
			}
			if got := first.Versionstamps; got[0] != "" || got[1] == "" {
				t.Errorf("wait %v: the versionstamps are %q", wait, got)
			}
			// Nothing is left to tell to a client that goes on in either way.
			for name, next := range map[string]watch.KeysPoll{
				"since": {Since: first.Position}, "versionstamps": {Known: first.Versionstamps},
			} {
				next.Keys = []kv.Key{a, b, a}
				if got := pollKeys(t, hub, next); len(got.Entries) > 0 {
					t.Errorf("wait %v: the next poll with %s tells %q again", wait, name, showEntries(got.Entries))
				}
			}
		}
	})
}

func TestADeletionBehindALongStretchOfTheLogIsToldByThePoll(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		var keys []kv.Key
		last := key(t, "k", 9999)
		since := n.commit(t, set(last, "1"))
		var mutations []kv.Mutation
		for i := range 1000 { // as much as is collected at once
			keys = append(keys, key(t, "k", i))
			mutations = append(mutations, set(keys[i], "1"))
		}
		n.commit(t, mutations...)
		n.commit(t, remove(last))
		answer := pollKeys(t, n.hub, watch.KeysPoll{Keys: append(keys, last), Since: since})
		if got := len(answer.Entries); got != 1001 {
			t.Errorf("got %d entries, want 1001", got)
		}
		if e := answer.Entries[len(answer.Entries)-1]; e.Key != last || e.Exists() {
			t.Errorf("the last entry is %+v, want %s to be gone", e, last)
		}
	})
}

func TestAnEntryThatExpiresBeforeItIsSweptIsToldByThePoll(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		a := key(t, "a")
		expiring := set(a, "1")
		expiring.ExpireIn = 1
		since := n.commit(t, expiring)
		await.That(t, "the entry expires", func() bool {
			entries, _, err := n.store.Get(within(t), []kv.Key{a}, kv.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return !entries[0].Exists()
		})
		answer := pollKeys(t, n.hub, watch.KeysPoll{Keys: []kv.Key{a}, Since: since})
		if got, want := showEntries(answer.Entries), "a=gone"; got != want {
			t.Errorf("got %q, want %q: who goes on with the versionstamps %q hears no more of it", got, want, answer.Versionstamps)
		}
	})
}

func TestWhatWasMissingAllTheTimeIsNotToldByThePoll(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.commit(t, set(key(t, "b"), "1"))
		since := n.commit(t, remove(key(t, "b")))
		answer := pollKeys(t, n.hub, watch.KeysPoll{Keys: []kv.Key{key(t, "a"), key(t, "b")}, Since: since})
		if len(answer.Entries) > 0 {
			t.Errorf("got %q, want nothing", showEntries(answer.Entries))
		}
	})
}

func TestAPollWhosePositionTheLogLosesMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		store := &disturbedStore{}
		hub := n.disturbed(t, store)
		a := key(t, "a")
		since := n.commit(t, set(a, "1"))
		n.commit(t, remove(a))
		store.before = func() {
			if _, err := watch.Compact(within(t), n.db, 0, time.Hour, 0); err != nil {
				t.Error(err)
			}
		}
		_, err := hub.PollKeys(within(t), watch.KeysPoll{Keys: []kv.Key{a}, Since: since, Read: kv.ReadOptions{Consistency: kv.Strong}})
		if lost := (*watch.LostError)(nil); !errors.As(err, &lost) || lost.Oldest <= since {
			t.Errorf("got %v, want that the log does not reach back", err)
		}
	})
}

func TestAPollOfPrefixesTellsNothingOfAKeyOutsideThatTheClientNames(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		at := n.commit(t, set(key(t, "a"), "1"), set(key(t, "a", "b"), "1"), set(key(t, "ab"), "1"), set(key(t, "c"), "1"))
		known := map[kv.Key]kv.Versionstamp{
			key(t, "a", "gone"): at, key(t, "ab"): "", key(t, "c"): "old", key(t, "missing"): at,
		}
		for _, prefixes := range [][]kv.Key{{key(t, "a")}, {key(t, "a", "b"), key(t, "a"), key(t, "z")}} {
			answer := pollPrefix(t, n.hub, watch.PrefixPoll{Prefixes: prefixes, Known: known, Limit: 100})
			if got, want := showEntries(answer.Entries), "a=1 a/b=1 a/gone=gone"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}
