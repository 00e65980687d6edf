package watch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/watch"
)

// A following is a primary and a replica that can be made to stand still while it
// answers.
type following struct {
	database
	primary, replica *nodetest.Sqld
	feed             *nodetest.FaultProxy
}

func newFollowing(t *testing.T) *following {
	t.Helper()
	primary := nodetest.MustStartPrimary(t)
	feed := nodetest.MustStartFaultProxy(t, primary.GRPCAddr())
	replica := nodetest.MustStartReplica(t, feed.HTTPURL())
	t.Cleanup(func() { _ = feed.Heal() })
	return &following{database{primary.HTTPURL(), replica.HTTPURL()}, primary, replica, feed}
}

// standStill is called when the replica has come to a position: it will not get any
// further.
func (f *following) standStill(t *testing.T, at kv.Versionstamp) {
	t.Helper()
	await.That(t, "the replica follows", func() bool {
		answer, err := f.replica.Query(within(t), "SELECT "+sqldb.PositionSQL+" FROM keyval_sequence s")
		return err == nil && strings.Contains(answer, string(at))
	})
	f.feed.BlackHole()
}

// newStandingStill is a following whose replica has a node's first commit, which sets key
// a to 0, and will have no other.
func newStandingStill(t *testing.T) (f *following, n *node, a kv.Key, at kv.Versionstamp) {
	t.Helper()
	f = newFollowing(t)
	n, a = f.node(t), key(t, "a")
	at = n.commit(t, set(a, "0"))
	f.standStill(t, at)
	return f, n, a, at
}

func TestAStreamThatIsResumedAfterTheTailerHasParkedJumpsOverNothing(t *testing.T) {
	t.Parallel()
	_, n, a, since := newStandingStill(t)
	s := n.open(t, watch.Request{Keys: []kv.Key{a}, Since: since})
	written := n.commit(t, set(a, "1"))
	if e := next(t, s); e.Versionstamp != written {
		t.Fatalf("got %s, want %s from the primary", e.Versionstamp, written)
	}
	s.Close()
	n.hub.Park()
	await.That(t, "the tailer parks", n.hub.Parked)

	// It starts again on the replica, which is behind what had passed.
	s = n.open(t, watch.Request{Keys: []kv.Key{a}, Since: since})
	for {
		e, err := s.Next(within(t), time.Millisecond)
		switch {
		case err != nil:
			t.Fatal(err)
		case e != nil:
			if e.Versionstamp != written {
				t.Errorf("got %s, want %s", e.Versionstamp, written)
			}
			return
		case s.Passed() >= written:
			t.Fatalf("the stream says that it has passed %s, and has not handed out %s", s.Passed(), written)
		}
	}
}

func TestAReplicaThatIsBehindTheTailerIsNotBelievedThatThereIsNothing(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	n, other := f.node(t), f.node(t)
	a := key(t, "a")
	f.standStill(t, n.commit(t, set(a, "0")))
	s := n.open(t, watch.Request{Keys: []kv.Key{a}})
	n.commit(t, set(a, "1"))
	if got, want := show(next(t, s)), "a=1"; got != want {
		t.Fatalf("got %s, want %s from the primary", got, want)
	}
	other.commit(t, set(a, "2")) // nothing tells this node of it
	if got, want := show(next(t, s)), "a=2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// leaveBehind makes changes that the replica never has and that the tailer's window
// is too small for, and returns positions before and after all of them. Key a has
// changed among them.
func (f *following) leaveBehind(t *testing.T, n *node) (since, end kv.Versionstamp) {
	t.Helper()
	n.open(t, watch.Request{Keys: []kv.Key{key(t, "c")}}) // so that there is a tailer
	since = n.commit(t, set(key(t, "a"), "0"))
	f.standStill(t, since)
	n.commit(t, set(key(t, "a"), "1"))
	long := strings.Repeat("x", 1000)
	for i := range 5 { // 9 MB of keys
		var mutations []kv.Mutation
		for j := range 900 {
			mutations = append(mutations, set(key(t, i, j, long, long), "1"))
		}
		end = n.commit(t, mutations...)
	}
	await.That(t, "the tailer reads the primary", func() bool { return n.hub.Position() >= end })
	return since, end
}

func TestAStreamThatIsBehindReadsThePrimaryIfTheReplicaStandsStill(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	n := f.node(t)
	since, end := f.leaveBehind(t, n)
	s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}, Since: since})
	if got, want := show(next(t, s)), "a=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	quiet(t, s, n)
	if s.Passed() < end {
		t.Errorf("it has passed %s, want %s", s.Passed(), end)
	}
}

func TestAPollThatIsBehindReadsThePrimaryIfTheReplicaStandsStill(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	n := f.node(t)
	since, end := f.leaveBehind(t, n)
	got := pollPrefix(t, n.hub, watch.PrefixPoll{Prefixes: []kv.Key{key(t, "a")}, Since: since, Limit: 100})
	if show := showEntries(got.Entries); show != "a=1" || got.Position < end {
		t.Errorf("got %q at %s, want a=1 at %s", show, got.Position, end)
	}
}
