package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// pull makes the events of a watch available one by one.
func pull(t *testing.T, events iter.Seq2[client.Event, error]) func() (client.Event, error) {
	t.Helper()
	next, stop := iter.Pull2(events)
	t.Cleanup(stop)
	return func() (client.Event, error) {
		t.Helper()
		e, err, ok := next()
		if !ok {
			t.Fatal("the watch has ended without an error")
		}
		return e, err
	}
}

// values are the values of an event as one string.
func values(e client.Event) string {
	var out []string
	for _, entry := range e.Entries {
		out = append(out, string(entry.Value))
	}
	return strings.Join(out, " ")
}

func expect(t *testing.T, next func() (client.Event, error), want string) client.Event {
	t.Helper()
	e, err := next()
	if err != nil {
		t.Fatal(err)
	}
	if got := values(e); got != want {
		t.Fatalf("event %q, want %q", got, want)
	}
	return e
}

func TestAWatchBeginsWithTheStateAndGoesOnWithChanges(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	a, b := api.Key{"a", "x,y/z"}, api.Key{"b", 7}
	must(c.Put(ctx, a, 1))(t)
	next := pull(t, c.Watch(ctx, a, b))
	expect(t, next, "1 null")
	must(c.Put(ctx, api.Key{"other"}, 0))(t)
	commit := must(c.Atomic().Set(a, 2).Set(b, 3).Commit(ctx))(t)
	if e := expect(t, next, "2 3"); e.Versionstamp != commit.Versionstamp {
		t.Errorf("event at %s, the commit was %s", e.Versionstamp, commit.Versionstamp)
	}
	must(c.Delete(ctx, a))(t)
	if e := expect(t, next, "null"); e.Entries[0].Exists() {
		t.Error("a deleted key exists")
	}
}

func TestAPrefixWithoutEntriesStartsWithNothing(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	next := pull(t, c.Watcher(client.WatchOptions{Progress: true}).WatchPrefix(ctx, api.Key{"a"}, api.Key{"b"}))
	expect(t, next, "") // the ping: the stream is there
	must(c.Put(ctx, api.Key{"b", 1}, 1))(t)
	expect(t, next, "1")
}

func TestAWatchResumesWhatItMissed(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	key := api.Key{"k"}
	next := pull(t, c.Watch(ctx, key))
	expect(t, next, "null")
	for i := range 20 {
		n.cutStreams()
		must(c.Put(ctx, key, i))(t)
		expect(t, next, fmt.Sprint(i))
	}
	if n.openedStreams() < 2 {
		t.Error("no stream was cut")
	}
}

func TestAPingMovesThePosition(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	next := pull(t, c.Watcher(client.WatchOptions{Progress: true}).Watch(ctx, api.Key{"k"}))
	expect(t, next, "null")
	position := must(c.Put(ctx, api.Key{"other"}, 0))(t)
	for {
		e, err := next()
		if err != nil {
			t.Fatal(err)
		}
		if e.Versionstamp == position {
			break
		}
	}
	// The stream is cut and everything up to the ping's position compacted: the
	// position of the last change would be lost.
	n.compact()
	n.cutStreams()
	must(c.Put(ctx, api.Key{"k"}, 1))(t)
	expect(t, next, "1")
}

func TestALostPositionEndsTheWatch(t *testing.T) {
	t.Run("410", func(t *testing.T) {
		c, n := startClient(t)
		ctx := testContext(t)
		first := must(c.Put(ctx, api.Key{"k"}, 1))(t)
		oldest := must(c.Put(ctx, api.Key{"k"}, 2))(t)
		n.compact()
		next := pull(t, c.Watcher(client.WatchOptions{Since: first}).Watch(ctx, api.Key{"k"}))
		_, err := next()
		var answer *api.Error
		if !errors.Is(err, api.PositionLost) || !errors.As(err, &answer) || answer.Oldest != oldest {
			t.Errorf("error %v", err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		c, n := startClient(t)
		n.spoil(streaming("event: reset\ndata: {\"error\":\"compacted\",\"code\":\"position_lost\"}\n\n"))
		next := pull(t, c.Watch(testContext(t), api.Key{"k"}))
		if _, err := next(); !errors.Is(err, api.PositionLost) || !strings.Contains(err.Error(), "compacted") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("broken before it was known", func(t *testing.T) {
		c, n := startClient(t)
		n.spoil(streaming(": hello\n\n"))
		next := pull(t, c.Watcher(client.WatchOptions{SkipInitial: true}).Watch(testContext(t), api.Key{"k"}))
		if _, err := next(); !errors.Is(err, api.PositionLost) {
			t.Errorf("error %v", err)
		}
	})
}

// streaming answers with a stream that ends after text.
func streaming(text string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(text))
		return true
	}
}

func TestAWatchWithoutInitialStateMissesNothing(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	at := must(c.Put(ctx, api.Key{"k"}, 1))(t)
	// Cut before the first event: the position is that of the answer's header.
	n.spoilPath("/watch", func(w http.ResponseWriter, r *http.Request, serve http.Handler) bool {
		w.Header().Set(api.HeaderVersionstamp, string(at))
		_, _ = c.Put(ctx, api.Key{"k"}, 2)
		return streaming("retry: 1\n\n")(w, r, serve)
	})
	next := pull(t, c.Watcher(client.WatchOptions{SkipInitial: true}).Watch(ctx, api.Key{"k"}))
	expect(t, next, "2")
}

func TestNothingIsGivenOutTwice(t *testing.T) {
	c, n := startClient(t)
	again := "event: change\nid: 00000000000000070000\ndata: [{\"key\":[\"k\"],\"value\":7,\"versionstamp\":\"00000000000000070000\"}]\n\n"
	n.spoil(streaming("retry: 1\n\n"+again), streaming("retry: 1\n\n"+again+strings.ReplaceAll(again, "7", "8")))
	next := pull(t, c.Watch(testContext(t), api.Key{"k"}))
	expect(t, next, "7")
	expect(t, next, "8")
	if got := n.seen()[1].Header.Get("Last-Event-ID"); got != "00000000000000070000" {
		t.Errorf("resumed from %q", got)
	}
}

func TestAWatchSurvivesEveryFault(t *testing.T) {
	for name, f := range map[string]fault{
		"unavailable": refusing(api.Unavailable, 0), "internal": refusing(api.Internal, 0),
		"502": foreign(http.StatusBadGateway), "cut": cutBefore,
	} {
		t.Run(name, func(t *testing.T) {
			c, n := startClient(t)
			ctx := testContext(t)
			next := pull(t, c.Watch(ctx, api.Key{"k"}))
			expect(t, next, "null")
			n.spoilPath("/watch", f, f)
			n.cutStreams()
			must(c.Put(ctx, api.Key{"k"}, 1))(t)
			expect(t, next, "1")
		})
	}
}

func TestASilentStreamIsMadeAnew(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	n.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	})
	next := pull(t, c.Watcher(client.WatchOptions{IdleTimeout: 30 * time.Millisecond}).Watch(ctx, api.Key{"k"}))
	expect(t, next, "null")
}

