package watch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

func TestAStreamOfKeysStartsWithAllOfThem(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		a, b := key(t, "a"), key(t, "b")
		at := n.commit(t, set(a, `{"n":1}`))
		s := n.open(t, watch.Request{Keys: []kv.Key{b, a}, Initial: true})
		e := next(t, s)
		if got, want := show(e), `b=gone a={"n":1}`; got != want {
			t.Errorf("initial state: got %s, want %s", got, want)
		}
		if e.Versionstamp < at || e.Versionstamp != s.Start() {
			t.Errorf("position: got %s, want the start %s, at least %s", e.Versionstamp, s.Start(), at)
		}
		written := n.commit(t, set(b, "2"), remove(a))
		e = next(t, s)
		if got, want := show(e), "a=gone b=2"; got != want {
			t.Errorf("event: got %s, want %s", got, want)
		}
		if e.Versionstamp != written {
			t.Errorf("versionstamp: got %s, want %s", e.Versionstamp, written)
		}
		quiet(t, s, n)
	})
}

func TestAStreamOfAPrefixSeesWhatIsAtAndBelowIt(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.commit(t, set(key(t, "a"), "1"), set(key(t, "a", 1), "2"), set(key(t, "ab"), "3"))
		s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a"), key(t, "a", 1)}, Prefixes: true, Initial: true, Limit: 100})
		if got, want := show(next(t, s)), "a=1 a/1=2"; got != want {
			t.Errorf("initial state: got %s, want %s", got, want)
		}
		n.commit(t, set(key(t, "ab"), "4"), set(key(t, "a", 2, true), "5"))
		if got, want := show(next(t, s)), "a/2/~b:true=5"; got != want {
			t.Errorf("event: got %s, want %s", got, want)
		}
	})
}

func TestTheEmptyPrefixIsEverything(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t)
	n.commit(t, set(key(t, "a"), "1"))
	s := n.open(t, watch.Request{Keys: []kv.Key{""}, Prefixes: true, Initial: true, Limit: 100})
	if got, want := show(next(t, s)), "a=1"; got != want {
		t.Errorf("initial state: got %s, want %s", got, want)
	}
	n.commit(t, set(key(t, 7), "2"))
	if got, want := show(next(t, s)), "7=2"; got != want {
		t.Errorf("event: got %s, want %s", got, want)
	}
}

func TestAPrefixWithoutEntriesStartsWithNothing(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t)
	s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "none")}, Prefixes: true, Initial: true, Limit: 100})
	quiet(t, s, n)
}

func TestWithoutTheInitialStateAStreamStartsAfterWhatTheNodeHasCommitted(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		a := key(t, "a")
		for i := range 20 {
			n.commit(t, set(a, fmt.Sprint(i)))
			s := n.open(t, watch.Request{Keys: []kv.Key{a}})
			n.commit(t, set(a, fmt.Sprint("1", i)))
			if got, want := show(next(t, s)), fmt.Sprint("a=1", i); got != want {
				t.Fatalf("first event: got %s, want %s", got, want)
			}
			s.Close()
		}
	})
}

func TestWhatAnotherNodeCommitsIsSeenWithoutAHint(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n, other := d.node(t), d.node(t)
		s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}})
		other.commit(t, set(key(t, "a"), "1"))
		if got, want := show(next(t, s)), "a=1"; got != want {
			t.Errorf("event: got %s, want %s", got, want)
		}
	})
}

func TestAHintMakesAnotherNodesCommitSeen(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		// By itself it would look an hour later.
		n, other := d.node(t, func(c *watch.Config) { c.Interval = time.Hour }), d.node(t)
		s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}})
		for i := range 5 {
			n.hub.Hint(other.commit(t, set(key(t, "a"), fmt.Sprint(i))))
			if got, want := show(next(t, s)), fmt.Sprint("a=", i); got != want {
				t.Errorf("event: got %s, want %s", got, want)
			}
		}
	})
}

func TestAHintOfWhatDoesNotExistDoesNoHarm(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t)
	s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}})
	n.hub.Hint("00ff00000000000f0000")
	n.commit(t, set(key(t, "a"), "1"))
	if got, want := show(next(t, s)), "a=1"; got != want {
		t.Errorf("event: got %s, want %s", got, want)
	}
}

func TestDeletionsAndExpiriesAreSeenLikeWrites(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		a, b, c := key(t, "p", "a"), key(t, "p", "b"), key(t, "p", "c")
		expiring := set(a, "1")
		expiring.ExpireIn = 1
		n.commit(t, set(b, "2"), set(c, "3"))
		s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "p")}, Prefixes: true})
		n.commit(t, expiring)
		await.That(t, "the sweep finds the expired entry", func() bool {
			swept, err := n.store.Sweep(within(t), 0)
			if err != nil {
				t.Fatal(err)
			}
			return swept == 1
		})
		e := next(t, s)
		if e.Entries[0].Exists() { // it may have been seen before it expired
			e = next(t, s)
		}
		if got, want := show(e), "p/a=gone"; got != want {
			t.Errorf("expiry: got %s, want %s", got, want)
		}
		if _, err := n.store.Delete(within(t), kv.DeleteRequest{Ranges: []kv.Range{kv.SubtreeRange(key(t, "p"))}}); err != nil {
			t.Fatal(err)
		}
		if got, want := show(next(t, s)), "p/b=gone p/c=gone"; got != want {
			t.Errorf("deletion by prefix: got %s, want %s", got, want)
		}
	})
}

