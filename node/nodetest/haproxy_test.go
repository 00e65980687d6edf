package nodetest_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/node/nodetest"
)

const twoServers = `
defaults
  mode http
  timeout connect 60s
  timeout client 60s
  timeout server 60s
frontend web
  bind "${WEB}"
  default_backend nodes
frontend stats
  bind "${STATS}"
  stats enable
  stats uri /
backend nodes
  balance roundrobin
  server one "${ONE}"
  server two "${TWO}"
`

// nameServer answers every request with a name; it returns host:port.
func nameServer(t *testing.T, name string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, name)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func mustGet(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestHAProxyBalancesBetweenTheServersOfItsConfiguration(t *testing.T) {
	t.Parallel()
	balancer := nodetest.MustStartHAProxy(t, nodetest.HAProxyConfig{
		Config: twoServers,
		Listen: []string{"WEB", "STATS"},
		Env:    []string{"ONE=" + nameServer(t, "one"), "TWO=" + nameServer(t, "two")},
	})
	first, second := mustGet(t, balancer.URL("WEB")), mustGet(t, balancer.URL("WEB"))
	if first == second || len(first) != 3 || len(second) != 3 {
		t.Errorf("got %q and %q, want one and two", first, second)
	}
	if got := mustGet(t, balancer.URL("STATS")); !strings.Contains(got, "Statistics Report") {
		t.Errorf("the statistics page is %.200q", got)
	}
	for range 2 {
		if err := balancer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if conn, err := net.Dial("tcp", balancer.Addr("WEB")); err == nil {
		_ = conn.Close()
		t.Error("it still listens after Close")
	}
}

func TestAConfigurationThatHAProxyRefusesIsQuotedInTheError(t *testing.T) {
	t.Parallel()
	balancer, err := nodetest.StartHAProxy(t.Context(), nodetest.HAProxyConfig{
		Config: "nonsense here\n",
		Listen: []string{"WEB"},
	})
	if err == nil {
		_ = balancer.Close()
		t.Fatal("it started")
	}
	nodetest.SkipIfMissing(t, err)
	if !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("the error does not quote the line: %v", err)
	}
}

func TestAConfigurationIsCheckedWithoutRunningIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config, wantError string
	}{
		"good":      {twoServers, ""},
		"bad":       {twoServers + "  server three\n", "'server' expects"},
		"suspected": {"defaults\n  mode http\n" + "frontend web\n  bind 127.0.0.1:1\n", "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "haproxy.cfg")
			if err := os.WriteFile(file, []byte(test.config), 0o600); err != nil {
				t.Fatal(err)
			}
			err := nodetest.CheckHAProxyConfig(t.Context(), file,
				"WEB=127.0.0.1:1", "STATS=127.0.0.1:2", "ONE=127.0.0.1:3", "TWO=127.0.0.1:4")
			nodetest.SkipIfMissing(t, err)
			if test.wantError == "" && err != nil || test.wantError != "" && !strings.Contains(fmt.Sprint(err), test.wantError) {
				t.Errorf("got %v, want an error with %q", err, test.wantError)
			}
		})
	}
}
