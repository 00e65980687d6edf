package watch_test

import (
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// A lagging is a stream of one key, on a node whose replica stands still.
type lagging struct {
	*following
	*node
	registry *prometheus.Registry
	stream   *watch.Stream
	key      kv.Key
	commits  int
}

func newLagging(t *testing.T) *lagging {
	t.Helper()
	l := &lagging{following: newFollowing(t), registry: prometheus.NewRegistry(), key: key(t, "a")}
	l.node = l.following.node(t, func(c *watch.Config) { c.Registerer = l.registry })
	l.standStill(t, l.commit(t, set(l.key, "0")))
	l.stream = l.open(t, watch.Request{Keys: []kv.Key{l.key}})
	return l
}

// change commits a change, and waits until the stream tells of it.
func (l *lagging) change(t *testing.T) {
	t.Helper()
	l.commits++
	value := strconv.Itoa(l.commits)
	l.commit(t, set(l.key, value))
	if got, want := show(next(t, l.stream)), "a="+value; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// reads is how often the log has been read, on one database or, without a name, on both.
func (l *lagging) reads(t *testing.T, database string) float64 {
	t.Helper()
	return metric(t, l.registry, "keyval_watch_log_reads_total", database)
}

func TestAReplicaThatDoesNotKeepUpIsNotWaitedForAtEveryCommit(t *testing.T) {
	t.Parallel()
	const commits = 20
	l := newLagging(t)
	before := l.reads(t, "")
	for range commits {
		l.change(t)
	}
	// One question to the primary each, and at times one to the replica before it.
	// Waiting for the replica each time would be five and more.
	if reads := l.reads(t, "") - before; reads > 3*commits {
		t.Errorf("%d commits: the log has been read %v times", commits, reads)
	}
}

func TestTheTailerGoesBackToAReplicaThatHasCaughtUp(t *testing.T) {
	t.Parallel()
	l := newLagging(t)
	l.change(t)
	if l.reads(t, "primary") == 0 {
		t.Fatal("the primary has not been asked for what the replica does not have")
	}
	if err := l.feed.Heal(); err != nil {
		t.Fatal(err)
	}
	await.That(t, "a change is read on the replica alone", func() bool {
		before := l.reads(t, "primary")
		l.change(t)
		return l.reads(t, "primary") == before
	})
}
