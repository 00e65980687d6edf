package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/spans/spanstest"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// browse looks at messages.
func (f *fixture) browse(query string) api.QueuedMessages {
	f.t.Helper()
	r := f.must("GET", "/queue/messages"+query, "")
	if r.header.Get("Cache-Control") != "no-store" {
		f.t.Errorf("Cache-Control is %q, want no-store", r.header.Get("Cache-Control"))
	}
	return decode[api.QueuedMessages](f.t, r)
}

var timesPattern = regexp.MustCompile(`\b[0-9]{13}\b`)

func TestMessagesAreLookedAtWithoutBeingTaken(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	f.must("POST", "/queue/enqueue", `{"value":1,"options":{"queue":"jobs","priority":5}}`)
	f.must("POST", "/queue/enqueue", `{"value":{"b":1.0,"a":12345678901234567890},"options":{"queue":"jobs"}}`)
	f.must("POST", "/queue/enqueue", `{"value":3,"options":{"queue":"jobs","delay":3600000}}`)
	taken := f.take("?queue=jobs")
	got := f.must("GET", "/queue/messages?queue=jobs", "").body
	for _, m := range f.browse("?queue=jobs").Messages {
		got = strings.Replace(got, m.ID, "<id>", 1)
	}
	want := `{"messages":[` +
		`{"id":"<id>","value":{"b":1.0,"a":12345678901234567890},"attempts":0,"priority":0,"enqueuedAt":<ms>,"readyAt":<ms>,"lockedUntil":null},` +
		`{"id":"<id>","value":3,"attempts":0,"priority":0,"enqueuedAt":<ms>,"readyAt":<ms>,"lockedUntil":null},` +
		`{"id":"<id>","value":1,"attempts":1,"priority":5,"enqueuedAt":<ms>,"readyAt":<ms>,"lockedUntil":<ms>}],"cursor":null}`
	if got = timesPattern.ReplaceAllString(got, "<ms>"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	page := f.browse("?queue=jobs&limit=2")
	if len(page.Messages) != 2 || page.Cursor == nil {
		t.Fatalf("got %+v, want two of three", page)
	}
	rest := f.browse("?queue=jobs&limit=2&cursor=" + url.QueryEscape(*page.Cursor))
	if len(rest.Messages) != 1 || rest.Cursor != nil || rest.Messages[0].ID != taken.ID {
		t.Errorf("got %+v, want the one that is processed", rest)
	}
	for state, n := range map[string]int{"ready": 1, "delayed": 1, "processing": 1} {
		if got := f.browse("?queue=jobs&limit=5000&state=" + state); len(got.Messages) != n || got.Cursor != nil {
			t.Errorf("%s: %+v, want %d", state, got, n)
		}
	}
	if got := f.browse(""); len(got.Messages) != 0 {
		t.Errorf("the default queue has %+v", got)
	}
	f.wantCounts(api.QueueCounts{Pending: 2, Delayed: 1, Processing: 1})
}

func TestAQueueIsPurgedThroughTheAPI(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", basePath} {
		f, _ := mustServeQueues(t)
		purge := func(target string, want int) {
			t.Helper()
			if r := f.must("DELETE", base+"/queue/messages"+target, ""); r.body != fmt.Sprintf(`{"ok":true,"deletedCount":%d}`, want) {
				t.Errorf("DELETE %s: got %s, want %d", target, r.body, want)
			}
		}
		for range 3 {
			f.must("POST", "/queue/enqueue", `{"value":1}`)
		}
		f.must("POST", "/queue/enqueue", `{"value":1,"options":{"delay":3600000}}`)
		f.must("POST", "/queue/enqueue", `{"value":1,"options":{"queue":"other"}}`)
		m := f.take("")
		purge("/"+m.ID, 0)
		purge("/nonsense", 0)
		purge("/"+f.browse("?state=ready").Messages[0].ID, 1)
		purge("?queue=none", 0)
		purge("?state=delayed", 1)
		purge("?queue=default", 1)
		f.wantCounts(api.QueueCounts{Pending: 1, Processing: 1})
		purge("/"+m.ID+"?state=processing", 1)
		for _, settle := range []string{"ack", "nack", "extend"} {
			if r := f.do("POST", "/queue/"+settle+"/"+m.ID, `{"receipt":"`+m.Receipt+`"}`); r.status != 409 || !strings.Contains(r.body, `"lock_lost"`) {
				t.Errorf("%s of a purged message: got %d %s, want lock_lost", settle, r.status, r.body)
			}
		}
		f.must("POST", "/queue/ack/"+m.ID, "")
		purge("?queue=other&state=ready", 1)
		f.wantCounts(api.QueueCounts{})
	}
}

