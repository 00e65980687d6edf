package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// A watchFixture is the API with a watch, and its parts.
type watchFixture struct {
	*fixture
	db    *sqldb.DB
	store *kv.Store
	hub   *watch.Hub
}

func mustServeWatch(t *testing.T) *watchFixture {
	t.Helper()
	db := mustOpen(t, embedded(t))
	store := kv.New(db, kv.Config{})
	hub := watch.New(watch.Config{DB: db, Store: store})
	t.Cleanup(hub.Close)
	f := mustServeOn(t, db, func(c *httpapi.Config) { c.Store, c.Watch = store, hub })
	return &watchFixture{fixture: f, db: db, store: store, hub: hub}
}

// put sets a key and returns its versionstamp.
func (f *watchFixture) put(key, value string) string {
	f.t.Helper()
	return f.must("PUT", "/keys/"+key, value).versionstamp()
}

// compact removes all of the change log.
func (f *watchFixture) compact() {
	f.t.Helper()
	if _, err := watch.Compact(f.t.Context(), f.db, 0, 0, 0); err != nil {
		f.t.Fatal(err)
	}
}

// An eventReader reads server-sent events as the specification says.
type eventReader struct {
	t       *testing.T
	answer  *http.Response
	scanner *bufio.Scanner
	retry   string
}

type sseEvent struct{ name, id, data string }

// stream opens a stream, which ends with the test.
func (f *watchFixture) stream(target string, headers ...string) *eventReader {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	f.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", f.URL+target, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	answer, err := f.Client().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(answer.Body)
		f.t.Fatalf("GET %s: got %s %s", target, answer.Status, body)
	}
	scanner := bufio.NewScanner(answer.Body)
	scanner.Buffer(nil, 8<<20)
	return &eventReader{t: f.t, answer: answer, scanner: scanner}
}

// next is the next event that is no ping.
func (r *eventReader) next() sseEvent {
	r.t.Helper()
	for {
		e, ok := r.read()
		if !ok {
			r.t.Fatalf("the stream has ended: %v", r.scanner.Err())
		}
		if e.name != "" && e.name != "ping" {
			return e
		}
	}
}

func (r *eventReader) read() (e sseEvent, ok bool) {
	for r.scanner.Scan() {
		name, value, _ := strings.Cut(r.scanner.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "":
			return e, true
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "retry":
			r.retry = value
		}
	}
	return e, false
}

func entryJSON(key, value, versionstamp string) string {
	return fmt.Sprintf(`{"key":%s,"value":%s,"versionstamp":%q}`, key, value, versionstamp)
}

func TestAStreamTellsTheStateAndThenEachOperation(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	a := f.put("a/1", `{"n":1}`)
	for _, base := range []string{"", basePath} {
		s := f.stream(base + "/watch?keys=a/1,none&key=b")
		e := s.next()
		want := `[` + entryJSON(`["a",1]`, `{"n":1}`, a) + `,{"key":["none"],"value":null,"versionstamp":null},{"key":["b"],"value":null,"versionstamp":null}]`
		if e.name != "change" || e.data != want || e.id < a {
			t.Errorf("initial state: got %+v, want %s", e, want)
		}
		if s.retry != "1000" {
			t.Errorf("retry is %q, want 1000", s.retry)
		}
		if got := s.answer.Header.Get("Keyval-Versionstamp"); got != e.id {
			t.Errorf("Keyval-Versionstamp is %q, want the first event's %q", got, e.id)
		}
		b := f.put("b", "2")
		if got, want := s.next(), (sseEvent{"change", b, `[` + entryJSON(`["b"]`, "2", b) + `]`}); got != want {
			t.Errorf("a change: got %+v, want %+v", got, want)
		}
		f.must("DELETE", "/keys/b", "")
		if got, want := s.next().data, `[{"key":["b"],"value":null,"versionstamp":null}]`; got != want {
			t.Errorf("a deletion: got %s, want %s", got, want)
		}
	}
}

