package node_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/authority"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// A rotation is a cluster with every secret that it can have, and a load on it through
// clients that see every failure.
type rotation struct {
	dir   string // of keyval cluster secrets
	db    *sqldb.DB
	nodes []*rotatedNode

	clients   *authority.Authority            // of the clients' certificates
	shows     atomic.Pointer[tls.Certificate] // what clients show
	apiCAs    []*authority.Authority          // what clients trust
	tokens    string                          // what the files of tokens have
	bearer    atomic.Pointer[bearer]          // what clients send
	failures  failureList
	marks     atomic.Int64 // the last that the watch has seen
	processed atomic.Int64 // messages
}

type rotatedNode struct {
	tlsNode
	name   string
	files  string // the directory with what nodes/NAME has
	api    pemFiles
	client *client.Client
}

// failureList takes what clients see go wrong.
type failureList struct {
	mu    sync.Mutex
	seen  []string
	total int64
}

func (l *failureList) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, time.Now().Format("15:04:05.000 ")+err.Error())
}

// A bearer is a token's secret, with how many requests have it on their way.
type bearer struct {
	secret  string
	sending atomic.Int64
}

// hold counts a request by the token of the moment.
func hold(now *atomic.Pointer[bearer]) *bearer {
	for {
		b := now.Load()
		b.sending.Add(1)
		if now.Load() == b {
			return b
		}
		b.sending.Add(-1)
	}
}

// strict is a transport under which no failure stays hidden by a repetition.
type strict struct {
	*http.Transport
	bearer *atomic.Pointer[bearer]
	to     *failureList
}

func (s strict) RoundTrip(r *http.Request) (*http.Response, error) {
	b := hold(s.bearer)
	defer b.sending.Add(-1)
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.secret)
	answer, err := s.Transport.RoundTrip(r)
	atomic.AddInt64(&s.to.total, 1)
	switch {
	case err != nil && r.Context().Err() == nil:
		s.to.note(fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err))
	case err == nil && answer.StatusCode >= 400 && answer.StatusCode != http.StatusNotFound:
		s.to.note(fmt.Errorf("%s %s: %s", r.Method, r.URL.Path, answer.Status))
	}
	return answer, err
}

// secrets runs keyval cluster secrets.
func (r *rotation) secrets(t *testing.T, args ...string) {
	t.Helper()
	code, said, err := nodetest.RunToExit(t.Context(), nodetest.Command{Path: keyval(t), Args: append([]string{"cluster", "secrets", "--out", r.dir}, args...)})
	if err != nil || code != 0 {
		t.Fatalf("%q: exit code %d, error %v: %s", args, code, err, said)
	}
}

// deliver copies a node's secrets to it, file by file.
func (r *rotation) deliver(t *testing.T, n *rotatedNode) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.dir, "nodes", n.name))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		mustReplace(t, filepath.Join(n.files, entry.Name()), mustRead(t, filepath.Join(r.dir, "nodes", n.name, entry.Name())))
	}
}

// start starts a node that has what nodes/NAME has now.
func (r *rotation) start(t *testing.T, name string, api *authority.Authority) {
	t.Helper()
	n := &rotatedNode{name: name, files: t.TempDir(), api: newPEMFiles(t)}
	r.deliver(t, n)
	n.api.mustIssue(t, api, time.Now())
	mustReplace(t, n.api.ca, r.clients.CertPEM())
	n.tlsNode = tlsNode{metrics: prometheus.NewRegistry(), log: &journal{}}
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.Ephemeral, cfg.Database = false, r.db
	cfg.Registerer, cfg.Gatherer = n.metrics, n.metrics
	cfg.Logger = n.log.logger()
	cfg.TLSCert, cfg.TLSKey, cfg.TLSClientCA = n.api.cert, n.api.key, n.api.ca
	cfg.GossipKeyFile = filepath.Join(n.files, "gossip.keys")
	cfg.RaftTLSCert, cfg.RaftTLSKey, cfg.RaftTLSCA = filepath.Join(n.files, "raft.pem"), filepath.Join(n.files, "raft.key"), filepath.Join(n.files, "raft-ca.pem")
	cfg.RaftTLSName = "keyval"
	cfg.AuthFile = n.authFile()
	mustReplace(t, cfg.AuthFile, []byte(r.tokens))
	for _, other := range r.nodes {
		cfg.Join = append(cfg.Join, other.GossipAddr())
	}
	n.Node = testnode.MustStartNode(t, cfg)
	n.client = r.newClient(t, n.URL(), false)
	r.nodes = append(r.nodes, n)
}