func TestBadRequestsForMessagesAreRefused(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	f.must("POST", "/queue/enqueue", `{"value":2}`)
	cursor := *f.browse("?limit=1").Cursor
	for _, c := range []struct {
		method, target string
		code           api.Code
	}{
		{"GET", "?state=dead", api.InvalidArgument},
		{"GET", "?state=", api.InvalidArgument},
		{"GET", "?queue=", api.InvalidArgument},
		{"GET", "?queue=a%20b", api.InvalidArgument},
		{"GET", "?limit=0", api.InvalidArgument},
		{"GET", "?offset=1", api.InvalidArgument},
		{"GET", "?cursor=", api.InvalidCursor},
		{"GET", "?cursor=nonsense", api.InvalidCursor},
		{"GET", "?queue=other&cursor=" + cursor, api.InvalidCursor},
		{"GET", "?state=ready&cursor=" + cursor, api.InvalidCursor},
		{"DELETE", "?state=pending", api.InvalidArgument},
		{"DELETE", "?state=", api.InvalidArgument},
		{"DELETE", "?queue=/", api.InvalidArgument},
		{"DELETE", "?limit=1", api.InvalidArgument},
		{"DELETE", "/nonsense?state=all", api.InvalidArgument},
		{"DELETE", "/nonsense?queue=default", api.InvalidArgument},
	} {
		r := f.do(c.method, "/queue/messages"+c.target, "")
		var body api.ErrorBody
		if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != 400 || body.Code != c.code {
			t.Errorf("%s %s: got %d %s, want %s", c.method, c.target, r.status, r.body, c.code)
		}
	}
	f.wantCounts(api.QueueCounts{Pending: 2})
}

func TestRequestsForMessagesAreAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	v := mustValidator(t, f.must("GET", "/openapi.json", "").body)
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	f.must("POST", "/queue/enqueue", `{"value":2}`)
	f.take("")
	for _, c := range []struct{ method, target string }{
		{"GET", "/queue/messages"},
		{"GET", "/queue/messages?queue=default&state=processing&limit=1"},
		{"GET", "/queue/messages?limit=1"},
		{"GET", "/queue/messages?cursor=x"},
		{"DELETE", "/queue/messages/00000000-0000-7000-8000-000000000000?state=ready"},
		{"DELETE", "/queue/messages?state=processing"},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) { validate(t, f, v, c.method, c.target, "") })
	}
}

// A timedOutPurge is a queue whose purges run out of time.
type timedOutPurge struct{ httpapi.Queue }

func (timedOutPurge) PurgeDeadLetters(context.Context, string) (int, error) {
	return 3000, kv.ErrTimeout
}
func (timedOutPurge) PurgeMessages(context.Context, string, queue.State) (int, error) {
	return 3000, kv.ErrTimeout
}

func TestAPurgeThatRunsOutOfTimeSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	_, q := mustServeQueues(t)
	f := mustServe(t, func(c *httpapi.Config) { c.Queue = timedOutPurge{q} })
	for target, what := range map[string]string{"/queue/messages": "messages", "/queue/dlq": "dead letters"} {
		r := f.do("DELETE", target, "")
		if r.status != 504 || !strings.Contains(r.body, "after 3000 "+what+" had been deleted") {
			t.Errorf("DELETE %s: got %d %s, want 504 and the count", target, r.status, r.body)
		}
	}
}

func TestAMessageHasTheTraceOfItsProducer(t *testing.T) {
	t.Parallel()
	const sampled, other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	const message = `{"value":1,"options":{"queue":"traced"}}`
	for _, traced := range []bool{false, true} {
		recorder := spanstest.New()
		db := mustOpen(t, embedded(t))
		queues, calls := queue.Config{DB: db}, httpapi.Config{}
		if traced {
			queues.TracerProvider, calls.TracerProvider = recorder, recorder
		}
		q, err := queue.New(queues)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(q.Close)
		f := mustServeOn(t, db, func(c *httpapi.Config) { c.Queue, c.TracerProvider = q, calls.TracerProvider })
		for path, body := range map[string]string{
			"/queue/enqueue": message,
			"/atomic":        `{"enqueue":[` + message + `]}`,
			"/transaction":   `{"enqueue":[` + message + `]}`,
		} {
			f.must("POST", path, body, "traceparent: "+sampled, `tracestate: vendor=a"b`)
			m := f.take("?queue=traced")
			want := sampled
			if traced { // its own span is between
				sent := recorder.Named("send traced")
				want = "00-4bf92f3577b34da6a3ce929d0e0e4736-" + sent[len(sent)-1].SpanContext().SpanID().String() + "-01"
			}
			if m.Traceparent != want || m.Tracestate != `vendor=a"b` {
				t.Errorf("%s, traced %v: the message has %q and %q, want %q", path, traced, m.Traceparent, m.Tracestate, want)
			}
			f.must("POST", path, body, "traceparent: "+other)
			if m := f.take("?queue=traced"); !traced && m.Traceparent != "" {
				t.Errorf("%s: what was not sampled has the trace %q", path, m.Traceparent)
			}
		}
	}
}