func TestAnEntryWhoseTimeHasPassedIsNeverStreamedAsAValue(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		a := key(t, "a")
		n.commit(t, set(a, "1"))
		s := n.open(t, watch.Request{Keys: []kv.Key{a}})
		expired := set(a, "2")
		expired.ExpireAt = 1
		n.commit(t, expired)
		if swept, err := n.store.Sweep(within(t), 0); swept != 1 || err != nil {
			t.Fatalf("swept %d, %v; want 1", swept, err)
		}
		if got, want := show(next(t, s)), "a=gone"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestAStreamIsResumedAfterAPosition(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		a, b := key(t, "a"), key(t, "b")
		since := n.commit(t, set(a, "1"))
		n.commit(t, set(key(t, "other"), "0"))
		n.commit(t, set(b, "2"), remove(a))
		s := n.open(t, watch.Request{Keys: []kv.Key{a, b}, Since: since, Initial: true})
		if got, want := show(next(t, s)), "a=gone b=2"; got != want {
			t.Errorf("what was missed: got %s, want %s", got, want)
		}
		n.commit(t, set(a, "3"))
		if got, want := show(next(t, s)), "a=3"; got != want {
			t.Errorf("what came later: got %s, want %s", got, want)
		}
		// A node that has just begun to watch knows no more than the log.
		fresh := d.node(t)
		s = fresh.open(t, watch.Request{Keys: []kv.Key{b}, Since: since})
		if got, want := show(next(t, s)), "b=2"; got != want {
			t.Errorf("through another node: got %s, want %s", got, want)
		}
	})
}

func TestAStreamThatWasAwayForLongReadsTheLog(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		since := n.commitMuch(t)
		s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}, Since: since})
		if got, want := show(next(t, s)), "a=1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		all := n.open(t, watch.Request{Keys: []kv.Key{key(t, "b")}, Prefixes: true, Since: since})
		seen := 0
		for seen < 900 {
			e := next(t, all)
			seen += len(e.Entries)
		}
		if seen != 900 {
			t.Errorf("entries: got %d, want 900 in one event, the others folded into it", seen)
		}
		quiet(t, all, n)
	})
}

func TestAPositionFromTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		at := n.commit(t, set(key(t, "a"), "1"))
		future := kv.NewVersionstamp(at.Incarnation(), at.Transaction()+1000, 0)
		_, err := n.hub.Open(within(t), watch.Request{Keys: []kv.Key{key(t, "a")}, Since: future})
		if err == nil || !strings.Contains(err.Error(), "newer than the database") {
			t.Errorf("got %v, want an error that says that the position is newer", err)
		}
	})
}

func TestAPositionThatOnlyThePrimaryHasIsWaitedFor(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n, other := d.node(t), d.node(t)
		n.open(t, watch.Request{Keys: []kv.Key{key(t, "b")}}) // so that the tailer has a position
		since := other.commit(t, set(key(t, "a"), "1"))
		s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}, Since: since})
		other.commit(t, set(key(t, "a"), "2"))
		if got, want := show(next(t, s)), "a=2"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		quiet(t, s, n)
	})
}

func TestAnEventIsSharedByAllStreamsThatSeeTheSame(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t)
	a, b := key(t, "p", "a"), key(t, "p", "b")
	one := n.open(t, watch.Request{Keys: []kv.Key{a, b}})
	two := n.open(t, watch.Request{Keys: []kv.Key{key(t, "p")}, Prefixes: true})
	part := n.open(t, watch.Request{Keys: []kv.Key{b}})
	n.commit(t, set(a, "1"), set(b, "2"))
	if next(t, one) != next(t, two) {
		t.Error("two streams that see the same have an event each")
	}
	if got, want := show(next(t, part)), "p/b=2"; got != want {
		t.Errorf("a stream that sees a part: got %s, want %s", got, want)
	}
}

func TestAClosedHubEndsItsStreams(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t)
	s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}})
	background(t, n.hub.Close)
	if _, err := s.Next(within(t), time.Minute); !errors.Is(err, watch.ErrClosed) {
		t.Errorf("got %v, want %v", err, watch.ErrClosed)
	}
	n.hub.Close()
	if _, err := n.hub.Open(within(t), watch.Request{Keys: []kv.Key{key(t, "a")}}); !errors.Is(err, watch.ErrClosed) {
		t.Errorf("open: got %v, want %v", err, watch.ErrClosed)
	}
}
