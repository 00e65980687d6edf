package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// operations are one of each kind, and what may be done with it after a failure
// that leaves its outcome open.
var operations = []struct {
	name       string
	repeatable bool
	do         func(context.Context, *client.Client) error
}{
	{"get", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.Get(ctx, api.Key{"there"})
		return err
	}},
	{"get many", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.GetMany(ctx, []api.Key{{"there"}})
		return err
	}},
	{"list", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.List(ctx, api.ListRequest{})
		return err
	}},
	{"count", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.Count(ctx, api.CountRequest{})
		return err
	}},
	{"read-only transaction", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.RunTransaction(ctx, func(tx *client.Tx) error {
			_, err := tx.Get(api.Key{"there"})
			return err
		})
		return err
	}},
	{"put", false, func(ctx context.Context, c *client.Client) error {
		_, err := c.Put(ctx, api.Key{"k"}, 1)
		return err
	}},
	{"put with a key", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.Put(ctx, api.Key{"k"}, 1, client.IfAbsent{}, client.IdempotencyKey("my-key"))
		return err
	}},
	{"delete", false, func(ctx context.Context, c *client.Client) error {
		_, err := c.Delete(ctx, api.Key{"there"})
		return err
	}},
	{"delete prefix", false, func(ctx context.Context, c *client.Client) error {
		_, err := c.DeletePrefix(ctx, api.Key{"there"})
		return err
	}},
	{"atomic", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.Atomic().Check(api.Key{"n"}, "").Sum(api.Key{"n"}, 1).Commit(ctx)
		return err
	}},
	{"enqueue", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.Enqueue(ctx, "", 1)
		return err
	}},
	{"dequeue", false, func(ctx context.Context, c *client.Client) error {
		_, err := c.Dequeue(ctx, "")
		return err
	}},
	{"purge", false, func(ctx context.Context, c *client.Client) error {
		_, err := c.PurgeDeadLetters(ctx, "")
		return err
	}},
}

func TestWhatIsRepeated(t *testing.T) {
	faults := []struct {
		name  string
		fault fault
		// open says that the fault leaves open whether the request was carried out.
		open bool
	}{
		{"429", refusing(api.TooManyRequests, 0), false},
		{"503 unavailable", refusing(api.Unavailable, 0), false},
		{"503 commit_unknown", unknownCommit, true},
		{"502 of a proxy", foreign(http.StatusBadGateway), true},
		{"503 of a proxy", foreign(http.StatusServiceUnavailable), true},
		{"cut before", cutBefore, true},
		{"cut after", cutAfter, true},
		{"cut within the answer", cutWithin, true},
	}
	for _, op := range operations {
		for _, f := range faults {
			t.Run(op.name+", "+f.name, func(t *testing.T) {
				c, n := startClient(t)
				must(c.Put(testContext(t), api.Key{"there"}, 1))(t)
				before := len(n.seen())
				n.spoil(f.fault)
				err := op.do(testContext(t), c)
				requests := n.seen()[before:]
				if wantRepeat := op.repeatable || !f.open; !wantRepeat {
					if err == nil || len(requests) != 1 {
						t.Errorf("%d requests, error %v; want one that fails", len(requests), err)
					}
					return
				}
				if err != nil {
					t.Errorf("error %v", err)
				}
				// net/http may add an attempt of its own when a connection breaks
				// that it had used before.
				if len(requests) < 2 {
					t.Errorf("%d requests, want a repetition", len(requests))
				}
				first, last := requests[0], requests[len(requests)-1]
				if got, want := last.Header.Get("Idempotency-Key"), first.Header.Get("Idempotency-Key"); got != want {
					t.Errorf("the repetition has the key %q, the first request %q", got, want)
				}
			})
		}
	}
}

func TestARefusalIsNotRepeated(t *testing.T) {
	for _, code := range []api.Code{
		api.InvalidKey, api.Unauthenticated, api.Forbidden, api.ForbiddenOrigin, api.Misdirected, api.UnsupportedMediaType, api.NotFound, api.LockLost, api.PositionLost,
		api.PreconditionFailed, api.TooLarge, api.Timeout, api.Internal,
	} {
		c, n := startClient(t)
		n.spoil(refusing(code, 0))
		_, err := c.Get(testContext(t), api.Key{"k"})
		if !errors.Is(err, code) {
			t.Errorf("%s: error %v", code, err)
		}
		var answer *api.Error
		if !errors.As(err, &answer) || answer.Status != code.Status() || answer.Message != "spoiled" {
			t.Errorf("%s: error %#v", code, answer)
		}
		if got := len(n.seen()); got != 1 {
			t.Errorf("%s: %d requests, want 1", code, got)
		}
	}
}