func TestAPrefixStreamSendsAnOperationInOneEvent(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	s := f.stream("/watch/prefix?prefixes=a,b&initial=false")
	v := f.must("POST", "/atomic", `{"mutations":[{"type":"set","key":["b",1],"value":1},{"type":"set","key":["a"],"value":2},{"type":"set","key":["c"],"value":3}]}`).versionstamp()
	want := sseEvent{"change", v, `[` + entryJSON(`["a"]`, "2", v) + `,` + entryJSON(`["b",1]`, "1", v) + `]`}
	if got := s.next(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLimitBoundsOnlyTheInitialEntries(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	for i := range 5 {
		f.put(fmt.Sprintf("p/%d", i), "0")
	}
	s := f.stream("/watch/prefix?prefix=p&limit=2")
	if got := strings.Count(s.next().data, `"key"`); got != 2 {
		t.Errorf("initial entries: got %d, want 2", got)
	}
	v := f.put("p/4", "1")
	if got, want := s.next().data, `[`+entryJSON(`["p",4]`, "1", v)+`]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAStreamResumesAfterLastEventIDOrSince(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	first := f.put("a", "1")
	second := f.put("a", "2")
	want := sseEvent{"change", second, `[` + entryJSON(`["a"]`, "2", second) + `]`}
	if got := f.stream("/watch?keys=a&since=" + first).next(); got != want {
		t.Errorf("since: got %+v, want %+v", got, want)
	}
	if got := f.stream("/watch?keys=a&since="+second, "Last-Event-ID: "+first).next(); got != want {
		t.Errorf("Last-Event-ID: got %+v, want %+v", got, want)
	}
}

func TestALargeEventHasItsNameInItsLastChunk(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	s := f.stream("/watch?keys=a&initial=false")
	large := `"` + strings.Repeat("x", 500_000) + `"`
	v := f.put("a", large)
	if got, want := s.next(), (sseEvent{"change", v, `[` + entryJSON(`["a"]`, large, v) + `]`}); got != want {
		t.Errorf("got an event %q %q of %d bytes, want %d", got.name, got.id, len(got.data), len(want.data))
	}
}

func TestALostPositionIs410WithTheOldestOne(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	first := f.put("a", "1")
	f.put("a", "2")
	f.compact()
	for _, target := range []string{
		"/watch?keys=a&since=" + first, "/watch/prefix?prefix=a&since=" + first,
		"/watch/poll?keys=a&since=" + first, "/watch/prefix/poll?prefix=a&versionstamps=" + first,
	} {
		r := f.do("GET", target, "")
		body := decode[api.ErrorBody](t, r)
		if r.status != http.StatusGone || body.Code != api.PositionLost {
			t.Errorf("%s: got %d %s, want 410 position_lost", target, r.status, r.body)
		}
		if again := f.do("GET", "/watch/poll?keys=a&since="+string(body.Oldest), ""); again.status != http.StatusOK {
			t.Errorf("%s: the oldest position %q: got %d %s", target, body.Oldest, again.status, again.body)
		}
	}
}

func TestARestoredDatabaseResetsStreamsAndRefusesTheirPositions(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	since := f.put("a", "1")
	s := f.stream("/watch?keys=a&initial=false")
	if _, err := f.db.RaiseIncarnation(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.put("a", "2")
	e := s.next()
	if e.name != "reset" || e.id != "" || !strings.Contains(e.data, `"position_lost"`) {
		t.Errorf("got %+v, want a reset without an id", e)
	}
	if _, more := s.read(); more {
		t.Error("the stream goes on after its reset")
	}
	if r := f.do("GET", "/watch?keys=a&since="+since, ""); r.status != http.StatusGone {
		t.Errorf("resumed: got %d %s, want 410", r.status, r.body)
	}
}

func TestADrainEndsStreamsCleanly(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	s := f.stream("/watch?keys=a")
	s.next()
	f.api.EndWaits()
	if e, more := s.read(); more || s.scanner.Err() != nil {
		t.Errorf("got %+v %v, want a clean end", e, s.scanner.Err())
	}
}

func TestWhatIsNoWatch(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	future := "0000ffffffffffff0000"
	for target, want := range map[string]struct {
		status int
		code   api.Code
	}{
		"/watch":           {400, api.InvalidArgument},
		"/watch?keys=":     {400, api.InvalidKey},
		"/watch?keys=a,":   {400, api.InvalidKey},
		"/watch?keys=~n:x": {400, api.InvalidKey},
		"/watch?keys=a" + strings.Repeat(",b", 1000):                {400, api.InvalidArgument},
		"/watch?keys=a&since=7":                                     {400, api.InvalidArgument},
		"/watch?keys=a&since=":                                      {400, api.InvalidArgument},
		"/watch?keys=a&since=" + future:                             {400, api.InvalidArgument},
		"/watch?keys=a&initial=no":                                  {400, api.InvalidArgument},
		"/watch?keys=a&limit=3":                                     {400, api.InvalidArgument},
		"/watch?prefix=a":                                           {400, api.InvalidArgument},
		"/watch/prefix":                                             {400, api.InvalidArgument},
		"/watch/prefix?prefixes=a,":                                 {400, api.InvalidArgument},
		"/watch/prefix?prefix=a&limit=0":                            {400, api.InvalidArgument},
		"/watch/prefix?prefix=a&limit=x":                            {400, api.InvalidArgument},
		"/watch/poll":                                               {400, api.InvalidArgument},
		"/watch/poll?keys=a&wait=-1":                                {400, api.InvalidArgument},
		"/watch/poll?keys=a&wait=60001":                             {400, api.InvalidArgument},
		"/watch/poll?keys=a&versionstamps=x":                        {400, api.InvalidArgument},
		"/watch/poll?keys=a&versionstamps=,":                        {400, api.InvalidArgument},
		"/watch/poll?keys=a&since=" + future:                        {400, api.InvalidArgument},
		"/watch/poll?keys=a&versionstamps=&since=" + future:         {400, api.InvalidArgument},
		"/watch/prefix/poll?prefix=a&versionstamps=x":               {400, api.InvalidArgument},
		"/watch/prefix/poll?prefix=a&versionstamps=a:1,":            {400, api.InvalidArgument},
		"/watch/prefix/poll?prefix=a&versionstamps=~n:x:1":          {400, api.InvalidKey},
		"/watch/prefix/poll?prefix=a&versionstamps=" + future:       {400, api.InvalidArgument},
		"/watch/poll?keys=a&since=ffff0000000000000000":             {410, api.PositionLost},
		"/watch/prefix?prefix=a&since=ffff0000000000000000&limit=1": {410, api.PositionLost},
	} {
		r := f.do("GET", target, "")
		if r.status != want.status || decode[api.ErrorBody](t, r).Code != want.code {
			t.Errorf("GET %.60s: got %d %s, want %d %s", target, r.status, r.body, want.status, want.code)
		}
	}
	r := f.do("GET", "/watch?keys=a", "", "Last-Event-ID: x")
	if r.status != 400 {
		t.Errorf("Last-Event-ID x: got %d %s, want 400", r.status, r.body)
	}
}

func TestAStreamOverHTTP2IsTheSame(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", f.URL+"/watch?keys=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http2Client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	s := &eventReader{t: t, answer: answer, scanner: bufio.NewScanner(answer.Body)}
	if got, want := s.next().data, `[{"key":["a"],"value":null,"versionstamp":null}]`; answer.ProtoMajor != 2 || got != want {
		t.Errorf("HTTP/%d: got %s, want %s over HTTP/2", answer.ProtoMajor, got, want)
	}
	v := f.put("a", "1")
	if got, want := s.next(), (sseEvent{"change", v, `[` + entryJSON(`["a"]`, "1", v) + `]`}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAStreamEndsWhenItsReaderHasGone(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	s := f.stream("/watch?keys=a")
	s.next()
	_ = s.answer.Body.Close()
	await.That(t, "the stream is closed", func() bool { return f.hub.Streams() == 0 })
}

func TestAWatchThatLooksForAnotherRoutesParameterIsToldWhichRouteThatIs(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	for target, route := range map[string]string{
		"/watch?prefix=a":                          "/watch/prefix takes it",
		"/watch?keys=a&prefixes=a":                 "/watch/prefix takes it",
		"/watch/poll?prefix=a":                     "/watch/prefix/poll takes it",
		"/watch/prefix?key=a":                      "/watch takes it",
		"/watch/prefix/poll?keys=a":                "/watch/poll takes it",
		"/watch?keys=a&since=0000ffffffffffff0000": "start without a position",
	} {
		r := refusal{code: api.InvalidArgument, says: route}
		r.check(t, f.do("GET", target, ""))
	}
}
