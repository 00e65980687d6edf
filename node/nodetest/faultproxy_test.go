package nodetest_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// behindProxy is a primary with table t, seen directly and through a proxy.
type behindProxy struct {
	proxy  *nodetest.FaultProxy
	direct *sql.DB
	db     *sql.DB // through the proxy, over http
}

func newBehindProxy(t *testing.T) behindProxy {
	t.Helper()
	primary := nodetest.MustStartPrimary(t)
	proxy := nodetest.MustStartFaultProxy(t, primary.Addr())
	b := behindProxy{proxy: proxy, direct: openDB(t, primary.HTTPURL()), db: openDB(t, proxy.HTTPURL())}
	mustExec(t, b.direct, "CREATE TABLE t(a)")
	return b
}

// insert inserts a row through the proxy, in the background.
func (b behindProxy) insert(ctx context.Context, name string) <-chan error {
	result := make(chan error, 1)
	go func() {
		_, err := b.db.ExecContext(ctx, "INSERT INTO t VALUES (?)", name)
		result <- err
	}()
	return result
}

func mustWait(t *testing.T, fault *nodetest.Fault) {
	t.Helper()
	if err := fault.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func mustBePending(t *testing.T, result <-chan error) {
	t.Helper()
	select {
	case err := <-result:
		t.Fatalf("it was answered already, with error %v", err)
	default:
	}
}

func mustResult(t *testing.T, result <-chan error, wantError bool) {
	t.Helper()
	select {
	case err := <-result:
		if (err != nil) != wantError {
			t.Fatalf("got error %v; want an error: %t", err, wantError)
		}
	case <-time.After(time.Minute):
		t.Fatal("no answer within a minute")
	}
}

func TestAProxyWithoutFaultsIsNotNoticed(t *testing.T) {
	t.Parallel()
	pair := nodetest.MustStartSqldPair(t)
	proxy := nodetest.MustStartFaultProxy(t, pair.Primary.Addr())
	mustExec(t, openDB(t, pair.Primary.HTTPURL()), "CREATE TABLE t(a)")
	for name, url := range map[string]string{"http": proxy.HTTPURL(), "ws": proxy.WSURL()} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t, url)
			mustExec(t, db, "DELETE FROM t")
			// Larger than every buffer on the way.
			large := strings.Repeat("x", 1<<20)
			for range 3 {
				mustExec(t, db, "INSERT INTO t VALUES (?)", large)
			}
			mustCount(t, db, 3)
			var got string
			if err := db.QueryRowContext(t.Context(), "SELECT a FROM t LIMIT 1").Scan(&got); err != nil || got != large {
				t.Errorf("got %d bytes, error %v; want %d", len(got), err, len(large))
			}
		})
	}
}

func TestACutAnswerBelongsToACommitThatHappened(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	fault := b.proxy.CutNextAnswer([]byte("lost"))
	mustResult(t, b.insert(t.Context(), "other"), false)
	mustResult(t, b.insert(t.Context(), "lost"), true)
	mustWait(t, fault)
	mustCount(t, b.direct, 2)
	mustResult(t, b.insert(t.Context(), "lost"), false) // once is once
	mustCount(t, b.direct, 3)
	if !bytes.Contains(fault.Request(), []byte(`"lost"`)) {
		t.Errorf("the fault's request is %q", fault.Request())
	}
	if got := b.proxy.Stats().Cut; got != 1 {
		t.Errorf("connections cut: got %d, want 1", got)
	}
}

func TestACutRequestNeverReachesTheServer(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	fault := b.proxy.CutNextRequest([]byte("lost"))
	mustResult(t, b.insert(t.Context(), "lost"), true)
	mustWait(t, fault)
	mustResult(t, b.insert(t.Context(), "other"), false)
	mustCount(t, b.direct, 1)
}

func TestAHeldRequestArrivesAfterItsClientHasGone(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	fault := b.proxy.HoldNextRequest([]byte("late"))
	ctx, cancel := context.WithCancel(t.Context())
	result := b.insert(ctx, "late")
	mustWait(t, fault)
	mustBePending(t, result)
	cancel()
	mustResult(t, result, true)
	mustCount(t, b.direct, 0)

	fault.Release()
	mustCount(t, b.direct, 1)
}