func (n *rotatedNode) authFile() string { return filepath.Join(n.files, "tokens.jsonc") }

// newToken is a token that may do everything, as the file has it.
func newToken(name string) (secret, entry string) {
	secret, id, hash := access.NewSecret()
	return secret, fmt.Sprintf(`{"name":%q,"id":%q,"hash":"sha256:%x","scopes":["read","write","queue","watch","admin"]}`, name, id, hash)
}

// admit gives all nodes a file of tokens, and waits until each has read it: until it lets
// in, or does not any more, whoever has the secret.
func (r *rotation) admit(t *testing.T, step, entries, secret string, lets bool) {
	t.Helper()
	r.tokens = `{"tokens":[` + entries + `]}`
	for i, n := range r.nodes {
		mustReplace(t, n.authFile(), []byte(r.tokens))
		if i > 0 {
			n.Reload()
		}
		transport := newTLSTransport(t, trusting(r.apiCAs...))
		await.That(t, step+" on "+n.name, func() bool {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL()+"/cluster", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+secret)
			answer, err := transport.RoundTrip(request)
			if err != nil {
				return false
			}
			_ = answer.Body.Close()
			return (answer.StatusCode == http.StatusOK) == lets
		})
	}
	r.mark(t, step)
}

// rotateTokens has clients use another token, and then revokes the first one. Its streams
// end, and its clients begin them anew.
func (r *rotation) rotateTokens(t *testing.T) {
	t.Helper()
	old, oldEntry := r.bearer.Load(), strings.TrimSuffix(strings.TrimPrefix(r.tokens, `{"tokens":[`), `]}`)
	secret, entry := newToken("new")
	r.admit(t, "another token", oldEntry+","+entry, secret, true)
	r.bearer.Store(&bearer{secret: secret})
	await.That(t, "what was sent with the old token has arrived", func() bool { return old.sending.Load() == 0 })
	r.admit(t, "the new token alone", entry, old.secret, false)
}

