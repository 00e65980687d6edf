package httpapi_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/kv"
)

// A frameReader reads a watch of KV Connect.
type frameReader struct {
	t    *testing.T
	body io.Reader
}

// next is the next frame, nil for a ping.
func (r *frameReader) next() *datapath.WatchOutput {
	r.t.Helper()
	var head [4]byte
	if _, err := io.ReadFull(r.body, head[:]); err != nil {
		r.t.Fatalf("the stream ends: %v", err)
	}
	text := make([]byte, binary.LittleEndian.Uint32(head[:]))
	if len(text) == 0 {
		return nil
	}
	if _, err := io.ReadFull(r.body, text); err != nil {
		r.t.Fatal(err)
	}
	out := new(datapath.WatchOutput)
	if err := proto.Unmarshal(text, out); err != nil {
		r.t.Fatal(err)
	}
	for _, k := range out.GetKeys() {
		if !k.GetChanged() {
			r.t.Errorf("a key has not changed in %v, which Deno takes for one that was deleted", out)
		}
	}
	return out
}

// until reads on to a frame in which the keys have these values.
func (r *frameReader) until(want ...*datapath.KvValue) *datapath.WatchOutput {
	r.t.Helper()
	for {
		frame := r.next()
		if frame == nil || len(frame.GetKeys()) != len(want) {
			continue
		}
		same := true
		for i, k := range frame.GetKeys() {
			same = same && bytes.Equal(k.GetEntryIfChanged().GetValue(), want[i].GetData()) && (k.GetEntryIfChanged() == nil) == (want[i] == nil)
		}
		if same {
			return frame
		}
	}
}

// mustWatch opens a watch through a client.
func (c *connection) mustWatch(client *http.Client, path string, keys ...kv.Key) *frameReader {
	c.f.t.Helper()
	var w datapath.Watch
	for _, key := range keys {
		w.Keys = append(w.Keys, &datapath.WatchKey{Key: []byte(key)})
	}
	answer := c.post(client, path, &w)
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/octet-stream" {
		text, _ := io.ReadAll(answer.Body)
		c.f.t.Fatalf("got %d %s %s", answer.StatusCode, answer.Header, text)
	}
	return &frameReader{c.f.t, answer.Body}
}