func TestALostAnswerTakesEffectOnce(t *testing.T) {
	for name, lose := range map[string]fault{"cut after": cutAfter, "cut within": cutWithin, "commit_unknown": unknownCommit} {
		c, n := startClient(t)
		ctx := testContext(t)
		n.spoil(lose, lose)
		commit := must(c.Atomic().Sum(api.Key{"n"}, 1).Enqueue("q", "x").Commit(ctx))(t)
		n.spoil(lose)
		must(c.Enqueue(ctx, "q", "y"))(t)
		entry := must(c.Get(ctx, api.Key{"n"}))(t)
		if string(entry.Value) != "1" || entry.Versionstamp != commit.Versionstamp {
			t.Errorf("%s: the sum is %s at %s, want 1 at %s", name, entry.Value, entry.Versionstamp, commit.Versionstamp)
		}
		if got := must(c.QueueStats(ctx, "q"))(t).Total; got != 2 {
			t.Errorf("%s: %d messages, want 2", name, got)
		}
	}
}

func TestTheModeSaysWhichWritesHaveKeys(t *testing.T) {
	has := func(n *node) string {
		var with []string
		for _, r := range n.seen() {
			if r.Header.Get("Idempotency-Key") != "" {
				with = append(with, r.Method+" "+r.URL.Path)
			}
		}
		return strings.Join(with, ", ")
	}
	for mode, want := range map[client.Idempotency]string{
		client.IdempotencyCompound: "POST /atomic, POST /queue/enqueue",
		client.IdempotencyAll:      "PUT /keys/k, DELETE /keys/k, POST /atomic, POST /queue/enqueue",
		client.IdempotencyOff:      "",
	} {
		c, n := startClient(t, client.WithIdempotency(mode))
		ctx := testContext(t)
		must(c.Put(ctx, api.Key{"k"}, 1))(t)
		must(c.Delete(ctx, api.Key{"k"}))(t)
		must(c.Atomic().Sum(api.Key{"n"}, 1).Commit(ctx))(t)
		must(c.Atomic().Check(api.Key{"x"}, "").Commit(ctx))(t) // writes nothing
		must(c.Enqueue(ctx, "", 1))(t)
		must(c.Enqueue(ctx, "", 1, client.DedupeID("once")))(t) // safe without
		if got := has(n); got != want {
			t.Errorf("mode %d: keys on %q, want %q", mode, got, want)
		}
	}
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	c, n := startClient(t)
	n.spoil(refusing(api.Unavailable, time.Second))
	start := time.Now()
	must(c.Count(testContext(t), api.CountRequest{}))(t)
	if got := time.Since(start); got < time.Second {
		t.Errorf("repeated after %v, the node asked for a second", got)
	}
}

