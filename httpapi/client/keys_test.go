package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/kv"
)

// anyKey generates valid keys of every type of part.
func anyKey() *rapid.Generator[api.Key] {
	part := rapid.OneOf(
		rapid.StringN(0, 20, -1).AsAny(),
		rapid.SampledFrom([]string{"", ".", "..", "count", "paginate", "007", "7", "-0", "~s:", "~n:1", "a/b", "a,b", "a%2Fb", "+", " ", "é\x00"}).AsAny(),
		rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).AsAny(),
		rapid.Int64Range(-1<<53+1, 1<<53-1).AsAny(),
		rapid.Bool().AsAny(),
		rapid.SliceOfN(rapid.Byte(), 0, 20).AsAny(),
		rapid.Custom(func(t *rapid.T) *big.Int {
			n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "magnitude"))
			if rapid.Bool().Draw(t, "negative") {
				n.Neg(n)
			}
			return n
		}).AsAny(),
	)
	return rapid.Custom(func(t *rapid.T) api.Key {
		return rapid.SliceOfN(part, 1, 6).Draw(t, "parts")
	})
}

func TestTheServerReadsEveryPathAndJSONAsTheSameKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := anyKey().Draw(t, "key")
		want, err := kv.NewKey(key...)
		if err != nil {
			t.Fatal(err)
		}
		path, err := key.Path()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := kv.ParseKeyPath(path); err != nil || got != want {
			t.Errorf("%#v: path %q is %q, %v; want %q", key, path, got, err, want)
		}
		if strings.Contains(path, ",") {
			t.Errorf("%#v: the comma in %q would end it in a list", key, path)
		}
		raw, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := kv.ParseKeyJSON(raw); err != nil || got != want {
			t.Errorf("%#v: JSON %s is %q, %v; want %q", key, raw, got, err, want)
		}
	})
}

func TestEveryKeyArrivesThroughHTTP(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	rapid.Check(t, func(rt *rapid.T) {
		key := anyKey().Draw(rt, "key")
		if _, err := c.Put(ctx, key, 1); err != nil {
			rt.Fatal(err)
		}
		entry, err := c.Get(ctx, key)
		if err != nil {
			rt.Fatal(err)
		}
		got, _ := kv.NewKey(entry.Key...)
		if want, _ := kv.NewKey(key...); got != want {
			rt.Errorf("stored at %#v, want %#v", entry.Key, key)
		}
		if existed, err := c.Delete(ctx, key); err != nil || !existed {
			rt.Errorf("%#v: existed %v, %v", key, existed, err)
		}
	})
}

func TestAKeyThatIsNoneIsNotSent(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	for _, key := range []api.Key{nil, {}, {struct{}{}}, {math.Inf(1)}, {int64(1<<53 + 1)}, {"\xff"}} {
		if _, err := c.Get(ctx, key); err == nil {
			t.Errorf("get %v: no error", key)
		}
		if _, err := c.Put(ctx, key, 1); err == nil {
			t.Errorf("put %v: no error", key)
		}
		if _, err := c.Delete(ctx, key); err == nil {
			t.Errorf("delete %v: no error", key)
		}
		if _, err := c.DeleteTree(ctx, key); err == nil {
			t.Errorf("delete tree %v: no error", key)
		}
	}
	if _, err := c.DeletePrefix(ctx, nil); err == nil {
		t.Error("delete prefix of nothing: no error")
	}
	if got := len(n.seen()); got != 0 {
		t.Errorf("%d requests", got)
	}
}

func TestValuesArriveByteForByte(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	for _, value := range []string{
		`null`, `"<a> & b"`, `12345678901234567890.10`, `{"b":1,"a":2}`, `[1,[2,{"__type":"bigint","value":"3"}]]`, `"\u2028"`,
	} {
		must(c.Put(ctx, api.Key{"k"}, json.RawMessage(value)))(t)
		if got := must(c.Get(ctx, api.Key{"k"}))(t); string(got.Value) != value {
			t.Errorf("got %s, want %s", got.Value, value)
		}
		must(c.Atomic().Set(api.Key{"k"}, json.RawMessage(value)).Commit(ctx))(t)
		if got := must(c.Get(ctx, api.Key{"k"}))(t); string(got.Value) != value {
			t.Errorf("atomic: got %s, want %s", got.Value, value)
		}
	}
	must(c.Put(ctx, api.Key{"k"}, map[string]string{"html": "<b>"}))(t)
	if got := must(c.Get(ctx, api.Key{"k"}))(t); string(got.Value) != `{"html":"<b>"}` {
		t.Errorf("got %s", got.Value)
	}
}