func TestADroppedRequestNeverArrives(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	fault := b.proxy.HoldNextRequest([]byte("dropped"))
	result := b.insert(t.Context(), "dropped")
	mustWait(t, fault)
	fault.Drop()
	mustResult(t, result, true)
	mustCount(t, b.direct, 0)
}

func TestAHeldAnswerIsReleasedOrDropped(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		decide    func(*nodetest.Fault)
		wantError bool
	}{
		"released": {(*nodetest.Fault).Release, false},
		"dropped":  {(*nodetest.Fault).Drop, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehindProxy(t)
			fault := b.proxy.HoldNextAnswer([]byte("held"))
			result := b.insert(t.Context(), "held")
			mustWait(t, fault)
			mustCount(t, b.direct, 1) // committed, and its client does not know
			mustBePending(t, result)
			if got := b.proxy.Stats().HeldAnswers; got != 1 {
				t.Errorf("answers held: got %d, want 1", got)
			}
			test.decide(fault)
			mustResult(t, result, test.wantError)
		})
	}
}

func TestADuplicatedRequestIsDoneTwiceAndAnsweredOnce(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	fault := b.proxy.DuplicateNextRequest([]byte("twice"))
	mustResult(t, b.insert(t.Context(), "twice"), false)
	mustWait(t, fault)
	mustCount(t, b.direct, 2)
}

func TestARequestCanBeReplayed(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	note := b.proxy.NoteNextRequest([]byte("again"))
	mustResult(t, b.insert(t.Context(), "again"), false)
	mustResult(t, b.insert(t.Context(), "other"), false)
	mustWait(t, note)
	status, body, err := b.proxy.Send(t.Context(), note.Request())
	if err != nil || status != http.StatusOK || !bytes.Contains(body, []byte(`"affected_row_count":1`)) {
		t.Errorf("replay: status %d, error %v, body %s", status, err, body)
	}
	mustCount(t, b.direct, 3)
}

func TestAFaultThatIsTakenBackDoesNotHappen(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	b.proxy.CutNextRequest(nil).Release()
	b.proxy.HoldNextAnswer(nil)
	b.proxy.BlackHole()
	if err := b.proxy.Heal(); err != nil {
		t.Fatal(err)
	}
	mustResult(t, b.insert(t.Context(), "safe"), false)
}

func TestHealReleasesWhatIsHeld(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	fault := b.proxy.HoldNextRequest(nil)
	result := b.insert(t.Context(), "held")
	mustWait(t, fault)
	if err := b.proxy.Heal(); err != nil {
		t.Fatal(err)
	}
	mustResult(t, result, false)
}

func TestPausedAnswersBelongToRequestsThatWereDone(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	b.proxy.PauseAnswers()
	first, second := b.insert(t.Context(), "1"), b.insert(t.Context(), "2")
	mustCount(t, b.direct, 2)
	await.That(t, "both answers are held", func() bool { return b.proxy.Stats().HeldAnswers == 2 })
	mustBePending(t, first)
	mustBePending(t, second)
	b.proxy.ResumeAnswers()
	mustResult(t, first, false)
	mustResult(t, second, false)

	b.proxy.PauseAnswers()
	third := b.insert(t.Context(), "3")
	mustCount(t, b.direct, 3)
	b.proxy.CutConnections()
	mustResult(t, third, true)
}

func TestABlackHoleSwallowsAndHeals(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	mustResult(t, b.insert(t.Context(), "before"), false)
	b.proxy.BlackHole()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	onOldConnection, onNewConnection := b.insert(ctx, "1"), b.insert(ctx, "2")
	mustResult(t, onOldConnection, true)
	mustResult(t, onNewConnection, true)
	mustCount(t, b.direct, 1)
	b.proxy.CutConnections()
	if err := b.proxy.Heal(); err != nil {
		t.Fatal(err)
	}
	mustResult(t, b.insert(t.Context(), "after"), false)
	mustCount(t, b.direct, 2)
}