func TestARetryAfterThatIsTooLongFailsAtOnce(t *testing.T) {
	policy := quick
	policy.MaxElapsed = 2 * time.Hour
	c, n := startClient(t, client.WithRetry(policy))
	n.spoil(refusing(api.Unavailable, 3*time.Hour), refusing(api.Unavailable, time.Hour))
	start := time.Now()
	_, err := c.Count(t.Context(), api.CountRequest{})
	var answer *api.Error
	if !errors.As(err, &answer) || answer.RetryAfter != 3*time.Hour {
		t.Errorf("longer than the policy: error %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if _, err := c.Count(ctx, api.CountRequest{}); !errors.Is(err, api.Unavailable) {
		t.Errorf("longer than the context: error %v, want the node's", err)
	}
	if got := time.Since(start); got > 4*time.Minute {
		t.Errorf("took %v", got)
	}
}

func TestAttemptsEnd(t *testing.T) {
	policy := quick
	policy.MaxAttempts = 3
	c, n := startClient(t, client.WithRetry(policy))
	n.spoil(slices.Repeat([]fault{refusing(api.Unavailable, 0)}, 10)...)
	_, err := c.Count(testContext(t), api.CountRequest{})
	if !errors.Is(err, api.Unavailable) {
		t.Errorf("error %v", err)
	}
	if got := len(n.seen()); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
}

func TestTheContextEndsARequestAndItsRepetition(t *testing.T) {
	t.Run("within a request", func(t *testing.T) {
		c, n := startClient(t)
		n.spoil(silent)
		ctx, cancel := context.WithCancel(testContext(t))
		go func() {
			await.That(t, "the request arrives", func() bool { return len(n.seen()) == 1 })
			cancel()
		}()
		if _, err := c.Count(ctx, api.CountRequest{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("between two", func(t *testing.T) {
		ctx, cancel := context.WithCancel(testContext(t))
		defer cancel()
		c, n := startClient(t, client.WithHTTPClient(&http.Client{Transport: afterAnswer(cancel)}))
		n.spoil(slices.Repeat([]fault{refusing(api.Unavailable, 25*time.Second)}, 10)...)
		start := time.Now()
		if _, err := c.Count(ctx, api.CountRequest{}); !errors.Is(err, context.Canceled) || !errors.Is(err, api.Unavailable) {
			t.Errorf("error %v, want the context's and the node's", err)
		}
		if got := time.Since(start); got > 20*time.Second {
			t.Errorf("took %v", got)
		}
	})
	t.Run("with a cause", func(t *testing.T) {
		c, n := startClient(t)
		n.spoil(silent)
		cause := errors.New("tired")
		ctx, cancel := context.WithCancelCause(testContext(t))
		go func() {
			await.That(t, "the request arrives", func() bool { return len(n.seen()) == 1 })
			cancel(cause)
		}()
		if _, err := c.Count(ctx, api.CountRequest{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

// afterAnswer calls a function when an answer has arrived, whole.
type afterAnswer func()

// RoundTrip implements http.RoundTripper.
func (after afterAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	after()
	return res, err
}

func TestASilentNodeIsGivenUp(t *testing.T) {
	policy := quick
	policy.AttemptTimeout = 200 * time.Millisecond
	c, n := startClient(t, client.WithRetry(policy))
	n.spoil(silent)
	must(c.Count(testContext(t), api.CountRequest{}))(t)
	if got := len(n.seen()); got < 2 { // more on a slow machine
		t.Errorf("%d requests, want 2", got)
	}
}

// refusedAddress is one that nobody listens on.
func refusedAddress(t *testing.T) string {
	t.Helper()
	return "http://" + nodetest.MustReserveAddr(t)
}

func TestAnyRequestMovesOnFromANodeThatCannotBeReached(t *testing.T) {
	n, baseURL := startNode(t)
	for _, op := range operations {
		c := newClient(t, refusedAddress(t), client.WithEndpoints(baseURL))
		ctx := testContext(t)
		must(c.Put(ctx, api.Key{"there"}, 1))(t)
		if err := op.do(ctx, c); err != nil {
			t.Errorf("%s: %v", op.name, err)
		}
		must(c.DeleteAll(ctx))(t)
	}
	before := len(n.seen())
	c := newClient(t, refusedAddress(t), client.WithEndpoints(baseURL))
	for range 10 {
		must(c.Count(testContext(t), api.CountRequest{}))(t)
	}
	if got := len(n.seen()) - before; got != 10 {
		t.Errorf("%d requests, want 10", got)
	}
}

func TestAnyRequestMovesOnFromANodeThatIsUnavailable(t *testing.T) {
	first, firstURL := startNode(t)
	second, secondURL := startNode(t)
	first.spoil(refusing(api.Unavailable, 0))
	c := newClient(t, firstURL, client.WithEndpoints(secondURL))
	must(c.Put(testContext(t), api.Key{"k"}, 1))(t)
	if len(first.seen()) != 1 || len(second.seen()) != 1 {
		t.Errorf("%d and %d requests, want one each", len(first.seen()), len(second.seen()))
	}
}

func TestAnAnswerThatIsNotJSONIsNotAskedForAgain(t *testing.T) {
	c, n := startClient(t)
	n.spoil(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		_, _ = w.Write([]byte("<html>welcome</html>"))
		return true
	})
	if _, err := c.Count(testContext(t), api.CountRequest{}); err == nil || len(n.seen()) != 1 {
		t.Errorf("%d requests, error %v; want one that fails", len(n.seen()), err)
	}
}

func TestRedirectsAreErrors(t *testing.T) {
	c, n := startClient(t, client.WithToken("secret"))
	n.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusFound)
		return true
	})
	if _, err := c.Count(testContext(t), api.CountRequest{}); err == nil || len(n.seen()) != 1 {
		t.Errorf("%d requests, error %v; want one that fails", len(n.seen()), err)
	}
}
