package node_test

import (
	"bytes"
	"encoding/base64"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// keyFile is the content of a key file with a key of each letter.
func keyFile(letters string) []byte {
	var file bytes.Buffer
	for _, letter := range letters {
		file.WriteString(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(string(letter)), 32)) + "\n")
	}
	return file.Bytes()
}

func TestSIGHUPHasANodeReadItsFilesAtOnceAndDoesNotEndIt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gossip.keys")
	mustReplace(t, file, keyFile("a"))
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), Flags: []string{"--gossip-key-file", file, "--ephemeral"}})
	mustReplace(t, file, []byte("sesame, open"))
	if err := n.Process().Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the node says what is wrong with the file", func() bool {
		return strings.Contains(n.Logs(), "gossip-key-file: key 1 is not base64")
	}, n.Logs)
	if strings.Contains(n.Logs(), "sesame") {
		t.Error("the log holds what was in the file")
	}
	mustReplace(t, file, keyFile("ab"))
	if err := n.Process().Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the node uses the keys", func() bool { return strings.Contains(n.Logs(), "gossip uses the keys that were read again") }, n.Logs)
	if !ready(t.Context(), n.URL()) {
		t.Error("the node does not serve any more")
	}
}

func TestAKeyFileThatCannotBeUsedIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gossip.keys")
	for content, says := range map[string]string{"": "holds no key", "# none\n": "holds no key", "sesame": "not base64", "aHVzaA==": "4 bytes"} {
		mustReplace(t, file, []byte(content))
		cfg := testnode.NodeConfig(t.TempDir())
		cfg.GossipKeyFile = file
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), "gossip-key-file: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want a line about gossip-key-file with %q", content, err, says)
		}
	}
	if _, err := node.DecodeGossipKeys([]string{"sesame"}); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("got %v, want an error without the key", err)
	}
}