func TestARefusingProxyKeepsItsConnectionsAndItsPort(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	conn, err := b.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 {
		if err := b.proxy.Refuse(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := net.Dial("tcp", b.proxy.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: got %v, want %v", err, syscall.ECONNREFUSED)
	}
	if err := b.proxy.Accept(); err != nil {
		t.Fatal(err)
	}
	mustResult(t, b.insert(t.Context(), "after"), false)
}

func TestACutEndsEveryConnectionAndNewOnesWork(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	ws := openDB(t, b.proxy.WSURL())
	mustCount(t, ws, 0)
	if got := b.proxy.CutConnections(); got == 0 {
		t.Error("no connection was cut")
	}
	if got := b.proxy.Stats(); got.Open != 0 || got.Cut == 0 {
		t.Errorf("after the cut: %+v", got)
	}
	mustCount(t, ws, 0) // the driver connects again
}

func TestEveryRequestIsDelayed(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	const delay = 50 * time.Millisecond
	b.proxy.SetDelay(delay)
	start := time.Now()
	for range 2 {
		mustResult(t, b.insert(t.Context(), "slow"), false)
	}
	if got := time.Since(start); got < 2*delay {
		t.Errorf("two requests took %v, want at least %v", got, 2*delay)
	}
}

func TestAReplicaBehindAProxyFallsBehindAndCatchesUp(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	proxy := nodetest.MustStartFaultProxy(t, primary.GRPCAddr())
	replica := nodetest.MustStartReplica(t, proxy.HTTPURL())
	written, read := openDB(t, primary.HTTPURL()), openDB(t, replica.HTTPURL())
	mustExec(t, written, "CREATE TABLE t(a)")
	mustCount(t, read, 0)

	proxy.BlackHole()
	mustExec(t, written, "INSERT INTO t VALUES (1)")
	if got, err := count(t.Context(), read); err != nil || got != 0 {
		t.Fatalf("replica behind a black hole: got %d rows, error %v; want 0", got, err)
	}
	if err := proxy.Heal(); err != nil {
		t.Fatal(err)
	}
	mustCount(t, read, 1)
}

func TestAnAnswerIsCutAfterExactlyNBytes(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), 300_000))
	}))
	t.Cleanup(server.Close)
	proxy := nodetest.MustStartFaultProxy(t, server.Listener.Addr().String())
	for _, n := range []int{1, 500, 200_000} {
		fault := proxy.CutNextAnswerAfter([]byte("/cut"), n)
		conn, err := net.Dial("tcp", proxy.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /cut HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if err != nil || len(got) != n {
			t.Errorf("got %d bytes, error %v; want %d and none", len(got), err, n)
		}
		mustWait(t, fault)
	}
}

func TestRequestsOfEveryShapePassUnchanged(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	proxy := nodetest.MustStartFaultProxy(t, server.Listener.Addr().String())
	client := &http.Client{Transport: &http.Transport{
		ExpectContinueTimeout: time.Minute,
		DisableKeepAlives:     true, // each shape begins a connection
	}}
	t.Cleanup(client.CloseIdleConnections)

	for name, test := range map[string]struct {
		body   io.Reader
		header http.Header
		want   string
	}{
		"with a length":           {strings.NewReader("marked"), nil, "marked"},
		"in chunks":               {io.MultiReader(strings.NewReader("mar"), strings.NewReader("ked")), nil, "marked"},
		"that expects to be told": {strings.NewReader("body"), http.Header{"Expect": {"100-continue"}, "X": {"marked"}}, "body"},
		"without a body":          {nil, http.Header{"X": {"marked"}}, ""},
	} {
		fault := proxy.NoteNextRequest([]byte("marked"))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, proxy.HTTPURL(), test.body)
		if err != nil {
			t.Fatal(err)
		}
		if test.header != nil {
			request.Header = test.header
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %q, error %v; want %q", name, got, err, test.want)
		}
		mustWait(t, fault)
	}
}

func TestAProxyCanBeClosedTwiceWhileEverythingIsHeld(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	held := b.proxy.HoldNextRequest([]byte("held"))
	result := b.insert(t.Context(), "held")
	mustWait(t, held)
	b.proxy.BlackHole()
	for range 2 {
		if err := b.proxy.Close(); err != nil {
			t.Fatal(err)
		}
	}
	mustResult(t, result, true)
	held.Release() // too late, and harmless
	if _, err := net.Dial("tcp", b.proxy.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after close: got %v, want %v", err, syscall.ECONNREFUSED)
	}
}