func TestAWatchThatCannotBeginFails(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		c, n := startClient(t)
		n.spoil(refusing(api.Forbidden, 0))
		if _, err := pull(t, c.Watch(testContext(t), api.Key{"k"}))(); !errors.Is(err, api.Forbidden) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		c := newClient(t, refusedAddress(t))
		if _, err := pull(t, c.Watch(testContext(t), api.Key{"k"}))(); err == nil {
			t.Error("no error")
		}
	})
	t.Run("not a stream", func(t *testing.T) {
		c, n := startClient(t)
		n.spoil(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			_, _ = w.Write([]byte("<html>"))
			return true
		})
		if _, err := pull(t, c.Watch(testContext(t), api.Key{"k"}))(); err == nil || !strings.Contains(err.Error(), "text/html") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no keys", func(t *testing.T) {
		c, n := startClient(t)
		for _, keys := range [][]api.Key{nil, {{}}, {{"a"}, {struct{}{}}}} {
			if _, err := pull(t, c.Watch(testContext(t), keys...))(); err == nil {
				t.Errorf("%v: no error", keys)
			}
		}
		if got := len(n.seen()); got != 0 {
			t.Errorf("%d requests", got)
		}
	})
}

func TestAWatchEndsWithItsContext(t *testing.T) {
	c, _ := startClient(t)
	ctx, cancel := context.WithCancel(testContext(t))
	next := pull(t, c.Watch(ctx, api.Key{"k"}))
	expect(t, next, "null")
	cancel()
	if _, err := next(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestLeavingTheLoopClosesTheStream(t *testing.T) {
	gone := make(chan struct{})
	c, n := startClient(t)
	n.spoil(func(w http.ResponseWriter, r *http.Request, serve http.Handler) bool {
		serve.ServeHTTP(w, r)
		close(gone)
		return true
	})
	for _, err := range c.Watch(testContext(t), api.Key{"k"}) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Error("the stream is still open")
	}
}

func TestReadsAfterAnEventSeeIt(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	next := pull(t, c.Watch(ctx, api.Key{"k"}))
	expect(t, next, "null")
	written := must(newPutter(c).Put(ctx, api.Key{"k"}, 1))(t)
	expect(t, next, "1")
	must(c.Get(ctx, api.Key{"k"}))(t)
	requests := n.seen()
	if got := requests[len(requests)-1].Header.Get(api.HeaderMinVersionstamp); got < string(written) {
		t.Errorf("the read asked for %q, the event was %s", got, written)
	}
}

// newPutter is another session: what it writes, c learns by its watch only.
func newPutter(c *client.Client) *client.Client { return c.Session() }

// TestAWatcherEndsWithTheStateWhateverIsCut is the guarantee itself: random
// writes, streams cut at random moments, and in the end the watcher's state is the
// node's.
func TestAWatcherEndsWithTheStateWhateverIsCut(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	const writes = 300
	random := rand.New(rand.NewPCG(1, 2))
	go func() {
		for i := range writes {
			key := api.Key{"p", random.IntN(5)}
			if random.IntN(4) == 0 {
				_, _ = c.Delete(ctx, key)
			} else {
				_, _ = c.Put(ctx, key, i)
			}
			if random.IntN(10) == 0 {
				n.cutStreams()
			}
		}
		_, _ = c.Put(ctx, api.Key{"p", "end"}, true)
	}()
	state := map[string]string{}
	var last api.Versionstamp
	for event, err := range c.WatchPrefix(ctx, api.Key{"p"}) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Versionstamp <= last {
			t.Fatalf("event at %s after %s", event.Versionstamp, last)
		}
		last = event.Versionstamp
		for _, e := range event.Entries {
			state[fmt.Sprint(e.Key)] = string(e.Value)
			if !e.Exists() {
				delete(state, fmt.Sprint(e.Key))
			}
		}
		if state["[p end]"] != "" {
			break
		}
	}
	want := map[string]string{}
	for _, e := range must(c.List(ctx, api.ListRequest{Prefix: api.Key{"p"}}))(t) {
		want[fmt.Sprint(e.Key)] = string(e.Value)
	}
	if fmt.Sprint(state) != fmt.Sprint(want) {
		t.Errorf("watched %v, the node has %v", state, want)
	}
	t.Logf("%d streams", n.openedStreams())
}
