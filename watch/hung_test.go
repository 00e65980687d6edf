package watch_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/watch"
)

// A hanging is a server in front of a primary that lives, and lets statements
// hang.
type hanging struct {
	mu    sync.Mutex
	texts map[string]int // how many statements with such a text hang
	hung  chan struct{}  // for each that does
}

// valuesText is in the statement that fetches values, logText in that which reads the
// log.
const valuesText, logText = "w.sofar", "FROM keyval_changelog WHERE versionstamp"

func newHanging(t *testing.T) (*hanging, database) {
	t.Helper()
	primary := nodetest.MustStartPrimary(t)
	address, err := url.Parse(primary.HTTPURL())
	if err != nil {
		t.Fatal(err)
	}
	h := &hanging{texts: map[string]int{}, hung: make(chan struct{}, 100)}
	proxy := httputil.NewSingleHostReverseProxy(address)
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		switch {
		case r.Header.Get("Upgrade") != "": // so that statements can be read
			http.Error(w, "no WebSockets here", http.StatusNotFound)
		case err != nil:
		case h.hangs(body):
			h.hung <- struct{}{}
			<-r.Context().Done()
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return h, database{primary: server.URL}
}

// hang lets the next n statements with a text hang.
func (h *hanging) hang(text string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts[text] = n
}

func (h *hanging) hangs(body []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for text, n := range h.texts {
		if n > 0 && bytes.Contains(body, []byte(text)) {
			h.texts[text]--
			return true
		}
	}
	return false
}

func TestOneHungReadOfValuesDoesNotStopTheStreams(t *testing.T) {
	t.Parallel()
	h, d := newHanging(t)
	n := d.node(t)
	s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}})
	h.hang(valuesText, 1)
	n.commit(t, set(key(t, "a"), "1"))
	<-h.hung
	if got, want := show(next(t, s)), "a=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// always is more often than anything is asked.
const always = 1 << 30

func TestAStreamThatIsBehindKeepsItsIdleTimeWhileTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"log": logText, "values": valuesText} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, d := newHanging(t)
			n := d.node(t)
			since := n.commitMuch(t)
			s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}, Since: since})
			h.hang(text, always)
			for hung := false; !hung; {
				e, err := s.Next(within(t), time.Millisecond)
				if e != nil || err != nil {
					t.Fatalf("got %v, %v; want nothing, while the database hangs", e, err)
				}
				select {
				case <-h.hung:
					hung = true
				default:
				}
			}
			h.hang(text, 0)
			if got, want := show(next(t, s)), "a=1"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestAPollReturnsWhileTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	h, d := newHanging(t)
	n := d.node(t, func(c *watch.Config) { c.Timeout = 3 * time.Second })
	since := n.commit(t, set(key(t, "a"), "0"))
	n.commit(t, set(key(t, "a"), "1"))
	n.open(t, watch.Request{Keys: []kv.Key{key(t, "b")}}) // so that the window has it
	h.hang(valuesText, always)
	_, err := n.hub.PollPrefix(within(t), watch.PrefixPoll{Prefixes: []kv.Key{key(t, "a")}, Since: since, Limit: 100})
	if !errors.Is(err, kv.ErrTimeout) {
		t.Errorf("got %v, want %v", err, kv.ErrTimeout)
	}
}

func TestAStreamThatIsClosedWhileTheDatabaseHangsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	h, d := newHanging(t)
	n := d.node(t)
	since := n.commit(t, set(key(t, "a"), "0"))
	n.commit(t, set(key(t, "a"), "1"))
	h.hang(valuesText, always)
	for range 2 * watch.MaxSlow {
		s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}, Since: since})
		if e, err := s.Next(within(t), 0); e != nil || err != nil {
			t.Fatalf("got %v, %v; want nothing", e, err)
		}
		s.Close()
	}
	h.hang(valuesText, 0)
	s := n.open(t, watch.Request{Keys: []kv.Key{key(t, "a")}, Since: since})
	if got, want := show(next(t, s)), "a=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
