package node_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/authority"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/testnode"
)

// pemFiles are a certificate, its key and an authority in a directory.
type pemFiles struct{ cert, key, ca string }

func newPEMFiles(t *testing.T) pemFiles {
	dir := t.TempDir()
	return pemFiles{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")}
}

func mustAuthority(t *testing.T, name string) *authority.Authority {
	t.Helper()
	a, err := authority.New(name, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// mustIssue writes a certificate for loopback that a has signed at a time.
func (f pemFiles) mustIssue(t *testing.T, a *authority.Authority, at time.Time) {
	t.Helper()
	cert, key, err := a.Issue("node", []string{"127.0.0.1", "localhost"}, at)
	if err != nil {
		t.Fatal(err)
	}
	mustReplace(t, f.cert, cert)
	mustReplace(t, f.key, key)
}

// mustReplace puts content in the place of a file at once.
func mustReplace(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// trusting is a client's configuration that knows some authorities.
func trusting(authorities ...*authority.Authority) *tls.Config {
	pool := x509.NewCertPool()
	for _, a := range authorities {
		pool.AppendCertsFromPEM(a.CertPEM())
	}
	return &tls.Config{RootCAs: pool}
}

// as is the configuration of a client that shows a certificate of an authority.
func as(t *testing.T, config *tls.Config, a *authority.Authority) *tls.Config {
	t.Helper()
	cert, key, err := a.Issue("client", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	config = config.Clone()
	// It is shown whether the server wants this authority's or another's.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return config
}

// A tlsNode is a node of this process with TLS, of which one can see what it has read.
type tlsNode struct {
	*testnode.Node
	metrics *prometheus.Registry
	log     *journal
}

func mustStartTLSNode(t *testing.T, change func(*node.Config)) *tlsNode {
	t.Helper()
	n := &tlsNode{metrics: prometheus.NewRegistry(), log: &journal{}}
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.Registerer, cfg.Gatherer = n.metrics, n.metrics
	cfg.Logger = n.log.logger()
	change(&cfg)
	n.Node = testnode.MustStartNode(t, cfg)
	return n
}

// secret is a metric's value for a secret.
func (n *tlsNode) secret(t *testing.T, metric, secret string) float64 {
	t.Helper()
	families, err := n.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == metric && m.GetLabel()[0].GetValue() == secret {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s of %s", metric, secret)
	return 0
}

// awaitLoaded waits until the node uses what was written after a time.
func (n *tlsNode) awaitLoaded(t *testing.T, secret string, after time.Time) {
	t.Helper()
	await.That(t, "the node has loaded "+secret, func() bool {
		return n.secret(t, "keyval_secret_loaded_timestamp_seconds", secret) >= float64(after.UnixNano())/1e9
	}, n.log.String)
}

// newTLSTransport is a client of its own, by HTTP/2 if the server can.
func newTLSTransport(t *testing.T, config *tls.Config) *http.Transport {
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// get makes one request and tells whether it went over a connection that was there.
func get(ctx context.Context, transport *http.Transport, url string) (reused bool, answer *http.Response, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, nil, err
	}
	answer, err = transport.RoundTrip(request)
	return reused, answer, err
}

// shownCertificate is how a new connection to a node goes: the serial number of its certificate.
func shownCertificate(t *testing.T, n *tlsNode, config *tls.Config) (string, error) {
	t.Helper()
	config = config.Clone()
	transport := newTLSTransport(t, config)
	_, answer, err := get(t.Context(), transport, n.URL()+"/healthz")
	if err != nil {
		return "", err
	}
	_ = answer.Body.Close()
	return answer.TLS.PeerCertificates[0].SerialNumber.String(), nil
}

func TestACertificateThatIsReplacedIsThatOfNewConnectionsAndDisturbsNone(t *testing.T) {
	t.Parallel()
	first, second := mustAuthority(t, "first"), mustAuthority(t, "second")
	files := newPEMFiles(t)
	files.mustIssue(t, first, time.Now())
	n := mustStartTLSNode(t, func(c *node.Config) { c.TLSCert, c.TLSKey = files.cert, files.key })
	before, err := shownCertificate(t, n, trusting(first))
	if err != nil {
		t.Fatal(err)
	}
	transport := newTLSTransport(t, trusting(first))
	_, stream, err := get(t.Context(), transport, n.URL()+"/watch?key=a")
	if err != nil || stream.StatusCode != http.StatusOK {
		t.Fatalf("watch: %v, %v", stream, err)
	}
	defer stream.Body.Close()
	events := bufio.NewReader(stream.Body)

	replaced := time.Now()
	files.mustIssue(t, second, time.Now())
	n.awaitLoaded(t, "api_tls", replaced)

	if after, err := shownCertificate(t, n, trusting(second)); err != nil || after == before {
		t.Errorf("a new connection got certificate %s, error %v, want another one than %s", after, err, before)
	}
	put, err := http.NewRequestWithContext(t.Context(), http.MethodPut, n.URL()+"/keys/a", strings.NewReader("1"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(put)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("on the old connection: %v, %v", answer, err)
	}
	if answer.ProtoMajor != 2 {
		t.Errorf("got %s, want HTTP/2", answer.Proto)
	}
	_ = answer.Body.Close()
	for {
		line, err := events.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream has ended: %v", err)
		}
		if strings.Contains(line, `"versionstamp"`) {
			break // the change was told on the stream that began before
		}
	}
}

func TestFilesThatCannotBeUsedLeaveInUseWhatWasThereAndAreToldOnce(t *testing.T) {
	t.Parallel()
	ours := mustAuthority(t, "ours")
	good, other := newPEMFiles(t), newPEMFiles(t)
	other.mustIssue(t, ours, time.Now())
	tests := []struct {
		name  string
		spoil func(t *testing.T)
		says  string
	}{
		{"a key that belongs to another certificate", func(t *testing.T) { mustReplace(t, good.key, mustRead(t, other.key)) }, "are no pair"},
		{"half a certificate", func(t *testing.T) { mustReplace(t, good.cert, mustRead(t, good.cert)[:200]) }, "are no pair"},
		{"an empty file", func(t *testing.T) { mustReplace(t, good.cert, nil) }, "are no pair"},
		{"no file", func(t *testing.T) { mustRemove(t, good.key) }, "no such file"},
		{"an expired certificate", func(t *testing.T) { good.mustIssue(t, ours, time.Now().Add(-2*authority.CertificateLife)) }, "has expired at"},
		{"a certificate to come", func(t *testing.T) { good.mustIssue(t, ours, time.Now().Add(time.Hour)) }, "is not valid before"},
	}
	good.mustIssue(t, ours, time.Now())
	n := mustStartTLSNode(t, func(c *node.Config) { c.TLSCert, c.TLSKey = good.cert, good.key })
	for i, test := range tests {
		before, err := shownCertificate(t, n, trusting(ours))
		if err != nil {
			t.Fatal(err)
		}
		test.spoil(t)
		await.That(t, test.name+" is told", func() bool { return n.secret(t, "keyval_secret_unusable", "api_tls") == 1 }, n.log.String)
		if now, err := shownCertificate(t, n, trusting(ours)); err != nil || now != before {
			t.Errorf("%s: got certificate %s, error %v, want %s as before", test.name, now, err, before)
		}
		replaced := time.Now()
		good.mustIssue(t, ours, time.Now())
		n.awaitLoaded(t, "api_tls", replaced)
		if got := n.secret(t, "keyval_secret_unusable", "api_tls"); got != 0 {
			t.Errorf("%s is not over when the files are good again", test.name)
		}
		warnings := strings.Split(strings.TrimSpace(grep(n.log.String(), "files have changed and cannot be used")), "\n")
		if len(warnings) != i+1 || !strings.Contains(warnings[i], test.says) {
			t.Errorf("%s: got %d warnings, the last of them %s; want one more, with %q", test.name, len(warnings), warnings[len(warnings)-1], test.says)
		}
	}
}

func grep(text, what string) (found string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, what) {
			found += line
		}
	}
	return found
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func mustRemove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

func TestReloadReadsAtOnceAndTheMetricTellsWhenTheCertificateExpires(t *testing.T) {
	t.Parallel()
	ours := mustAuthority(t, "ours")
	files := newPEMFiles(t)
	files.mustIssue(t, ours, time.Now().Add(-24*time.Hour))
	n := mustStartTLSNode(t, func(c *node.Config) { c.TLSCert, c.TLSKey = files.cert, files.key })
	before := n.secret(t, "keyval_tls_certificate_expiry_timestamp_seconds", "api_tls")
	files.mustIssue(t, ours, time.Now())
	n.Reload()
	await.That(t, "the metric tells of a day more", func() bool {
		return n.secret(t, "keyval_tls_certificate_expiry_timestamp_seconds", "api_tls")-before > (23 * time.Hour).Seconds()
	}, n.log.String)
}

func TestTLSIsAtLeast12(t *testing.T) {
	t.Parallel()
	ours := mustAuthority(t, "ours")
	files := newPEMFiles(t)
	files.mustIssue(t, ours, time.Now())
	n := mustStartTLSNode(t, func(c *node.Config) { c.TLSCert, c.TLSKey = files.cert, files.key })
	for version, good := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		config := trusting(ours)
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, version
		if _, err := shownCertificate(t, n, config); (err == nil) != good {
			t.Errorf("%s: got %v, want success %v", tls.VersionName(version), err, good)
		}
	}
}

func TestClientsCertificatesAreOptionalAndAreThoseOfTheAuthoritiesThatAreThereNow(t *testing.T) {
	t.Parallel()
	ours, first, second := mustAuthority(t, "ours"), mustAuthority(t, "first"), mustAuthority(t, "second")
	files := newPEMFiles(t)
	files.mustIssue(t, ours, time.Now())
	mustReplace(t, files.ca, first.CertPEM())
	n := mustStartTLSNode(t, func(c *node.Config) { c.TLSCert, c.TLSKey, c.TLSClientCA = files.cert, files.key, files.ca })
	// Both resume sessions, which must not outlive their authority.
	clients := map[string]*tls.Config{"first": as(t, trusting(ours), first), "second": as(t, trusting(ours), second)}
	for _, config := range clients {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	}
	steps := []struct {
		authorities []*authority.Authority
		let         map[string]bool
	}{
		{[]*authority.Authority{first}, map[string]bool{"first": true, "second": false}},
		{[]*authority.Authority{first, second}, map[string]bool{"first": true, "second": true}},
		{[]*authority.Authority{second}, map[string]bool{"first": false, "second": true}},
	}
	for i, step := range steps {
		replaced := time.Now()
		var bundle []byte
		for _, a := range step.authorities {
			bundle = append(bundle, a.CertPEM()...)
		}
		mustReplace(t, files.ca, bundle)
		if i > 0 {
			n.awaitLoaded(t, "api_tls", replaced)
		}
		for name, good := range step.let {
			if _, err := shownCertificate(t, n, clients[name]); (err == nil) != good {
				t.Errorf("step %d: a client of %s got %v, want success %v", i+1, name, err, good)
			}
		}
		if _, err := shownCertificate(t, n, trusting(ours)); err != nil {
			t.Errorf("step %d: a client without a certificate got %v", i+1, err)
		}
	}
}
