package node_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// A balancer on the same machine passes on the name that its clients use.
func TestANodeOnLoopbackBehindABalancerKnowsTheNameThatItIsGiven(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile("../deploy/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		allowed []string
		want    int
	}{
		{"no name allowed", nil, http.StatusMisdirectedRequest},
		{"the name allowed", []string{"kv.example"}, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := testnode.NodeConfig(t.TempDir())
			cfg.AllowedHosts = c.allowed
			n := testnode.MustStartNode(t, cfg)
			addr := n.URL()[len("http://"):]
			balancer := nodetest.MustStartHAProxy(t, nodetest.HAProxyConfig{
				Config: string(config),
				Listen: []string{"KEYVAL_LISTEN", "KEYVAL_STATS"},
				Env:    []string{"KEYVAL_NODE_1=" + addr, "KEYVAL_NODE_2=" + addr, "KEYVAL_NODE_3=" + addr},
			})
			// Its probe, whose Host is another one, finds the node ready in either case.
			await.That(t, "the balancer has a node", func() bool { return statusFor(t, balancer.URL("KEYVAL_LISTEN"), "localhost") == http.StatusOK })
			if got := statusFor(t, balancer.URL("KEYVAL_LISTEN"), "kv.example"); got != c.want {
				t.Errorf("Host: kv.example: got %d, want %d", got, c.want)
			}
		})
	}
}

// statusFor asks a URL for the entries under another name.
func statusFor(t *testing.T, url, host string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/keys?limit=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
