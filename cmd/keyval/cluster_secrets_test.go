package main

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mustSecrets runs keyval cluster secrets for a directory.
func mustSecrets(t *testing.T, dir string, args ...string) (stdout string) {
	t.Helper()
	got := runCommand(t, nil, append([]string{"cluster", "secrets", "--out", dir}, args...)...)
	if got.code != exitClean {
		t.Fatalf("%v: exit code %d: %s", args, got.code, got.stderr)
	}
	return got.stdout
}

func mustReadAll(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// mustVerify fails the test unless a node's certificate is good by the authorities that
// another node has.
func mustVerify(t *testing.T, dir, node, by string, hosts ...string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "nodes", node, "raft.pem"), filepath.Join(dir, "nodes", node, "raft.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(mustReadAll(t, dir, "nodes", by, "raft-ca.pem")))
	for _, host := range append(hosts, "keyval") {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: host}); err != nil {
			t.Errorf("%s by the authorities of %s: %v", node, by, err)
		}
	}
}

func TestSecretsAreMadeForEachNodeAndForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "secrets")
	mustSecrets(t, dir, "--node", "a,10.0.0.1", "--node=b")
	mustSecrets(t, dir, "--node", "c,node-c,fd00::3")
	mustVerify(t, dir, "a", "c", "10.0.0.1")
	mustVerify(t, dir, "c", "b", "node-c", "fd00::3")
	if mustReadAll(t, dir, "nodes", "a", "gossip.keys") != mustReadAll(t, dir, "nodes", "c", "gossip.keys") {
		t.Error("nodes have different gossip keys")
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecretsThatAreThereAreNotOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustSecrets(t, dir, "--node", "a")
	before := mustReadAll(t, dir, "nodes", "a", "raft.pem")
	for _, args := range [][]string{
		{"--node", "a"}, {"--node", "b", "--node", "a"}, {"--node", "../a"}, {"--node", ""}, {"--node", "b,"}, {"--node", "b,10.1"},
		{}, {"--renew", "--rotate", "gossip"}, {"--rotate", "all"},
	} {
		if got := runCommand(t, nil, append([]string{"cluster", "secrets", "--out", dir}, args...)...); got.code != exitBadSetting || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%q: exit code %d: %s", args, got.code, got.stderr)
		}
	}
	if exists(filepath.Join(dir, "nodes", "b")) || mustReadAll(t, dir, "nodes", "a", "raft.pem") != before {
		t.Error("a command that was refused has changed something")
	}
	mustSecrets(t, dir, "--node", "a,10.0.0.1", "--force")
	mustVerify(t, dir, "a", "a", "10.0.0.1")
}

func TestACertificateIsRenewedForTheHostsThatItHad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustSecrets(t, dir, "--node", "a,10.0.0.1")
	before, authority := mustReadAll(t, dir, "nodes", "a", "raft.pem"), mustReadAll(t, dir, "nodes", "a", "raft-ca.pem")
	mustSecrets(t, dir, "--renew")
	if mustReadAll(t, dir, "nodes", "a", "raft.pem") == before || mustReadAll(t, dir, "nodes", "a", "raft-ca.pem") != authority {
		t.Error("want another certificate of the same authority")
	}
	mustVerify(t, dir, "a", "a", "10.0.0.1")
}

func TestAtEachStepOfARotationNodesKnowThoseThatAreAStepBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustSecrets(t, dir, "--node", "a", "--node", "behind")
	for _, what := range []string{"gossip", "raft"} {
		for step := range 3 {
			// The files of a node that has not got them yet.
			kept := t.TempDir()
			if err := os.CopyFS(kept, os.DirFS(filepath.Join(dir, "nodes", "behind"))); err != nil {
				t.Fatal(err)
			}
			mustSecrets(t, dir, "--rotate", what)
			mustKnow(t, filepath.Join(dir, "nodes", "a"), kept)
			mustKnow(t, kept, filepath.Join(dir, "nodes", "a"))
			if keys := strings.Fields(mustReadAll(t, dir, "nodes", "a", "gossip.keys")); what == "gossip" && len(keys) != []int{2, 2, 1}[step] {
				t.Errorf("step %d: %d gossip keys", step+1, len(keys))
			}
		}
	}
	mustVerify(t, dir, "a", "behind")
}

// mustKnow fails the test unless a node can read what another one encrypts, and knows its
// certificate.
func mustKnow(t *testing.T, who, whom string) {
	t.Helper()
	encrypts := strings.Fields(mustReadAll(t, whom, "gossip.keys"))[0]
	if !strings.Contains(mustReadAll(t, who, "gossip.keys"), encrypts) {
		t.Errorf("gossip of %s cannot be read by %s", whom, who)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(whom, "raft.pem"), filepath.Join(whom, "raft.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(mustReadAll(t, who, "raft-ca.pem")))
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "keyval"}); err != nil {
		t.Errorf("the certificate of %s is not known to %s: %v", whom, who, err)
	}
}

func TestAStepThatWasCutOffIsFinishedBeforeTheNextOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustSecrets(t, dir, "--node", "a")
	before := mustReadAll(t, dir, "nodes", "a", "gossip.keys")
	mustSecrets(t, dir, "--rotate", "gossip")
	if err := os.WriteFile(filepath.Join(dir, "nodes", "a", "gossip.keys"), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := mustSecrets(t, dir, "--rotate", "gossip"); strings.Contains(said, "step 2") {
		t.Errorf("got %q, want no further step", said)
	}
	if got := mustReadAll(t, dir, "nodes", "a", "gossip.keys"); !strings.HasPrefix(got, before) || len(got) <= len(before) {
		t.Errorf("got keys %q, want a second one", got)
	}
	if said := mustSecrets(t, dir, "--rotate", "gossip"); !strings.Contains(said, "step 2") {
		t.Errorf("got %q, want the second step", said)
	}
}
