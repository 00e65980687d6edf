package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/node/testnode"
)

// mustStartSigned starts a node with a certificate of an authority that no system trusts.
func mustStartSigned(t *testing.T) (n *testnode.Node, authority string) {
	t.Helper()
	dir := t.TempDir()
	if got := runCommand(t, nil, "cluster", "secrets", "--out", dir, "--node", "a,127.0.0.1"); got.code != exitClean {
		t.Fatalf("got %+v, want secrets", got)
	}
	secrets := filepath.Join(dir, "nodes", "a")
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.TLSCert, cfg.TLSKey = filepath.Join(secrets, "raft.pem"), filepath.Join(secrets, "raft.key")
	return testnode.MustStartNode(t, cfg), filepath.Join(secrets, "raft-ca.pem")
}

func TestAServerOfAPrivateAuthorityIsMeasuredByWhoTrustsThat(t *testing.T) {
	n, authority := mustStartSigned(t)
	env := map[string]string{"KEYVAL_TLS_CA": authority}
	brief := []string{"--url", n.URL(), "--connections", "2", "--duration", "300ms", "--warm-up", "0"}
	for _, args := range [][]string{{"put", "--keys", "50"}, {"get", "--keys", "50"}, {"queue"}, {"watch", "--watchers", "20"}} {
		if got := runCommand(t, env, append(append([]string{"bench"}, args...), brief...)...); got.code != exitClean || !strings.Contains(got.stderr, "  0 failed") {
			t.Errorf("%s: got %+v, want exit code 0 without failures", args[0], got)
		}
	}
	if got := runCommand(t, nil, quick("put", "--url", n.URL(), "--tls-ca", authority)...); got.code != exitClean {
		t.Errorf("by the flag: got %+v, want exit code 0", got)
	}
	if got := runCommand(t, nil, quick("put", "--url", n.URL())...); got.code != exitFailure || !strings.Contains(got.stderr, "--tls-ca") {
		t.Errorf("without: got %+v, want exit code 1 and what to do", got)
	}
}

func TestAFileWithoutAuthoritiesIsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{empty: "holds no PEM certificate", empty + "x": "no such file"} {
		got := runCommand(t, nil, quick("put", "--url", "https://127.0.0.1:1", "--tls-ca", file)...)
		if got.code != exitBadSetting || !strings.Contains(got.stderr, "tls-ca (flag --tls-ca)") || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: got %+v, want exit code 2 and %q", file, got, want)
		}
	}
}
