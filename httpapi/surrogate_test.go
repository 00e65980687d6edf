package httpapi_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/queue"
	"github.com/buntime/keyval/watch"
)

// alone is a value with the escapes of lone surrogates, which JavaScript's
// JSON.stringify writes for a text that was cut within a character.
const alone = `{"a":["\ud83d","\uDE00 x"],"\udfff":1.50}`

// wholeOnEachDatabase runs a test on the API with keys, queues and watches.
func wholeOnEachDatabase(t *testing.T, test func(t *testing.T, f *fixture, c *client.Client)) {
	t.Helper()
	run := func(t *testing.T, database sqldb.Config) {
		db := mustOpen(t, database)
		store := kv.New(db, kv.Config{})
		hub := watch.New(watch.Config{DB: db, Store: store})
		q, err := queue.New(queue.Config{DB: db})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			hub.Close()
			q.Close()
		})
		f := mustServeOn(t, db, func(c *httpapi.Config) { c.Store, c.Watch, c.Queue = store, hub, q })
		c, err := client.New(f.URL)
		if err != nil {
			t.Fatal(err)
		}
		test(t, f, c)
	}
	t.Run("embedded", func(t *testing.T) {
		run(t, sqldb.Config{PrimaryURL: "file:" + filepath.Join(t.TempDir(), "keyval.db")})
	})
	t.Run("sqld", func(t *testing.T) {
		pair := nodetest.MustStartSqldPair(t)
		run(t, sqldb.Config{PrimaryURL: pair.Primary.HTTPURL(), ReplicaURL: pair.Replica.HTTPURL()})
	})
}

func TestALoneSurrogateInAValueIsKeptOnEveryRoute(t *testing.T) {
	t.Parallel()
	wholeOnEachDatabase(t, func(t *testing.T, f *fixture, c *client.Client) {
		start := f.do("GET", "/watch/prefix/poll?prefix=s", "")
		f.must("PUT", "/keys/s/put", alone)
		f.must("POST", "/atomic", `{"mutations":[{"type":"set","key":["s","set"],"value":`+alone+`},
			{"type":"append","key":["s","list"],"value":[`+alone+`]},{"type":"prepend","key":["s","list"],"value":[ `+alone+` ]},
			{"type":"set","key":["s","now"],"value":[{"$now":true},`+alone+`]}]}`)
		f.must("POST", "/transaction", `{"mutations":[{"type":"set","key":["s","transaction"],"value":`+alone+`}]}`)
		if _, err := c.Put(t.Context(), api.Key{"s", "client"}, json.RawMessage(alone)); err != nil {
			t.Error(err)
		}
		const values = 7 // the list has two
		for _, r := range []struct{ method, target, body string }{
			{"GET", "/keys?prefix=s", ""},
			{"POST", "/keys/list", `{"prefix":["s"]}`},
			{"GET", "/keys/paginate?prefix=s", ""},
			{"POST", "/keys/batch", `{"keys":[["s","put"],["s","set"],["s","list"],["s","now"],["s","transaction"],["s","client"]]}`},
			{"POST", "/transaction", `{"reads":[{"prefix":["s"]}]}`},
			{"POST", "/transaction", `{"reads":[{"prefix":["s"]}],"checks":[]}`},
			{"GET", "/watch/prefix/poll?prefix=s&wait=60000&since=" + start.versionstamp(), ""},
		} {
			for _, consistency := range []string{"strong", "session"} {
				if !strings.HasPrefix(r.target, "/keys?") && consistency == "session" {
					continue
				}
				target := strings.Replace(r.target, "?", "?consistency="+consistency+"&", 1)
				got := f.must(r.method, target, r.body).body
				if strings.HasPrefix(target, "/watch") { // a poll answers with what the node has seen by now
					await.That(t, "the node has seen all", func() bool {
						got = f.must(r.method, target, r.body).body
						return strings.Count(got, alone) >= values
					}, func() string { return got })
				}
				if strings.Count(got, alone) != values {
					t.Errorf("%s %s: got %s, want %d times %s", r.method, target, got, values, alone)
				}
			}
		}
		for _, key := range []string{"put", "set", "transaction", "client"} {
			e, err := c.Get(t.Context(), api.Key{"s", key})
			if err != nil || string(e.Value) != alone {
				t.Errorf("%s: the client got %s, %v, want %s", key, e.Value, err, alone)
			}
		}
		for event, err := range c.Watch(t.Context(), api.Key{"s", "put"}) {
			if err != nil || len(event.Entries) != 1 || string(event.Entries[0].Value) != alone {
				t.Errorf("the watcher got %+v, %v, want %s", event, err, alone)
			}
			break
		}
	})
}

