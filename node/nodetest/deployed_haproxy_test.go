package nodetest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// The load balancer's file as it is shipped, in front of nodes that only count.

const shippedConfig = "../../deploy/haproxy.cfg"

// countingNode is a node that tells its name and can be made to misbehave.
type countingNode struct {
	name      string
	addr      string
	requests  atomic.Int64 // without health checks
	unready   atomic.Bool
	hangUp    atomic.Bool // end connections without an answer
	streaming http.HandlerFunc
}

func newCountingNode(t *testing.T, name string) *countingNode {
	t.Helper()
	node := &countingNode{name: name}
	server := httptest.NewServer(node)
	t.Cleanup(server.Close)
	node.addr = server.Listener.Addr().String()
	return node
}

func (n *countingNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/readyz" {
		if n.unready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	n.requests.Add(1)
	switch {
	case n.hangUp.Load():
		panic(http.ErrAbortHandler)
	case n.streaming != nil:
		n.streaming(w, r)
	default:
		fmt.Fprint(w, n.name)
	}
}

// balanced starts the shipped load balancer in front of three counting nodes.
func balanced(t *testing.T, edit func(config string) string) (url string, nodes [3]*countingNode) {
	t.Helper()
	config, err := os.ReadFile(shippedConfig)
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for i := range nodes {
		nodes[i] = newCountingNode(t, fmt.Sprint("node-", i+1))
		env = append(env, fmt.Sprintf("KEYVAL_NODE_%d=%s", i+1, nodes[i].addr))
	}
	text := string(config)
	if edit != nil {
		text = edit(text)
	}
	// The nodes of these tests live in this process, which may be slow: that alone
	// does not make them unready.
	text = strings.Replace(text, "defaults\n", "defaults\n  timeout check 60s\n", 1)
	text = strings.Replace(text, "timeout connect 1s", "timeout connect 60s", 1)
	balancer := nodetest.MustStartHAProxy(t, nodetest.HAProxyConfig{
		Config: text,
		Listen: []string{"KEYVAL_LISTEN", "KEYVAL_STATS"},
		Env:    env,
	})
	return balancer.URL("KEYVAL_LISTEN"), nodes
}

