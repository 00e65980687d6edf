package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/queue"
)

// mustServeQueues serves the API over a real store and queue.
func mustServeQueues(t *testing.T) (*fixture, *queue.Queue) {
	t.Helper()
	db := mustOpen(t, embedded(t))
	q, err := queue.New(queue.Config{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return mustServeOn(t, db, func(c *httpapi.Config) { c.Queue = q }), q
}

// decode reads an answer.
func decode[T any](t *testing.T, r reply) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return v
}

// take takes one message.
func (f *fixture) take(query string) *api.Message {
	f.t.Helper()
	return decode[api.DequeueResult](f.t, f.must("GET", "/queue/dequeue"+query, "")).Message
}

func (f *fixture) wantCounts(want api.QueueCounts) {
	f.t.Helper()
	want.Total = want.Pending + want.Processing + want.DLQ
	got := decode[api.QueueStats](f.t, f.must("GET", "/queue/stats", "")).QueueCounts
	if got != want {
		f.t.Errorf("counts are %+v, want %+v", got, want)
	}
}

func TestAMessageGoesThroughTheAPI(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	for _, base := range []string{"", basePath} {
		enqueued := decode[api.EnqueueResult](t, f.must("POST", base+"/queue/enqueue", `{"value": {"n": 1.0}, "options": {"queue": "jobs"}}`))
		r := f.must("GET", base+"/queue/dequeue?queue=jobs", "")
		if got := r.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control is %q, want no-store", got)
		}
		m := decode[api.DequeueResult](t, r).Message
		if m == nil || m.ID != enqueued.ID || string(m.Value) != `{"n":1.0}` || m.Attempts != 1 || m.Queue != "jobs" {
			t.Fatalf("got %s, want message %s", r.body, enqueued.ID)
		}
		extended := decode[api.ExtendResult](t, f.must("POST", base+"/queue/extend/"+m.ID, `{"receipt":"`+m.Receipt+`","lock":60000}`))
		if extended.LockedUntil < m.EnqueuedAt+60000 {
			t.Errorf("locked until %d, want at least %d", extended.LockedUntil, m.EnqueuedAt+60000)
		}
		f.must("POST", base+"/queue/nack/"+m.ID+"?receipt="+m.Receipt, `{"delay":0,"error":"busy"}`)
		again := f.take("?queue=jobs&wait=60000")
		if again == nil || again.Attempts != 2 {
			t.Fatalf("got %+v, want the second attempt", again)
		}
		if r := f.do("POST", base+"/queue/ack/"+m.ID, `{"receipt":"`+m.Receipt+`"}`); r.status != 409 || !strings.Contains(r.body, `"lock_lost"`) {
			t.Errorf("ack with the first receipt: %d %s, want 409 lock_lost", r.status, r.body)
		}
		f.must("POST", base+"/queue/ack", `{"id":"`+again.ID+`","receipt":"`+again.Receipt+`"}`)
		f.must("POST", base+"/queue/ack/"+again.ID, "")
		if r := f.must("GET", base+"/queue/poll?queue=jobs&max=10", ""); r.body != `{"messages":[]}` {
			t.Errorf("got %s, want no messages", r.body)
		}
		if r := f.must("GET", base+"/queue/dequeue", ""); r.body != `{"message":null}` {
			t.Errorf("got %s, want no message", r.body)
		}
	}
}

func TestAnEnqueueStandsOrFallsWithItsOperation(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	body := `{"checks":[{"key":["a"],"versionstamp":null}],"mutations":[{"type":"set","key":["a"],"value":1}],
"enqueue":[{"value":1},{"value":2,"options":{"delay":3600000}}]}`
	r := f.must("POST", "/atomic", body)
	var committed struct {
		OK           bool
		Versionstamp string
		IDs          []string
	}
	if err := json.Unmarshal([]byte(r.body), &committed); err != nil || len(committed.IDs) != 2 {
		t.Fatalf("got %s, want two ids", r.body)
	}
	if r := f.must("POST", "/atomic", body); !strings.Contains(r.body, `"ok":false`) {
		t.Errorf("got %s, want a conflict", r.body)
	}
	f.wantCounts(api.QueueCounts{Pending: 2, Delayed: 1})
	r = f.must("POST", "/transaction", `{"reads":[{"key":["a"]}],"enqueue":[{"value":3}]}`)
	if !strings.Contains(r.body, `"ids":["`) {
		t.Errorf("got %s, want ids", r.body)
	}
	f.wantCounts(api.QueueCounts{Pending: 3, Delayed: 1})
	if m := f.take(""); m == nil || m.ID != committed.IDs[0] {
		t.Errorf("got %+v, want message %s", m, committed.IDs[0])
	}
}