func TestALoneSurrogateInAMessageIsKept(t *testing.T) {
	t.Parallel()
	wholeOnEachDatabase(t, func(t *testing.T, f *fixture, c *client.Client) {
		f.must("POST", "/queue/enqueue", `{"value":`+alone+`,"options":{"maxAttempts":1,"keysIfUndelivered":[["undelivered"]]}}`)
		m := f.take("?wait=60000")
		if m == nil || string(m.Value) != alone {
			t.Fatalf("got %+v, want %s", m, alone)
		}
		f.must("POST", "/queue/nack/"+m.ID, `{"error":"cut \ud83d"}`)
		letters := f.must("GET", "/queue/dlq", "").body
		if !strings.Contains(letters, alone) || !strings.Contains(letters, "cut \uFFFD") {
			t.Errorf("the dead letters are %s", letters)
		}
		if got := f.must("GET", "/keys/undelivered?consistency=strong", "").body; !strings.Contains(got, alone) {
			t.Errorf("the undelivered value is %s", got)
		}
		f.must("POST", "/atomic", `{"enqueue":[{"value":`+alone+`,"options":{"queue":"q"}}]}`)
		if got := f.listen("?queue=q").next(); string(got.Value) != alone {
			t.Errorf("the stream has %s", got.Value)
		}
	})
}

func TestALoneSurrogateIsInNoKeyAndNoName(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	for _, r := range []refusal{
		{"a key", "POST", "/keys/batch", `{"keys":[["a"],["b","\ud83d"]]}`, nil, api.InvalidKey, "keys[1]"},
		{"a key of a set", "POST", "/atomic", `{"mutations":[{"type":"set","key":["\ud83d"],"value":1}]}`, nil, api.InvalidKey, "part 1"},
		{"a key of a check", "POST", "/atomic", `{"checks":[{"key":["\ud83d"],"versionstamp":null}]}`, nil, api.InvalidKey, "checks[0].key"},
		{"a typed part", "POST", "/keys/batch", `{"keys":[[{"__type":"bytes","value":"\ud83d"}]]}`, nil, api.InvalidKey, "keys[0]"},
		{"a prefix", "POST", "/keys/list", `{"prefix":["\ud83d"]}`, nil, api.InvalidKey, "prefix"},
		{"keys to delete", "POST", "/keys/delete-batch", `{"keys":[["\ud83d"]]}`, nil, api.InvalidKey, "keys[0]"},
		{"a fallback key", "POST", "/queue/enqueue", `{"value":1,"options":{"keys":[["\ud83d"]]}}`, nil, api.InvalidKey, "options.keys[0]"},
		{"an id against duplicates", "POST", "/queue/enqueue", `{"value":1,"options":{"dedupeId":"\ud83d"}}`, nil, api.InvalidArgument, "options.dedupeId"},
		{"half a character in a URL", "PUT", "/keys/%ed%a0%bd", "1", nil, api.InvalidKey, "UTF-8"},
		{"half a character in a value", "PUT", "/keys/a", "[\"\xed\xa0\xbd\"]", nil, api.InvalidJSON, "byte 2"},
		{"half a character in a body", "POST", "/atomic", "{\"mutations\":[{\"type\":\"set\",\"key\":[\"a\"],\"value\":\"\xed\xa0\xbd\"}]}", nil, api.InvalidJSON, "byte 49"},
		{"half a character in a key", "POST", "/keys/batch", "{\"keys\":[[\"\xed\xa0\xbd\"]]}", nil, api.InvalidJSON, "byte 11"},
		{"half a character in a message", "POST", "/queue/enqueue", "{\"value\":\"\xff\"}", nil, api.InvalidJSON, "byte 10"},
	} {
		t.Run(r.name, func(t *testing.T) { r.check(t, f.do(r.method, r.target, r.body)) })
	}
}

func TestBytesThatAreNoTextAreNeverABug(t *testing.T) {
	t.Parallel()
	wholeOnEachDatabase(t, func(t *testing.T, f *fixture, _ *client.Client) {
		f.must("POST", "/queue/enqueue", `{"value":1}`)
		m := f.take("")
		for _, r := range []struct{ method, target, body, header string }{
			{"POST", "/queue/ack/%ff", "", ""},
			{"POST", "/queue/nack/%00", "", ""},
			{"POST", "/queue/ack/" + m.ID + "?receipt=%ff", "", ""},
			{"POST", "/queue/extend/" + m.ID + "?receipt=%00", `{}`, ""},
			{"GET", "/queue/dlq/%ff%00", "", ""},
			{"POST", "/queue/dlq/%ff/requeue", "", ""},
			{"DELETE", "/queue/dlq/100%25", "", ""},
			{"GET", "/queue/dlq?cursor=%ff", "", ""},
			{"GET", "/queue/stats?queue=%ff", "", ""},
			{"GET", "/keys/paginate?cursor=%ff", "", ""},
			{"GET", "/watch/poll?keys=a&versionstamps=%ff", "", ""},
			{"PUT", "/keys/a", "1", "Idempotency-Key: \xff\xc3"},
			{"PUT", "/keys/a", "1", "If-Match: \"\xff\""},
			{"GET", "/keys/a", "", "Keyval-Min-Versionstamp: \xff"},
		} {
			var headers []string
			if r.header != "" {
				headers = append(headers, r.header)
			}
			if got := f.do(r.method, r.target, r.body, headers...); got.status >= 500 {
				t.Errorf("%s %s %q: got %d %s", r.method, r.target, r.header, got.status, got.body)
			}
		}
	})
}