// ask sends a request on a connection of its own and returns status and body.
func ask(t *testing.T, method, url string, header ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	// Not the default transport, which repeats requests by itself.
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func total(nodes [3]*countingNode) (n int64) {
	for _, node := range nodes {
		n += node.requests.Load()
	}
	return n
}

func TestTheShippedConfigurationHasNoWarnings(t *testing.T) {
	t.Parallel()
	err := nodetest.CheckHAProxyConfig(t.Context(), shippedConfig,
		"KEYVAL_NODE_1=127.0.0.1:1", "KEYVAL_NODE_2=127.0.0.1:2", "KEYVAL_NODE_3=127.0.0.1:3")
	nodetest.Check(t, err)
}

func TestAClientWithoutATokenStaysOnOneNodeAndOneWithATokenIsSpread(t *testing.T) {
	t.Parallel()
	url, _ := balanced(t, nil)
	for _, test := range []struct {
		header []string
		want   int // different nodes that answered
	}{
		{nil, 1},
		{[]string{"Keyval-Min-Versionstamp", "00000000000000000000"}, 3},
	} {
		answered := make(map[string]bool)
		for range 12 {
			_, body := ask(t, "GET", url+"/keys/a", test.header...)
			answered[body] = true
		}
		if len(answered) != test.want {
			t.Errorf("with headers %v: answered by %v, want %d nodes", test.header, answered, test.want)
		}
	}
}

func TestOnlyWhatIsSafeIsSentTwice(t *testing.T) {
	t.Parallel()
	const mount = "/_/plugin-keyval"
	key := []string{"Idempotency-Key", "k"}
	for _, test := range []struct {
		method, path string
		header       []string
		repeated     bool
	}{
		{"GET", "/keys/a", nil, true},
		{"GET", mount + "/keys/a", nil, true},
		{"GET", "/watch?keys=a", nil, true},
		{"GET", "/queue/stats", nil, true},
		{"GET", "/keys/queue/poll", nil, true},
		{"PUT", "/keys/a", key, true},
		{"POST", "/atomic", key, true},
		{"POST", "/queue/enqueue", key, true},
		{"POST", "/", nil, true},
		{"POST", "/v2/snapshot_read", nil, true},
		{"POST", "/behind/a/proxy/v2/snapshot_read", nil, true},
		{"POST", "/v2/watch", nil, true},
		{"POST", "/v2/eventual/snapshot_read", nil, true},
		{"POST", "/v2/eventual/watch", nil, true},
		{"POST", "/v2/atomic_write", nil, false},
		{"PUT", "/keys/v2/snapshot_read", nil, false},
		{"DELETE", "/keys/v2/watch", nil, false},
		{"PUT", "/keys/a", nil, false},
		{"DELETE", "/keys/a", nil, false},
		{"POST", "/atomic", nil, false},
		{"GET", "/queue/dequeue", nil, false},
		{"GET", "/queue/dequeue?wait=1000", nil, false},
		{"GET", "/queue/dequeue", key, false},
		{"GET", "/queue/poll", nil, false},
		{"GET", "/queue/listen", nil, false},
		{"GET", mount + "/queue/dequeue", nil, false},
		{"GET", mount + "/queue/poll/", nil, false},
		{"GET", mount + "/queue/listen", nil, false},
	} {
		t.Run(test.method+" "+test.path+" "+strings.Join(test.header, " "), func(t *testing.T) {
			t.Parallel()
			url, nodes := balanced(t, nil)
			for _, node := range nodes {
				node.hangUp.Store(true)
			}
			status, _ := ask(t, test.method, url+test.path, test.header...)
			if status != http.StatusBadGateway {
				t.Errorf("status: got %d, want %d", status, http.StatusBadGateway)
			}
			if got := total(nodes); (got > 1) != test.repeated || got == 0 {
				t.Errorf("it was sent %d times; want more than once: %t", got, test.repeated)
			}
		})
	}
}

func TestANodeThatIsNotReadyGetsNoMoreRequestsAndLosesNone(t *testing.T) {
	t.Parallel()
	url, nodes := balanced(t, nil)
	_, first := ask(t, "POST", url+"/atomic")
	for _, node := range nodes {
		if node.name == first {
			node.unready.Store(true)
		}
	}
	await.That(t, "another node has taken over", func() bool {
		status, body := ask(t, "POST", url+"/atomic")
		if status != http.StatusOK {
			t.Fatalf("status %d while a node drains", status)
		}
		return body != first
	})
}

func TestAStreamPassesAtOnceAndOutlivesTheTimeouts(t *testing.T) {
	t.Parallel()
	for tries := 1; ; tries++ {
		longest, err := streamThroughTimeouts(t)
		if err == nil {
			return
		}
		// A machine that was slow for so long would cut any stream.
		if longest < time.Second/2 || tries == 20 {
			t.Fatal(err)
		}
	}
}

// streamThroughTimeouts reads a stream for twice the timeouts. It returns the
// longest time between two events.
func streamThroughTimeouts(t *testing.T) (longest time.Duration, err error) {
	t.Helper()
	// The shipped 75 s, made short; a ping every fifth of that as in the real one.
	url, nodes := balanced(t, func(config string) string {
		return strings.ReplaceAll(config, "75s", "1s")
	})
	next, gone := make(chan struct{}), make(chan struct{})
	end := sync.OnceFunc(func() { close(gone) })
	for _, node := range nodes {
		node.streaming = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for {
				fmt.Fprint(w, "event: ping\n\n")
				w.(http.Flusher).Flush()
				select {
				case <-next:
				case <-r.Context().Done():
					end()
					return
				}
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	last := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/watch?keys=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return time.Since(last), err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for event := range 10 { // twice the timeout
		// Each event arrives before the next one is made.
		whole := lines.Scan() && lines.Text() == "event: ping" && lines.Scan()
		longest, last = max(longest, time.Since(last)), time.Now()
		if !whole {
			return longest, fmt.Errorf("event %d: got %q, error %w", event, lines.Text(), lines.Err())
		}
		<-tick.C
		select {
		case next <- struct{}{}:
		case <-gone:
			return max(longest, time.Since(last)), fmt.Errorf("after event %d the node's connection has ended", event)
		}
	}
	return longest, nil
}

func TestOneConnectionOfHTTP2WithoutTLSTakesAThousandStreamsAndAWriteBeside(t *testing.T) {
	t.Parallel()
	url, nodes := balanced(t, nil)
	for _, node := range nodes {
		node.streaming = func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			if r.URL.Path == "/v2/watch" {
				<-r.Context().Done()
			}
		}
	}
	client, dialled := overOneHTTP2(t)
	for range 1000 {
		mustPost(t, client, url+"/v2/watch")
	}
	mustPost(t, client, url+"/v2/atomic_write")
	if n := dialled.Load(); n != 1 {
		t.Errorf("it took %d connections", n)
	}
}

// overOneHTTP2 is a client that knows that the server speaks HTTP/2, as Deno does, and
// counts its connections.
func overOneHTTP2(t *testing.T) (_ *http.Client, dialled *atomic.Int64) {
	t.Helper()
	dialled = new(atomic.Int64)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, dialled
}

// mustPost returns when the answer has begun, and leaves it open to the end of the test.
func mustPost(t *testing.T, client *http.Client, url string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: status %d", url, response.StatusCode)
	}
}

func TestTheBalancerLogsWhatWentWrongAndThePathWithoutItsQuery(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile(shippedConfig)
	if err != nil {
		t.Fatal(err)
	}
	node := newCountingNode(t, "node")
	balancer := nodetest.MustStartHAProxy(t, nodetest.HAProxyConfig{
		Config: string(config),
		Listen: []string{"KEYVAL_LISTEN", "KEYVAL_STATS"},
		Env:    []string{"KEYVAL_NODE_1=" + node.addr, "KEYVAL_NODE_2=" + node.addr, "KEYVAL_NODE_3=" + node.addr},
	})
	url := balancer.URL("KEYVAL_LISTEN")
	ask(t, http.MethodGet, url+"/keys/a")
	node.hangUp.Store(true)
	ask(t, http.MethodPost, url+"/queue/ack/a%2Fb?receipt=s3cret")
	// It answers first and logs then.
	await.That(t, "the request is logged", func() bool { return strings.Contains(balancer.Logs(), `"POST /queue/ack/a%2Fb HTTP/1.1"`) })
	if got := balancer.Logs(); strings.Contains(got, "s3cret") || strings.Contains(got, "/keys/a") {
		t.Errorf("the log is %s", got)
	}
}

func TestTheBalancerShowsItsMetrics(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile(shippedConfig)
	if err != nil {
		t.Fatal(err)
	}
	unused := nodetest.MustReserveAddr(t)
	balancer := nodetest.MustStartHAProxy(t, nodetest.HAProxyConfig{
		Config: string(config),
		Listen: []string{"KEYVAL_LISTEN", "KEYVAL_STATS"},
		Env:    []string{"KEYVAL_NODE_1=" + unused, "KEYVAL_NODE_2=" + unused, "KEYVAL_NODE_3=" + unused},
	})
	if got := mustGet(t, balancer.URL("KEYVAL_STATS")+"/metrics"); !strings.Contains(got, "haproxy_server_status") {
		t.Errorf("got %.200q", got)
	}
	conn, err := net.Dial("tcp", balancer.Addr("KEYVAL_LISTEN"))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