func TestAnIdempotencyKeyEnqueuesOnce(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	for _, route := range []struct{ path, body string }{
		{"/queue/enqueue", `{"value":1}`},
		{"/atomic", `{"enqueue":[{"value":1}]}`},
		{"/transaction", `{"enqueue":[{"value":1}]}`},
	} {
		first := f.must("POST", route.path, route.body, "Idempotency-Key: "+route.path)
		second := f.must("POST", route.path, route.body, "Idempotency-Key: "+route.path)
		if first.body != second.body || second.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: got %s, then %s", route.path, first.body, second.body)
		}
	}
	f.wantCounts(api.QueueCounts{Pending: 3})
}

func TestADedupeIDAnswersAsTheFirstTime(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	const body = `{"value":1,"options":{"dedupeId":"order-1"}}`
	first, second := f.must("POST", "/queue/enqueue", body), f.must("POST", "/queue/enqueue", body)
	if first.body != second.body {
		t.Errorf("got %s, then %s", first.body, second.body)
	}
	f.must("POST", "/queue/enqueue", `{"value":1,"options":{"dedupeId":"order-1","queue":"other"}}`)
	f.wantCounts(api.QueueCounts{Pending: 2})
}

func TestADeadLetterCanBeReadRequeuedAndDeleted(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	f.must("POST", "/queue/enqueue", `{"value":"v","options":{"backoffSchedule":[],"priority":3,"keys":[["failed",1]]}}`)
	m := f.take("")
	f.must("POST", "/queue/nack/"+m.ID, `{"error":"\"no\""}`)
	if r := f.must("GET", "/keys/failed/1", ""); !strings.Contains(r.body, `"value":"v"`) {
		t.Errorf("the fallback key has %s", r.body)
	}
	letters := decode[[]api.DeadLetter](t, f.must("GET", "/queue/dlq?queue=default", ""))
	if len(letters) != 1 || letters[0].OriginalID != m.ID || letters[0].ErrorMessage != `"no"` || letters[0].Attempts != 1 ||
		letters[0].OriginalCreatedAt != m.EnqueuedAt || letters[0].FailedAt < m.EnqueuedAt || string(letters[0].Value) != `"v"` {
		t.Fatalf("got %+v", letters)
	}
	one := decode[api.DeadLetter](t, f.must("GET", "/queue/dlq/"+letters[0].ID, ""))
	if fmt.Sprint(one) != fmt.Sprint(letters[0]) {
		t.Errorf("got %+v, want %+v", one, letters[0])
	}
	requeued := decode[api.RequeueResult](t, f.must("POST", "/queue/dlq/"+one.ID+"/requeue", ""))
	if again := f.take(""); again == nil || again.ID != requeued.NewID || requeued.ID != requeued.NewID || again.Attempts != 1 {
		t.Errorf("got %+v, want message %s on its first attempt", again, requeued.NewID)
	} else {
		f.must("POST", "/queue/nack", `{"id":"`+again.ID+`"}`)
	}
	letters = decode[[]api.DeadLetter](t, f.must("GET", "/queue/dlq", ""))
	f.must("DELETE", "/queue/dlq/"+letters[0].ID, "")
	f.wantNoDeadLetter(letters[0].ID)
	if r := f.must("DELETE", "/queue/dlq", ""); r.body != `{"ok":true,"deletedCount":0}` {
		t.Errorf("got %s", r.body)
	}
}

func TestBadInputToQueuesIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	m := f.take("")
	const unknown = "00000000-0000-7000-8000-000000000000"
	options := func(o string) string { return `{"value":1,"options":{` + o + `}}` }
	for _, c := range []struct {
		method, target, body string
		status               int
		code                 api.Code
	}{
		{"POST", "/queue/enqueue", `{}`, 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", `{"value":1,"delay":5}`, 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", `{"value":`, 400, api.InvalidJSON},
		{"POST", "/queue/enqueue", options(`"dealy":5`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"delay":-1`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"delay":2592000001`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"delay":1.5`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"backoffSchedule":5`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"backoffSchedule":["5"]`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"backoffSchedule":[-5]`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"queue":""`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"queue":"a b"`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"queue":"` + strings.Repeat("q", 65) + `"`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"maxAttempts":0`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"maxAttempts":1001`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"priority":128`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"priority":-129`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"dedupeId":""`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"dedupeId":"` + strings.Repeat("d", 129) + `"`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"keys":[["a"]],"keysIfUndelivered":[["a"]]`), 400, api.InvalidArgument},
		{"POST", "/queue/enqueue", options(`"keysIfUndelivered":[[]]`), 400, api.InvalidKey},
		{"POST", "/queue/enqueue", `{"value":"` + strings.Repeat("x", 1<<20) + `"}`, 413, api.TooLarge},
		{"POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":1}],"enqueue":[{"value":1,"options":{"delay":-1}}]}`, 400, api.InvalidArgument},
		{"POST", "/atomic", `{"enqueue":[{}]}`, 400, api.InvalidArgument},
		{"GET", "/queue/dequeue?wait=60001", "", 400, api.InvalidArgument},
		{"GET", "/queue/dequeue?max=0", "", 400, api.InvalidArgument},
		{"GET", "/queue/dequeue?max=101", "", 400, api.InvalidArgument},
		{"GET", "/queue/dequeue?lock=0", "", 400, api.InvalidArgument},
		{"GET", "/queue/dequeue?queue=", "", 400, api.InvalidArgument},
		{"GET", "/queue/dequeue?qeue=a", "", 400, api.InvalidArgument},
		{"GET", "/queue/listen?concurrency=0", "", 400, api.InvalidArgument},
		{"GET", "/queue/listen?queue=/", "", 400, api.InvalidArgument},
		{"GET", "/queue/stats?queue=%20", "", 400, api.InvalidArgument},
		{"POST", "/queue/ack", "", 400, api.InvalidJSON},
		{"POST", "/queue/ack", `{}`, 400, api.InvalidArgument},
		{"POST", "/queue/ack", `{"id":""}`, 400, api.InvalidArgument},
		{"POST", "/queue/nack", `{"error":"x"}`, 400, api.InvalidArgument},
		{"POST", "/queue/ack/" + m.ID, `{"id":"` + unknown + `"}`, 400, api.InvalidArgument},
		{"POST", "/queue/ack/" + m.ID, `{"receipt":""}`, 400, api.InvalidArgument},
		{"POST", "/queue/ack/" + m.ID + "?receipt=other", "", 409, api.LockLost},
		{"POST", "/queue/ack/" + unknown + "?receipt=" + m.Receipt, "", 409, api.LockLost},
		{"POST", "/queue/nack/" + m.ID + "?receipt=other", "", 409, api.LockLost},
		{"POST", "/queue/nack/" + m.ID, `{"delay":2592000001}`, 400, api.InvalidArgument},
		{"POST", "/queue/extend/" + m.ID, `{"lock":1000}`, 400, api.InvalidArgument},
		{"POST", "/queue/extend/" + m.ID, `{"receipt":"other","lock":1000}`, 409, api.LockLost},
		{"POST", "/queue/extend/" + m.ID, `{"receipt":"` + m.Receipt + `","lock":43200001}`, 400, api.InvalidArgument},
		{"GET", "/queue/dlq?cursor=nonsense", "", 400, api.InvalidCursor},
		{"GET", "/queue/dlq?limit=0", "", 400, api.InvalidArgument},
		{"PUT", "/queue/enqueue", `{"value":1}`, 405, api.MethodNotAllowed},
	} {
		r := f.do(c.method, c.target, c.body)
		var body api.ErrorBody
		if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != c.status || body.Code != c.code {
			t.Errorf("%s %s %.80s: got %d %.200s, want %d %s", c.method, c.target, c.body, r.status, r.body, c.status, c.code)
		}
	}
	f.wantCounts(api.QueueCounts{Processing: 1})
	if r := f.do("GET", "/keys/a", ""); r.status != 404 {
		t.Errorf("a refused operation has written %s", r.body)
	}
}

// A listening reads events of GET /queue/listen.
type listening struct {
	t      *testing.T
	cancel context.CancelFunc
	body   *http.Response
	lines  *bufio.Reader
}

func (f *fixture) listen(query string) *listening {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	f.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", f.URL+"/queue/listen"+query, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.Client().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		f.t.Fatalf("got %s %s", answer.Status, answer.Header.Get("Content-Type"))
	}
	return &listening{f.t, cancel, answer, bufio.NewReader(answer.Body)}
}

// next reads the next message.
func (l *listening) next() api.Message {
	l.t.Helper()
	var data, id string
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil {
			l.t.Fatalf("the stream ended: %v", err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case name == "data":
			data = value
		case name == "id":
			id = value
		case name == "" && data != "":
			m := decode[api.Message](l.t, reply{body: data})
			if id != m.ID {
				l.t.Errorf("the event's id is %q, want %q", id, m.ID)
			}
			return m
		}
	}
}

func TestAListenerGetsTheNextMessageWhenItsPlaceIsFree(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	l := f.listen("?concurrency=2")
	for i := range 4 {
		f.must("POST", "/queue/enqueue", fmt.Sprintf(`{"value":%d}`, i))
	}
	first, second := l.next(), l.next()
	f.wantCounts(api.QueueCounts{Pending: 2, Processing: 2})
	f.must("POST", "/queue/ack/"+second.ID+"?receipt="+second.Receipt, "")
	if third := l.next(); string(third.Value) != "2" {
		t.Errorf("got %s, want 2", third.Value)
	}
	f.must("POST", "/queue/nack/"+first.ID, `{"delay":3600000}`)
	if fourth := l.next(); string(fourth.Value) != "3" {
		t.Errorf("got %s, want 3", fourth.Value)
	}
	f.wantCounts(api.QueueCounts{Pending: 1, Delayed: 1, Processing: 2})
}

func TestADrainedStreamEndsCleanlyAndItsWrittenMessageStaysLocked(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	l := f.listen("")
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	l.next()
	f.must("POST", "/queue/enqueue", `{"value":2}`)
	f.api.EndWaits()
	if rest, err := bufio.NewReader(l.lines).ReadBytes(0); err == nil || err.Error() != "EOF" || bytes.Contains(rest, []byte("event: message")) {
		t.Errorf("the stream ended with %q, %v, want EOF", rest, err)
	}
	f.wantCounts(api.QueueCounts{Pending: 1, Processing: 1})
}

func TestAMessageWhoseReaderHasGoneIsGivenBackAtOnce(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	l := f.listen("")
	l.cancel()
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	// Whether the stream noticed in time or had to give the message back.
	if m := f.take("?wait=60000"); m == nil || m.Attempts != 1 {
		t.Errorf("got %+v, want the message on its first attempt", m)
	}
}

func TestAMessageIsGivenBackWhenItsDequeueWasAbandoned(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /queue/dequeue?wait=60000 HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	deadline := time.Now().Add(time.Minute)
	for {
		if m := f.take("?wait=1000"); m != nil {
			if m.Attempts != 1 {
				t.Errorf("the message is on attempt %d, want 1", m.Attempts)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the message is lost to a reader that has gone")
		}
	}
}

func TestMetricsShowTheQueues(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	if r := f.must("GET", "/metrics", ""); !strings.Contains(r.body, `"queue":{"pending":1,"delayed":0,"processing":0,"dlq":0,"total":1}`) {
		t.Errorf("got %s", r.body)
	}
}

func TestQueuesAreAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	v := mustValidator(t, f.must("GET", "/openapi.json", "").body)
	if ok, errs := v.ValidateDocument(); !ok {
		t.Fatalf("the document is not valid: %v", errs)
	}
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	f.must("POST", "/queue/enqueue", `{"value":2,"options":{"maxAttempts":1}}`)
	first, second := f.take(""), f.take("")
	f.must("POST", "/queue/nack/"+second.ID, "")
	letter := decode[[]api.DeadLetter](t, f.must("GET", "/queue/dlq", ""))[0]
	for _, c := range []struct{ method, target, body string }{
		{"POST", "/queue/enqueue", `{"value":{"a":null},"options":{"delay":5,"backoffSchedule":[],"keysIfUndelivered":[["a"]],"queue":"q","maxAttempts":2,"priority":-1,"dedupeId":"d"}}`},
		{"POST", "/queue/enqueue", `{"value":1,"options":{"priority":1000}}`},
		{"POST", "/atomic", `{"enqueue":[{"value":1}]}`},
		{"POST", "/transaction", `{"enqueue":[{"value":1}]}`},
		{"GET", "/queue/dequeue?lock=1000", ""},
		{"GET", "/queue/dequeue?queue=none", ""},
		{"GET", "/queue/poll?max=5&wait=0", ""},
		{"POST", "/queue/extend/" + first.ID, `{"receipt":"` + first.Receipt + `","lock":60000}`},
		{"POST", "/queue/nack", `{"id":"` + first.ID + `","receipt":"` + first.Receipt + `","delay":0,"error":"e","deadLetter":false}`},
		{"POST", "/queue/nack/" + first.ID + "?receipt=stale", ""},
		{"POST", "/queue/ack/" + first.ID, ""},
		{"POST", "/queue/ack", `{"id":"` + first.ID + `"}`},
		{"GET", "/queue/stats", ""},
		{"GET", "/queue/stats?queue=q", ""},
		{"GET", "/queue/dlq?limit=1&offset=0", ""},
		{"GET", "/queue/dlq/" + letter.ID, ""},
		{"POST", "/queue/dlq/" + letter.ID + "/requeue", ""},
		{"DELETE", "/queue/dlq/" + letter.ID, ""},
		{"DELETE", "/queue/dlq?queue=default", ""},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			validate(t, f, v, c.method, c.target, c.body)
		})
	}
}

// wantNoDeadLetter asks for a dead letter, which is not there, in every way.
func (f *fixture) wantNoDeadLetter(id string) {
	f.t.Helper()
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/queue/dlq/" + id, 404},
		{"POST", "/queue/dlq/" + id + "/requeue", 404},
		{"DELETE", "/queue/dlq/" + id, 200},
	} {
		r := f.do(c.method, c.path, "")
		if r.status != c.status || r.status == 404 && !strings.Contains(r.body, `"not_found"`) || r.status == 200 && r.body != `{"ok":true}` {
			f.t.Errorf("%s %s: got %d %s, want %d", c.method, c.path, r.status, r.body, c.status)
		}
	}
}

// The original's client turns 404 into null; an id that no message can have is one
// that no message has.
func TestAnIDThatIsNoneIsOfNothingThatIsThere(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	for _, id := range []string{
		"nonsense", "0", "a%2Fb", "100%25", "%2525", "%00", "%ff", "ä", "null",
		"018F3C1E-7B2A-7C3D-8E4F-5A6B7C8D9E0F", "018f3c1e-7b2a-7c3d-8e4f-5a6b7c8d9e0f",
		"{018f3c1e-7b2a-7c3d-8e4f-5a6b7c8d9e0f}", "018f3c1e7b2a7c3d8e4f5a6b7c8d9e0f", strings.Repeat("x", 4000),
	} {
		f.wantNoDeadLetter(id)
		for _, c := range []struct {
			path, body string
			status     int
		}{
			{"/queue/ack/", ``, 200},
			{"/queue/ack/", `{"receipt":"r"}`, 409},
			{"/queue/nack/", ``, 200},
			{"/queue/nack/", `{"receipt":"r","error":"busy"}`, 409},
			{"/queue/extend/", `{"receipt":"r","lock":1000}`, 409},
		} {
			if r := f.do("POST", c.path+id, c.body); r.status != c.status {
				t.Errorf("POST %s%.60s %s: got %d %s, want %d", c.path, id, c.body, r.status, r.body, c.status)
			}
		}
	}
	f.must("POST", "/queue/ack", `{"id":"nonsense"}`)
	f.must("POST", "/queue/nack", `{"id":"nonsense"}`)
	f.wantCounts(api.QueueCounts{Pending: 1})
}
