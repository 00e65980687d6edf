package workload_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
)

// scribe is a server that notes what it is asked and answers the same to all.
type scribe struct {
	mu    sync.Mutex // covers asked
	asked []string
}

// start serves until the test ends, and returns the URL.
func (s *scribe) start(t *testing.T, status int, answer string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.asked = append(s.asked, fmt.Sprintf("%s %s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get(api.HeaderMinVersionstamp), body))
		s.mu.Unlock()
		w.Header().Set(api.HeaderVersionstamp, "00010000000000020000")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// asks are what a worker asks first. Nothing has been prepared.
func asks(t *testing.T, name string, seed uint64) []string {
	t.Helper()
	var s scribe
	url := s.start(t, http.StatusOK, `{"ok":true,"versionstamp":"00010000000000020000","message":{"id":"1","receipt":"2"}}`)
	settings := few(name, url, url+"/other")
	settings.Seed, settings.Token = seed, "secret"
	if name != "hot-counter" {
		settings.ValueBytes = [2]int{40, 60}
	}
	worker := mustWork(t, mustOpen(t, name, settings), 1)
	for range 20 {
		if _, err := worker.Do(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return s.asked
}

func TestTheSameSeedMakesTheSameRequests(t *testing.T) {
	for _, d := range workload.All() {
		if d.Name == "watch" {
			continue // it writes as put does, and needs its streams
		}
		first, second, other := asks(t, d.Name, 1), asks(t, d.Name, 1), asks(t, d.Name, 2)
		if !slices.Equal(first, second) {
			t.Errorf("%s: the same seed asks %q, then %q", d.Name, first, second)
		}
		if d.Name != "hot-counter" && slices.Equal(first, other) {
			t.Errorf("%s: two seeds ask the same", d.Name)
		}
	}
}

func TestTheTokenIsSentWithEveryRequest(t *testing.T) {
	for _, asked := range asks(t, "put", 1) {
		if !strings.Contains(asked, " Bearer secret ") {
			t.Errorf("%.80s has no token", asked)
		}
	}
}

func TestAReadAtAnotherEndpointAsksForWhatWasWritten(t *testing.T) {
	asked := asks(t, "cluster", 1)
	for i := 0; i < len(asked); i += 2 {
		put, get := asked[i], asked[i+1]
		if !strings.HasPrefix(put, http.MethodPut) || strings.Contains(put, " 00010000000000020000 ") {
			t.Errorf("%s is no write of its own", put)
		}
		if !strings.HasPrefix(get, http.MethodGet) || !strings.Contains(get, " 00010000000000020000 ") {
			t.Errorf("%s does not say what it must see", get)
		}
		keyOf := func(asked string) string { _, key, _ := strings.Cut(asked, "/keys/"); return strings.Fields(key)[0] }
		if keyOf(put) != keyOf(get) || strings.Contains(put, "/other/") == strings.Contains(get, "/other/") {
			t.Errorf("%s is not read at the other endpoint by %s", put, get)
		}
	}
}

func TestAReadThatLacksTheWriteBeforeItIsStale(t *testing.T) {
	var s scribe
	url := s.start(t, http.StatusOK, `{"key":["bench"],"value":1,"versionstamp":"00010000000000010000"}`)
	worker := mustWork(t, mustOpen(t, "cluster", few("cluster", url, url+"/other")), 0)
	if _, err := worker.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	operation, err := worker.Do(t.Context())
	if err == nil || workload.Failure(err) != "stale" || operation != 1 {
		t.Errorf("operation %d: %v, want that the get at the second endpoint is stale", operation, err)
	}
}

func TestAFailureHasTheNameThatTheAnswerSays(t *testing.T) {
	for _, c := range []struct {
		status       int
		answer, want string
	}{
		{http.StatusTooManyRequests, `{"error":"Too much.","code":"too_many_requests"}`, "too_many_requests"},
		{http.StatusBadGateway, `<html>Bad gateway</html>`, "status 502"},
		{http.StatusFound, ``, "status 302"},
	} {
		var s scribe
		worker := mustWork(t, mustOpen(t, "put", few("put", s.start(t, c.status, c.answer))), 0)
		if _, err := worker.Do(t.Context()); err == nil || workload.Failure(err) != c.want {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestASuccessThatIsNoNodesIsAFailure(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>It works!</html>")
	}))
	defer page.Close()
	for _, d := range workload.All() {
		if d.Name == "watch" {
			continue // it needs its streams, which a page is not
		}
		worker := mustWork(t, mustOpen(t, d.Name, few(d.Name, page.URL, page.URL+"/other")), 0)
		for range 20 {
			if _, err := worker.Do(t.Context()); err == nil || workload.Failure(err) != "malformed" {
				t.Fatalf("%s: got %v, want that it is malformed", d.Name, err)
			}
		}
	}
}

func TestAServerThatHangsUpIsAFailedConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	worker := mustWork(t, mustOpen(t, "get", few("get", server.URL)), 0)
	if _, err := worker.Do(t.Context()); err == nil || workload.Failure(err) != "connection" {
		t.Errorf("got %v, want a failed connection", err)
	}
}

func TestConsistencyIsAskedOfEveryRead(t *testing.T) {
	for _, name := range []string{"get", "list", "filter", "search", "mixed", "cluster"} {
		var s scribe
		url := s.start(t, http.StatusOK, `{"versionstamp":"00010000000000020000"}`)
		settings := few(name, url, url+"/other")
		settings.Consistency = "eventual"
		worker := mustWork(t, mustOpen(t, name, settings), 0)
		for range 4 {
			if _, err := worker.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		reads := slices.DeleteFunc(s.asked, func(asked string) bool { return strings.HasPrefix(asked, http.MethodPut) })
		if len(reads) == 0 {
			t.Errorf("%s: nothing was read", name)
		}
		for _, asked := range reads {
			if !strings.Contains(asked, "eventual") {
				t.Errorf("%s: %s has no consistency", name, asked)
			}
		}
	}
}

func TestEveryMixHasTheSharesOfYCSB(t *testing.T) {
	const operations = 2000
	for letter, want := range map[string][2]float64{"a": {0.5, 0.5}, "b": {0.95, 0.05}, "c": {1, 0}, "d": {0.95, 0.05}, "e": {0.95, 0.05}, "f": {0.5, 0.5}} {
		var s scribe
		settings := few("mixed", s.start(t, http.StatusOK, `{"ok":true,"versionstamp":"00010000000000020000"}`))
		settings.Mix = letter
		worker := mustWork(t, mustOpen(t, "mixed", settings), 0)
		var got [2]float64
		for range operations {
			operation, err := worker.Do(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got[operation] += 1.0 / operations
		}
		// Four standard deviations of a half are 0.045.
		for i := range want {
			if math.Abs(got[i]-want[i]) > 0.045 {
				t.Errorf("%s: the shares are %.3f, want %.3f", letter, got, want)
			}
		}
	}
}