func TestAValueThatIsNoneIsNotSent(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	if _, err := c.Put(ctx, api.Key{"k"}, make(chan int)); err == nil {
		t.Error("put: no error")
	}
	if _, err := c.Enqueue(ctx, "", func() {}); err == nil {
		t.Error("enqueue: no error")
	}
	if _, err := c.Atomic().Set(api.Key{"k"}, math.NaN()).Commit(ctx); err == nil {
		t.Error("atomic: no error")
	}
	if _, err := c.Atomic().Append(api.Key{"k"}, math.NaN()).Delete(api.Key{"k"}).Commit(ctx); err == nil {
		t.Error("append: no error")
	}
	if _, err := c.Atomic().Enqueue("", math.NaN()).Commit(ctx); err == nil {
		t.Error("enqueue in atomic: no error")
	}
	for _, d := range []time.Duration{0, -time.Second} {
		if _, err := c.Put(ctx, api.Key{"k"}, 1, client.ExpireIn(d)); err == nil {
			t.Errorf("put that expires in %v: no error", d)
		}
		if _, err := c.Atomic().Set(api.Key{"k"}, 1, client.ExpireIn(d)).Commit(ctx); err == nil {
			t.Errorf("set that expires in %v: no error", d)
		}
	}
	if got := len(n.seen()); got != 0 {
		t.Errorf("%d requests", got)
	}
}