// post sends a message and leaves the answer to be read.
func (c *connection) post(client *http.Client, path string, m proto.Message) *http.Response {
	c.f.t.Helper()
	body, err := proto.Marshal(m)
	if err != nil {
		c.f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.f.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "POST", c.f.URL+path, bytes.NewReader(body))
	if err != nil {
		c.f.t.Fatal(err)
	}
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	answer, err := client.Do(req)
	if err != nil {
		c.f.t.Fatal(err)
	}
	c.f.t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func TestAWatchTellsTheStateOfAllItsKeysInEveryFrame(t *testing.T) {
	t.Parallel()
	connectOnEachDatabase(t, func(t *testing.T, f *fixture) {
		for name, client := range map[string]*http.Client{"over HTTP/1.1": f.Client(), "over HTTP/2": http2Client(t)} {
			for _, path := range []string{"/v2/watch", "/v2/eventual/watch"} {
				t.Run(name+path, func(t *testing.T) {
					c := f.mustConnect(bearer{})
					a, b := keyOf(t, fmt.Sprintf(`[%q,"a"]`, t.Name())), keyOf(t, fmt.Sprintf(`[%q,"b"]`, t.Name()))
					frames := c.mustWatch(client, path, b, a, b)
					frames.until(nil, nil, nil)
					c.mustWrite(set(a, v8("54")))
					frames.until(nil, v8("54"), nil)
					c.mustWrite(set(b, u64(1)), set(a, v8("46")))
					frames.until(u64(1), v8("46"), u64(1))
					f.must("POST", "/atomic", fmt.Sprintf(`{"mutations":[{"type":"delete","key":%s}]}`, a))
					frames.until(u64(1), nil, u64(1))
					f.must("POST", "/atomic", fmt.Sprintf(`{"mutations":[{"type":"set","key":%s,"value":"by REST"}]}`, b))
					rest := v8("2207" + fmt.Sprintf("%x", "by REST"))
					frames.until(rest, nil, rest)
				})
			}
		}
	})
}

func TestAWatchOfNothingStaysOpen(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	frames := f.mustConnect(bearer{}).mustWatch(f.Client(), "/v2/watch")
	if first := frames.next(); first == nil || len(first.GetKeys()) != 0 {
		t.Errorf("got %v, want a frame of no keys", first)
	}
	if ping := frames.next(); ping != nil {
		t.Errorf("got %v, want a ping", ping)
	}
}

func TestAWatchOfAnOldVersionIsRefused(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	c.headers[1] = "X-Denokv-Version: 2"
	if got := c.send("/v2/watch", &datapath.Watch{}, new(datapath.WatchOutput)); got.status != 400 {
		t.Errorf("got %d %s, want 400", got.status, got.body)
	}
}

func TestOneConnectionHasAThousandWatchesAndFiveHundredSetsBeside(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	client := http2Client(t)
	key := keyOf(t, `["a"]`)
	const watches, sets = 1000, 500
	streams := make([]*frameReader, watches)
	for i := range streams {
		streams[i] = c.mustWatch(client, "/v2/watch", key)
	}
	var wg sync.WaitGroup
	for i := range sets {
		wg.Go(func() {
			own := keyOf(t, fmt.Sprintf(`["own",%d]`, i))
			answer := c.post(client, "/v2/atomic_write", &datapath.AtomicWrite{Mutations: []*datapath.Mutation{set(own, v8("54"))}})
			if answer.StatusCode != 200 {
				t.Errorf("set %d: got %d", i, answer.StatusCode)
			}
		})
	}
	wg.Wait()
	c.mustWrite(set(key, v8("46")))
	for _, frames := range streams {
		frames.until(v8("46"))
	}
}

// mustPutLarge puts values of a megabyte as JSON, of which V8 makes more than two, and is
// their keys.
func (f *fixture) mustPutLarge(n int) (keys []*datapath.WatchKey) {
	f.t.Helper()
	for i := range n {
		f.must("PUT", fmt.Sprintf("/keys/%d", i), "["+strings.Repeat("1.5,", 250_000)+"1]")
		keys = append(keys, &datapath.WatchKey{Key: []byte(keyOf(f.t, fmt.Sprintf("[%d]", i)))})
	}
	return keys
}

func TestAWatchOfMoreThanDenoReadsInAFrameIsRefused(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	keys := f.mustPutLarge(8)
	for name, w := range map[string]struct {
		keys []*datapath.WatchKey
		want int
	}{
		"18 MB":                    {keys, 413},
		"18 MB of one key":         {slices.Repeat(keys[:1], 8), 413},
		"15.75 MB, which it reads": {keys[:7], 200},
	} {
		if answer := c.post(f.Client(), "/v2/watch", &datapath.Watch{Keys: w.keys}); answer.StatusCode != w.want {
			t.Errorf("%s: got %d, want %d", name, answer.StatusCode, w.want)
		}
	}
}

func TestAWatchHasRoomForItsEntriesAndTheirFrame(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t, func(c *httpapi.Config) { c.MaxMemoryInFlight = 20 << 20 })
	c := f.mustConnect(bearer{})
	keys := f.mustPutLarge(7)
	for i, want := range []int{200, 503} {
		if answer := c.post(f.Client(), "/v2/watch", &datapath.Watch{Keys: keys}); answer.StatusCode != want {
			t.Errorf("watch %d of 7 MB: got %d, want %d", i, answer.StatusCode, want)
		}
	}
}

func TestAWatcherWhoLeavesInTheMiddleOfAFrameIsNoFailureOfOurs(t *testing.T) {
	t.Parallel()
	log := new(record)
	f := mustServeEverything(t, func(c *httpapi.Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	var keys []kv.Key
	for i := range 10 { // together more than the client lets come unread
		f.must("PUT", fmt.Sprintf("/keys/large/%d", i), `"`+strings.Repeat("x", 1_000_000)+`"`)
		keys = append(keys, keyOf(t, fmt.Sprintf(`["large",%d]`, i)))
	}
	client := http2Client(t)
	frames := f.mustConnect(bearer{}).mustWatch(client, "/v2/watch", keys...)
	if _, err := io.ReadFull(frames.body, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if err := frames.body.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the stream ends", func() bool {
		return strings.Contains(f.must("GET", "/metrics/prometheus", "").body, "\nkeyval_http_streams 0\n")
	})
	if strings.Contains(log.String(), "request failed") {
		t.Errorf("the log has %s", log)
	}
}
