package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// A store is what traffic runs against: a typed client, or plain requests.
type store interface {
	put(ctx context.Context, key string, n int64) error
	// get returns 0 for a key that does not exist.
	get(ctx context.Context, key string) (int64, error)
	// monotonic tells whether reads never go back in time.
	monotonic() bool
}

// traffic is a load whose outcome can be checked. Each writer has a key of its
// own and writes 1, 2, 3, … to it; each reader reads all writers' keys in turn.
type traffic struct {
	cancel context.CancelFunc
	work   sync.WaitGroup
	pause  time.Duration // between two requests of one worker

	requests atomic.Int64
	mu       sync.Mutex       // covers what follows
	last     map[string]int64 // answered with success
	sent     map[string]int64 // at least begun
	failures []failure
}

type failure struct {
	at  time.Time
	err error
}

// pace is the time between two requests of one worker: enough for requests to
// meet every moment of a fault, and not so much that the machine is busy with
// nothing else. A short run's workers take three times as long: all together they
// still make a request every few milliseconds.
const pace = 10 * time.Millisecond

// startTraffic begins a load of so many workers on each store: half of them
// write, half read. It ends with the test at the latest.
func startTraffic(t *testing.T, workers int, stores ...store) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &traffic{
		cancel: cancel, pause: pace * time.Duration(repetitions(t, 3, 1)),
		last: map[string]int64{}, sent: map[string]int64{},
	}
	t.Cleanup(w.stop)
	for i, s := range stores {
		for j := range workers {
			if j%2 == 0 {
				w.work.Go(func() { w.write(ctx, s, fmt.Sprintf("traffic-%d-%d-%d", time.Now().UnixNano(), i, j)) })
			} else {
				w.work.Go(func() { w.read(ctx, s) })
			}
		}
	}
	return w
}

func (w *traffic) write(ctx context.Context, s store, key string) {
	w.each(ctx, func(n int64) error {
		w.note(w.sent, key, n)
		// A request that was begun is waited for, or its outcome would be unknown.
		err := s.put(context.WithoutCancel(ctx), key, n)
		if err == nil {
			w.note(w.last, key, n)
		}
		return err
	})
}

// read sees to it that a session never goes back: what has been read of a key is
// there from then on.
func (w *traffic) read(ctx context.Context, s store) {
	seen := map[string]int64{}
	w.each(ctx, func(n int64) error {
		key := w.pick(n)
		if key == "" {
			return nil
		}
		got, err := s.get(context.WithoutCancel(ctx), key)
		if err == nil && s.monotonic() && got < seen[key] {
			return fmt.Errorf("%s: read %d after %d in one session", key, got, seen[key])
		}
		seen[key] = max(seen[key], got)
		return err
	})
}

// each makes requests at the pace until ctx ends.
func (w *traffic) each(ctx context.Context, request func(n int64) error) {
	tick := time.NewTicker(w.pause)
	defer tick.Stop()
	for n := int64(1); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.requests.Add(1)
		if err := request(n); err != nil {
			w.mu.Lock()
			w.failures = append(w.failures, failure{time.Now(), err})
			w.mu.Unlock()
		}
	}
}

func (w *traffic) note(in map[string]int64, key string, n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in[key] = n
}

// pick chooses a key to read, "" if there is none.
func (w *traffic) pick(n int64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range w.last {
		if n--; n%int64(len(w.last)) == 0 {
			return key
		}
	}
	return ""
}

// answered is how many writes have been answered with success.
func (w *traffic) answered() (n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, last := range w.last {
		n += last
	}
	return n
}

// stop ends the load and waits for the requests that are under way.
func (w *traffic) stop() {
	w.cancel()
	w.work.Wait()
}

// mustNotFail fails the test if a request has failed.
func (w *traffic) mustNotFail(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, f := range w.failures {
		if i == 10 {
			t.Errorf("… and %d more", len(w.failures)-i)
			break
		}
		t.Errorf("at %s: %v", f.at.Format("15:04:05.000"), f.err)
	}
	if w.requests.Load() < 10 || len(w.last) == 0 {
		t.Errorf("only %d requests, %d keys were made", w.requests.Load(), len(w.last))
	}
}

// mustBeThere fails the test if an answered write is not in the store. Several
// writers' keys may be asked of another store than they were written to.
func (w *traffic) mustBeThere(t *testing.T, s store) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var answered int64
	for key, last := range w.last {
		answered += last
		got, err := s.get(t.Context(), key)
		if err != nil {
			t.Errorf("%s: %v", key, err)
		} else if got < last || got > w.sent[key] {
			t.Errorf("%s: got %d, want at least the last answered %d and at most the last sent %d", key, got, last, w.sent[key])
		}
	}
	if answered == 0 {
		t.Error("no write was answered")
	}
	t.Logf("%d requests, the last of %d keys add up to %d writes, %d requests failed", w.requests.Load(), len(w.last), answered, len(w.failures))
}

// typed is a store through the Go client, strong if it says so.
type typed struct {
	*client.Client
	strong bool
}

// monotonic is true: the client sends the positions that it has seen.
func (typed) monotonic() bool { return true }

func (s typed) put(ctx context.Context, key string, n int64) error {
	_, err := s.Put(ctx, api.Key{key}, n)
	return err
}

func (s typed) get(ctx context.Context, key string) (int64, error) {
	var opts []client.ReadOption
	if s.strong {
		opts = append(opts, client.Consistency(api.Strong))
	}
	entry, err := s.Get(ctx, api.Key{key}, opts...)
	if errors.Is(err, api.NotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(entry.Value), 10, 64)
}

// plain is a store through net/http alone: nothing is repeated, and a write has
// no idempotency key.
type plain struct {
	url       string
	strong    bool
	transport *http.Transport
}

func newPlain(t *testing.T, url string) plain {
	s := plain{url: url, transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	t.Cleanup(s.transport.CloseIdleConnections)
	return s
}

// strongly is the same store, read at the primary.
func (s plain) strongly() plain {
	s.strong = true
	return s
}

// monotonic is false: without positions a session holds on one node only.
func (plain) monotonic() bool { return false }

func (s plain) put(ctx context.Context, key string, n int64) error {
	_, err := s.do(ctx, http.MethodPut, "/keys/"+key, n)
	return err
}

// get asks by POST, which net/http does not repeat by itself.
func (s plain) get(ctx context.Context, key string) (int64, error) {
	in := map[string]any{"keys": [][]string{{key}}}
	if s.strong {
		in["consistency"] = api.Strong
	}
	body, err := s.do(ctx, http.MethodPost, "/keys/batch", in)
	if err != nil {
		return 0, err
	}
	var entries []struct{ Value int64 }
	if err := json.Unmarshal(body, &entries); err != nil || len(entries) != 1 {
		return 0, fmt.Errorf("got %s: %w", body, err)
	}
	return entries[0].Value, nil
}

func (s plain) do(ctx context.Context, method, path string, in any) ([]byte, error) {
	// Longer than a node takes to give up on the database.
	ctx, cancel := context.WithTimeout(ctx, 35*time.Second)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := s.transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, err
}