func TestTheRequestSaysWhatTheCallerAskedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(*client.Client, *testing.T)
		want string
	}{
		"delete is exact in both dialects": {func(c *client.Client, t *testing.T) {
			must(c.Delete(testContext(t), api.Key{"a", "b"}))(t)
		}, "DELETE /keys/a/b?exact=true"},
		"delete tree": {func(c *client.Client, t *testing.T) {
			must(c.DeleteTree(testContext(t), api.Key{"a"}))(t)
		}, "DELETE /keys/a?children=true"},
		"delete prefix": {func(c *client.Client, t *testing.T) {
			must(c.DeletePrefix(testContext(t), api.Key{"a", "x y"}))(t)
		}, "DELETE /keys?prefix=a%2Fx%2520y"},
		"delete all": {func(c *client.Client, t *testing.T) {
			must(c.DeleteAll(testContext(t)))(t)
		}, "DELETE /keys?all=true"},
		"expiry is in milliseconds, rounded up": {func(c *client.Client, t *testing.T) {
			must(c.Put(testContext(t), api.Key{"a"}, 1, client.ExpireIn(1500*time.Microsecond)))(t)
		}, "PUT /keys/a?expireIn=2"},
		"consistency": {func(c *client.Client, t *testing.T) {
			_, err := c.Get(testContext(t), api.Key{"a"}, client.Consistency(api.Strong))
			if !errors.Is(err, api.NotFound) {
				t.Error(err)
			}
		}, "GET /keys/a?consistency=strong"},
		"dequeue": {func(c *client.Client, t *testing.T) {
			must(c.Dequeue(testContext(t), "q", client.Wait(time.Microsecond), client.Max(7), client.Lock(time.Minute)))(t)
		}, "GET /queue/dequeue?lock=60000&max=7&queue=q&wait=1"},
	} {
		t.Run(name, func(t *testing.T) {
			c, n := startClient(t)
			tt.do(c, t)
			r := n.seen()[0]
			if got := r.Method + " " + r.URL.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestOperatorsAskANode(t *testing.T) {
	c, n := startClient(t)
	answering := func(body string) fault {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	n.spoil(answering(`{"epoch":3}`), answering(`{"storage":{"entries":5}}`))
	if got := must(c.Cluster(testContext(t)))(t).Epoch; got != 3 {
		t.Errorf("epoch %d, want 3", got)
	}
	if got := must(c.Metrics(testContext(t)))(t).Storage.Entries; got != 5 {
		t.Errorf("%d entries, want 5", got)
	}
	if got := n.seen()[1].Header.Get("Accept"); got != "application/json" {
		t.Errorf("metrics as %q", got)
	}
}

func TestPreconditions(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	key := api.Key{"k"}
	first := must(c.Put(ctx, key, 1, client.IfAbsent{}))(t)
	if _, err := c.Put(ctx, key, 2, client.IfAbsent{}); !errors.Is(err, api.PreconditionFailed) {
		t.Errorf("if absent: %v", err)
	}
	second := must(c.Put(ctx, key, 2, client.IfMatch(first)))(t)
	if _, err := c.Delete(ctx, key, client.IfMatch(first)); !errors.Is(err, api.PreconditionFailed) {
		t.Errorf("if match: %v", err)
	}
	if existed := must(c.Delete(ctx, key, client.IfMatch(second)))(t); !existed {
		t.Error("it did not exist")
	}
}

func TestDeletes(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	fill := func() {
		for _, key := range []api.Key{{"a"}, {"a", 1}, {"a", 2}, {"ab"}} {
			must(c.Put(ctx, key, 1))(t)
		}
	}
	for name, tt := range map[string]struct {
		do   func() (int64, error)
		want int64
		left int64
	}{
		"tree":   {func() (int64, error) { return c.DeleteTree(ctx, api.Key{"a"}) }, 3, 1},
		"prefix": {func() (int64, error) { return c.DeletePrefix(ctx, api.Key{"a"}) }, 2, 2},
		"many":   {func() (int64, error) { return c.DeleteMany(ctx, []api.Key{{"a"}, {"ab"}, {"x"}}) }, 2, 2},
		"all":    {func() (int64, error) { return c.DeleteAll(ctx) }, 4, 0},
	} {
		fill()
		if got := must(tt.do())(t); got != tt.want {
			t.Errorf("%s: deleted %d, want %d", name, got, tt.want)
		}
		if got := must(c.Count(ctx, api.CountRequest{}))(t); got != tt.left {
			t.Errorf("%s: left %d, want %d", name, got, tt.left)
		}
	}
}

func TestADeleteCountsWhatItsAttemptsHaveRemovedThatFailed(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(context.Context, *client.Client) (int64, error)
		want int64 // of the last attempt
	}{
		{"tree", func(ctx context.Context, c *client.Client) (int64, error) { return c.DeleteTree(ctx, api.Key{"a"}) }, 1},
		{"many", func(ctx context.Context, c *client.Client) (int64, error) {
			return c.DeleteMany(ctx, []api.Key{{"a"}})
		}, 1},
		{"messages", func(ctx context.Context, c *client.Client) (int64, error) { return c.PurgeMessages(ctx, "", "") }, 0},
		{"dead letters", func(ctx context.Context, c *client.Client) (int64, error) { return c.PurgeDeadLetters(ctx, "") }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, n := startClient(t)
			ctx := testContext(t)
			must(c.Put(ctx, api.Key{"a"}, 1))(t)
			n.spoil(cutOff(api.Unavailable, 2000), cutOff(api.TooManyRequests, 1000))
			if got := must(tt.do(ctx, c))(t); got != 3000+tt.want {
				t.Errorf("repeated: got %d, want %d", got, 3000+tt.want)
			}
			n.spoil(cutOff(api.Unavailable, 2000), cutOff(api.CommitUnknown, 1000))
			got, err := tt.do(ctx, c)
			if answer, ok := errors.AsType[*api.Error](err); !ok || got != 3000 || answer.DeletedCount != 1000 {
				t.Errorf("given up: got %d and %v, want 3000 and an error with its own 1000", got, err)
			}
		})
	}
	t.Run("with an idempotency key the node counts all of it", func(t *testing.T) {
		c, n := startClient(t)
		ctx := testContext(t)
		must(c.Put(ctx, api.Key{"a"}, 1))(t)
		n.spoil(cutOff(api.Unavailable, 2000))
		if got := must(c.DeleteTree(ctx, api.Key{"a"}, client.IdempotencyKey("k")))(t); got != 1 {
			t.Errorf("got %d, want what the node says, 1", got)
		}
	})
}

func TestPagesMakeTheWholeList(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	const entries = 25
	for i := range entries {
		must(c.Put(ctx, api.Key{"p", i}, i))(t)
	}
	for _, size := range []int{0, 1, 7, 25, 1000} {
		var got []string
		for e, err := range c.Paginate(ctx, api.ListRequest{Prefix: api.Key{"p"}, Limit: size}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(e.Value))
		}
		if len(got) != entries || got[0] != "0" || got[24] != "24" {
			t.Errorf("pages of %d: %v", size, got)
		}
	}
	t.Run("an error ends them", func(t *testing.T) {
		n.spoil(func(w http.ResponseWriter, r *http.Request, serve http.Handler) bool {
			serve.ServeHTTP(w, r)
			n.spoil(refusing(api.InvalidCursor, 0))
			return true
		})
		got := 0
		var failure error
		for _, err := range c.Paginate(ctx, api.ListRequest{Prefix: api.Key{"p"}, Limit: 10}) {
			if err != nil {
				failure = err
				continue
			}
			got++
		}
		if got != 10 || !errors.Is(failure, api.InvalidCursor) {
			t.Errorf("%d entries, then %v", got, failure)
		}
	})
	t.Run("leaving asks for no more", func(t *testing.T) {
		before := len(n.seen())
		for _, err := range c.Paginate(ctx, api.ListRequest{Limit: 1}) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		if got := len(n.seen()) - before; got != 1 {
			t.Errorf("%d requests, want 1", got)
		}
	})
}

func TestAValueIsDecodedOrMissing(t *testing.T) {
	if _, err := client.Value[int](api.Entry{}); !errors.Is(err, api.NotFound) {
		t.Errorf("missing: %v", err)
	}
	there := api.Entry{Value: json.RawMessage(`[1,2]`), Versionstamp: "0"}
	if got, err := client.Value[[]int](there); err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := client.Value[string](there); err == nil {
		t.Error("of another type: no error")
	}
	if _, err := client.MessageValue[string](api.Message{Value: there.Value}); err == nil {
		t.Error("message of another type: no error")
	}
}

func TestTheSessionTravelsWithReads(t *testing.T) {
	const header = api.HeaderMinVersionstamp
	last := func(n *node) *http.Request { return n.seen()[len(n.seen())-1] }
	ctx := testContext(t)
	read := func(t *testing.T, c *client.Client, consistency ...client.ReadOption) {
		t.Helper()
		must(c.Get(ctx, api.Key{"k"}, consistency...))(t)
	}
	t.Run("session reads carry the newest position", func(t *testing.T) {
		c, n := startClient(t)
		written := must(c.Put(ctx, api.Key{"k"}, 1))(t)
		if got := last(n).Header.Get(header); got != "" {
			t.Errorf("a write carried %q", got)
		}
		read(t, c)
		if got := last(n).Header.Get(header); got != string(written) || c.Position() != written {
			t.Errorf("carried %q, at %q; want %q", got, c.Position(), written)
		}
		must(c.List(ctx, api.ListRequest{}))(t)
		if got := last(n).Header.Get(header); got != string(written) {
			t.Errorf("a list carried %q, want %q", got, written)
		}
	})
	t.Run("others do not", func(t *testing.T) {
		c, n := startClient(t)
		must(c.Put(ctx, api.Key{"k"}, 1))(t)
		for _, consistency := range []api.Consistency{api.Strong, api.Eventual} {
			read(t, c, client.Consistency(consistency))
			if got := last(n).Header.Get(header); got != "" {
				t.Errorf("%s carried %q", consistency, got)
			}
		}
	})
	t.Run("without a session", func(t *testing.T) {
		c, n := startClient(t, client.WithoutSession())
		must(c.Put(ctx, api.Key{"k"}, 1))(t)
		read(t, c)
		if got := last(n).Header.Get(header); got != "" || c.Position() != "" {
			t.Errorf("carried %q, at %q", got, c.Position())
		}
	})
	t.Run("forks are apart", func(t *testing.T) {
		c, n := startClient(t)
		first := must(c.Put(ctx, api.Key{"k"}, 1))(t)
		fork := c.Session()
		must(c.Put(ctx, api.Key{"k"}, 2))(t)
		read(t, fork)
		if got := last(n).Header.Get(header); got != string(first) {
			t.Errorf("the fork carried %q, want %q", got, first)
		}
		read(t, c.SessionAt(""))
		if got := last(n).Header.Get(header); got != "" {
			t.Errorf("a session from nothing carried %q", got)
		}
	})
	t.Run("refusals move it too", func(t *testing.T) {
		c, _ := startClient(t)
		must(c.Session().Put(ctx, api.Key{"other"}, 1))(t)
		if _, err := c.Get(ctx, api.Key{"k"}); !errors.Is(err, api.NotFound) || c.Position() == "" {
			t.Errorf("error %v, at %q", err, c.Position())
		}
	})
}

func TestSettings(t *testing.T) {
	t.Run("are sent", func(t *testing.T) {
		c, n := startClient(t, client.WithToken("secret"), client.WithUserAgent("my app"), client.WithConsistency(api.Eventual))
		_, _ = c.Get(testContext(t), api.Key{"k"})
		r := n.seen()[0]
		if r.Header.Get("Authorization") != "Bearer secret" || r.UserAgent() != "my app" || r.URL.RawQuery != "consistency=eventual" {
			t.Errorf("headers %v, query %s", r.Header, r.URL.RawQuery)
		}
	})
	t.Run("the base URL may have a path", func(t *testing.T) {
		n, baseURL := startNode(t)
		n.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			http.StripPrefix("/_/plugin-keyval", n.mux).ServeHTTP(w, r)
			return true
		})
		c := newClient(t, baseURL+"/_/plugin-keyval/")
		must(c.Put(testContext(t), api.Key{"a", "b c"}, 1))(t)
		if got := n.seen()[0].URL.String(); got != "/_/plugin-keyval/keys/a/b%20c" {
			t.Errorf("path %s", got)
		}
	})
	t.Run("bad ones are refused", func(t *testing.T) {
		for _, baseURL := range []string{
			"", "127.0.0.1:8080", "ftp://x", "http://", "http://u:hunter2@x", "http://x?a=b", "http://x#a", "http://u:hunter2@x:port",
		} {
			_, err := client.New(baseURL)
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: error %v", baseURL, err)
			}
		}
		for name, opt := range map[string]client.Option{
			"http client": client.WithHTTPClient(nil), "logger": client.WithLogger(nil),
			"attempts": client.WithRetry(client.RetryPolicy{MaxAttempts: -1}),
			"delay":    client.WithRetry(client.RetryPolicy{MinDelay: -1}),
			"order":    client.WithRetry(client.RetryPolicy{MinDelay: 2, MaxDelay: 1}),
			"endpoint": client.WithEndpoints("nowhere"),
		} {
			if _, err := client.New("http://x", opt); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
	t.Run("a token is in no error and no log", func(t *testing.T) {
		var log strings.Builder
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c, n := startClient(t, client.WithToken("hunter2"), client.WithLogger(logger))
		n.spoil(cutBefore, cutBefore, cutBefore)
		if _, err := c.Put(testContext(t), api.Key{"k"}, 1); err == nil || strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
			t.Errorf("error %v", err)
		}
		must(c.Count(testContext(t), api.CountRequest{}))(t)
		if !strings.Contains(log.String(), "repeating") || strings.Contains(log.String(), "hunter2") {
			t.Errorf("log %s", log.String())
		}
	})
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	c, n := startClient(t)
	must(c.Put(testContext(t), api.Key{"k"}, 1))(t)
	for range 20 {
		must(c.Get(testContext(t), api.Key{"k"}))(t)
	}
	peers := map[string]bool{}
	for _, r := range n.seen() {
		peers[r.RemoteAddr] = true
	}
	if len(peers) != 1 {
		t.Errorf("%d connections for requests one after the other, want 1", len(peers))
	}
}