// newClient is a client of one node that repeats nothing. With fresh, each of its requests
// has a connection of its own.
func (r *rotation) newClient(t *testing.T, url string, fresh bool) *client.Client {
	t.Helper()
	config := trusting(r.apiCAs...)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return r.shows.Load(), nil }
	transport := newTLSTransport(t, config)
	transport.DisableKeepAlives = fresh
	c, err := client.New(url, client.WithHTTPClient(&http.Client{Transport: strict{transport, &r.bearer, &r.failures}}), client.WithRetry(client.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// show has clients show a new certificate of r.clients from now on.
func (r *rotation) show(t *testing.T) {
	t.Helper()
	cert, key, err := r.clients.Issue("worker", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	r.shows.Store(&pair)
}

// each changes one node after the other; each has loaded a secret before the next one's
// turn: the first because its files have changed, the others because they are told.
func (r *rotation) each(t *testing.T, step, secret string, change func(n *rotatedNode)) {
	t.Helper()
	for i, n := range r.nodes {
		begun := time.Now()
		change(n)
		if i > 0 {
			n.Reload()
		}
		n.awaitLoaded(t, secret, begun)
	}
	r.awaitWhole(t, step)
	r.mark(t, step)
}

func (r *rotation) awaitWhole(t *testing.T, step string) {
	t.Helper()
	await.That(t, "the cluster is whole: "+step, func() bool {
		leaders := map[string]bool{}
		for _, n := range r.nodes {
			status, err := n.client.Cluster(t.Context())
			if err != nil || status.Leader == nil || status.Epoch == 0 {
				return false
			}
			alive := slices.DeleteFunc(slices.Clone(status.Members), func(m api.Member) bool { return m.Status != api.MemberAlive })
			leaders[fmt.Sprint(status.Leader.ID, status.Epoch)] = true
			if len(alive) != len(r.nodes) {
				return false
			}
		}
		return len(leaders) == 1
	}, r.logs)
}

func (r *rotation) logs() (all string) {
	for _, n := range r.nodes {
		all += n.name + ":\n" + n.log.String()
	}
	return all
}

// mark writes what a watch on another node, which began with the test, is to see.
func (r *rotation) mark(t *testing.T, step string) {
	t.Helper()
	want := r.marks.Load() + 1
	if _, err := r.nodes[0].client.Put(t.Context(), api.Key{"mark"}, want); err != nil {
		t.Fatal(err)
	}
	processed := r.processed.Load()
	await.That(t, "the watch tells and the queue moves: "+step, func() bool {
		return r.marks.Load() >= want && r.processed.Load() > processed
	}, r.logs)
}

// watch follows the marks until ctx ends.
func (r *rotation) watch(ctx context.Context, c *client.Client) {
	for event, err := range c.Watch(ctx, api.Key{"mark"}) {
		if err != nil {
			if ctx.Err() == nil {
				r.failures.note(fmt.Errorf("watch: %w", err))
			}
			return
		}
		for _, entry := range event.Entries {
			var n int64
			if _, err := fmt.Sscan(string(entry.Value), &n); err == nil {
				r.marks.Store(max(n, r.marks.Load()))
			}
		}
	}
}

// work sends messages through a queue until ctx ends: in by one node, out by another.
func (r *rotation) work(ctx context.Context, in, out *client.Client) {
	background := context.WithoutCancel(ctx)
	for n := 0; ctx.Err() == nil; n++ {
		_, err := in.Enqueue(background, "rotation", n)
		var taken []api.Message
		if err == nil {
			taken, err = out.Dequeue(background, "rotation")
		}
		for _, m := range taken {
			err = errors.Join(err, out.Ack(background, m))
			r.processed.Add(1)
		}
		if err != nil {
			r.failures.note(fmt.Errorf("queue: %w", err))
		}
	}
}

func TestEverySecretIsRotatedUnderLoadWithoutAFailedRequest(t *testing.T) {
	t.Parallel()
	apiOld, apiNew := mustAuthority(t, "api old"), mustAuthority(t, "api new")
	clientsOld, clientsNew := mustAuthority(t, "clients old"), mustAuthority(t, "clients new")
	r := &rotation{dir: t.TempDir(), clients: clientsOld, apiCAs: []*authority.Authority{apiOld, apiNew}}
	r.show(t)
	secret, entry := newToken("old")
	r.bearer.Store(&bearer{secret: secret})
	r.tokens = `{"tokens":[` + entry + `]}`
	cfg := testnode.NodeConfig(t.TempDir())
	var err error
	if r.db, err = node.OpenDatabase(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.db.Close() })
	r.secrets(t, "--node", "a", "--node", "b", "--node", "c")
	for _, name := range []string{"a", "b", "c"} {
		r.start(t, name, apiOld)
	}
	r.awaitWhole(t, "at the beginning")

	// Each node has a client that keeps its connections and one that makes new ones.
	var stores []store
	for _, n := range r.nodes {
		stores = append(stores, typed{Client: n.client}, typed{Client: r.newClient(t, n.URL(), true)})
	}
	load := startTraffic(t, 2, stores...)
	ctx, end := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	t.Cleanup(func() { end(); workers.Wait() })
	workers.Go(func() { r.watch(ctx, r.nodes[1].client) })
	workers.Go(func() { r.work(ctx, r.nodes[2].client, r.newClient(t, r.nodes[0].URL(), true)) })

	for step := range 3 {
		r.secrets(t, "--rotate", "gossip")
		r.each(t, fmt.Sprintf("gossip key, step %d", step+1), "gossip_keys", func(n *rotatedNode) { r.deliver(t, n) })
	}
	for step := range 3 {
		r.secrets(t, "--rotate", "raft")
		r.each(t, fmt.Sprintf("raft's authority, step %d", step+1), "raft_tls", func(n *rotatedNode) { r.deliver(t, n) })
	}
	r.each(t, "API certificates", "api_tls", func(n *rotatedNode) { n.api.mustIssue(t, apiNew, time.Now()) })
	both := append(clientsOld.CertPEM(), clientsNew.CertPEM()...)
	r.each(t, "both client authorities", "api_tls", func(n *rotatedNode) { mustReplace(t, n.api.ca, both) })
	r.clients = clientsNew
	r.show(t)
	r.each(t, "the new client authority alone", "api_tls", func(n *rotatedNode) { mustReplace(t, n.api.ca, clientsNew.CertPEM()) })

	r.rotateTokens(t)

	// What is new suffices: a node that has never had anything else is one of them.
	r.secrets(t, "--node", "d")
	r.start(t, "d", apiNew)
	r.awaitWhole(t, "with a node more")

	end()
	workers.Wait()
	load.stop()
	load.mustNotFail(t)
	for _, failure := range r.failures.seen {
		t.Error(failure)
	}
	t.Logf("%d requests, %d messages, %d marks", r.failures.total, r.processed.Load(), r.marks.Load())
}
