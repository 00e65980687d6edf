package watch_test

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

func TestAPollShowsWhatItsNodeHasAcknowledged(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n, other := d.node(t), d.node(t)
		a := key(t, "p", "a")
		at := n.commit(t)
		for range 100 {
			other.commit(t, set(a, "1"))
			n.commit(t, remove(a))
			poll := pollPrefix(t, n.hub, watch.PrefixPoll{Prefixes: []kv.Key{key(t, "p")}, Since: at, Limit: 100})
			if got, want := showEntries(poll.Entries), "p/a=gone"; got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
			at = poll.Position
		}
	})
}

// A replica that stands still shows none of this by chance.
func TestAPollIsAsFreshAsItIsAskedToBe(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	n, other := f.node(t), f.node(t)
	a := key(t, "p", "a")
	since := other.commit(t, set(a, "0"))
	f.standStill(t, since)
	poll := func(read kv.ReadOptions) watch.PrefixChanged {
		return pollPrefix(t, n.hub, watch.PrefixPoll{Prefixes: []kv.Key{key(t, "p")}, Since: since, Limit: 100, Read: read})
	}
	changed := func(read kv.ReadOptions, written kv.Versionstamp, want string) {
		t.Helper()
		if got := poll(read); showEntries(got.Entries) != want || got.Position < written {
			t.Errorf("%s: got %q at %s, want %q at %s", read.Consistency, showEntries(got.Entries), got.Position, want, written)
		}
	}
	for _, consistency := range []kv.Consistency{kv.Session, kv.Eventual} {
		if got := poll(kv.ReadOptions{Consistency: consistency}); len(got.Entries) > 0 {
			t.Fatalf("%s: got %q before anything has changed", consistency, showEntries(got.Entries))
		}
	}
	written := other.commit(t, set(a, "1"))
	changed(kv.ReadOptions{Min: written}, written, "p/a=1")
	written = other.commit(t, set(a, "2"))
	changed(kv.ReadOptions{Consistency: kv.Eventual, Min: written}, written, "p/a=2")
	written = other.commit(t, set(a, "3"))
	changed(kv.ReadOptions{Consistency: kv.Strong}, written, "p/a=3")
	written = n.commit(t, remove(a))
	changed(kv.ReadOptions{}, written, "p/a=gone")
}

func TestWhatARightReadWouldHaveShownIsNotNewsToAStream(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	n, other := f.node(t), f.node(t)
	a := key(t, "p", "a")
	f.standStill(t, other.commit(t, set(a, "0")))
	for name, open := range map[string]func(written kv.Versionstamp) watch.Request{
		"minimum": func(written kv.Versionstamp) watch.Request {
			return watch.Request{Read: kv.ReadOptions{Min: written}}
		},
		"strong": func(kv.Versionstamp) watch.Request {
			return watch.Request{Read: kv.ReadOptions{Consistency: kv.Strong}}
		},
		"prefixes": func(kv.Versionstamp) watch.Request {
			return watch.Request{Prefixes: true, Read: kv.ReadOptions{Consistency: kv.Strong}}
		},
	} {
		n.hub.Park()
		await.That(t, "the tailer parks", n.hub.Parked)
		written := other.commit(t, set(a, `"old"`))
		req := open(written)
		req.Keys = []kv.Key{a, key(t, "q")}
		s := n.open(t, req)
		if s.Start() < written {
			t.Errorf("%s: it starts at %s, before %s", name, s.Start(), written)
		}
		n.commit(t, set(a, `"new"`))
		if got, want := show(next(t, s)), `p/a="new"`; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		s.Close()
	}
}

func TestAMinimumFromTheFutureIsRefusedWhereverAWatchStarts(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		at := n.commit(t, set(key(t, "a"), "1"))
		read := kv.ReadOptions{Min: kv.NewVersionstamp(at.Incarnation(), at.Transaction()+1000, 0)}
		one, two := []kv.Key{key(t, "a")}, []kv.Key{key(t, "a"), key(t, "b")}
		for name, req := range map[string]watch.Request{
			"keys": {Keys: one, Initial: true}, "one prefix": {Keys: one, Prefixes: true, Initial: true, Limit: 100},
			"prefixes": {Keys: two, Prefixes: true, Initial: true, Limit: 100}, "without the state": {Keys: one}, "resumed": {Keys: one, Since: at},
		} {
			req.Read = read
			if _, err := n.hub.Open(within(t), req); !errors.Is(err, kv.ErrInvalidArgument) {
				t.Errorf("stream, %s: got %v, want %v", name, err, kv.ErrInvalidArgument)
			}
		}
		for name, poll := range map[string]watch.KeysPoll{"state": {}, "known": {Known: []kv.Versionstamp{at}}, "since": {Since: at}} {
			poll.Keys, poll.Read = one, read
			if _, err := n.hub.PollKeys(within(t), poll); !errors.Is(err, kv.ErrInvalidArgument) {
				t.Errorf("poll of keys, %s: got %v, want %v", name, err, kv.ErrInvalidArgument)
			}
		}
		for name, poll := range map[string]watch.PrefixPoll{
			"state": {Prefixes: one}, "states": {Prefixes: two}, "since": {Prefixes: one, Since: at},
			"known": {Prefixes: one, Known: map[kv.Key]kv.Versionstamp{one[0]: at}},
		} {
			poll.Limit, poll.Read = 100, read
			if _, err := n.hub.PollPrefix(within(t), poll); !errors.Is(err, kv.ErrInvalidArgument) {
				t.Errorf("poll of prefixes, %s: got %v, want %v", name, err, kv.ErrInvalidArgument)
			}
		}
		if got, want := n.hub.Streams(), 0; got != want {
			t.Errorf("streams that are left: got %d, want %d", got, want)
		}
	})
}

func TestAPollThatCannotBeFreshFailsAsAReadDoes(t *testing.T) {
	t.Parallel()
	f, n, a, since := newStandingStill(t)
	n.commit(t, set(a, "1"))
	if err := f.primary.Kill(); err != nil {
		t.Fatal(err)
	}
	poll := watch.PrefixPoll{Prefixes: []kv.Key{a}, Since: since, Limit: 100}
	if _, err := n.hub.PollPrefix(within(t), poll); !errors.Is(err, sqldb.ErrUnavailable) {
		t.Errorf("session: got %v, want %v", err, sqldb.ErrUnavailable)
	}
	poll.Read.Consistency = kv.Eventual
	await.That(t, "an eventual poll is answered by the replica", func() bool {
		got, err := n.hub.PollPrefix(within(t), poll)
		return err == nil && len(got.Entries) == 0 && got.Position == since
	})
}

func TestAPollInTheSteadyStateAsksTheDatabaseNothing(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t)
	registry := prometheus.NewRegistry()
	store := &disturbedStore{Store: n.store}
	hub := watch.New(watch.Config{DB: n.db, Store: store, Registerer: registry, Interval: time.Hour})
	t.Cleanup(hub.Close)
	poll := watch.PrefixPoll{Prefixes: []kv.Key{key(t, "p")}, Since: n.commit(t, set(key(t, "p"), "1")), Limit: 100}
	s, err := hub.Open(within(t), watch.Request{Keys: []kv.Key{key(t, "p")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	last := n.commit(t, set(key(t, "p"), "2"))
	if e := next(t, s); e.Versionstamp != last {
		t.Fatalf("got %s, want %s", e.Versionstamp, last)
	}
	await.That(t, "the tailer is done", func() bool { return pollPrefix(t, hub, poll).Position == last })
	store.before = func() { t.Error("a poll reads the store") }
	before := metric(t, registry, "keyval_watch_log_reads_total")
	poll.Since, poll.Read.Min = last, last
	for range 100 {
		if got := pollPrefix(t, hub, poll); len(got.Entries) > 0 || got.Position != last {
			t.Fatalf("got %q at %s, want nothing at %s", showEntries(got.Entries), got.Position, last)
		}
	}
	// The tailer may look once more after the commits.
	if got := metric(t, registry, "keyval_watch_log_reads_total") - before; got > 5 {
		t.Errorf("100 polls: the log has been read %v times", got)
	}
}
