package node_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/access/authfile"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// mustWriteTokens replaces the file of tokens at once, as keyval token does.
func mustWriteTokens(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestTheFileOfTokensIsReadAgainAndABadOneChangesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.jsonc")
	mustWriteTokens(t, path, `{"tokens": [{"name": "web", "scopes": ["read"]}, {"name": "old", "scopes": ["read"]}]}`)
	var log journal
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.AuthFile, cfg.Logger = path, log.logger()
	testnode.MustStartNode(t, cfg)
	says := func(parts ...string) func() bool {
		return func() bool {
			for line := range strings.Lines(log.String()) {
				found := true
				for _, part := range parts {
					found = found && strings.Contains(line, part)
				}
				if found {
					return true
				}
			}
			return false
		}
	}
	if !says("level=INFO", "callers need a token", "tokens=2")() {
		t.Errorf("it does not say how many tokens there are:\n%s", log.String())
	}
	mustWriteTokens(t, path, `{"tokens": [{"name": "web", "scopes": ["reed"]}]}`)
	await.That(t, "it warns of the bad file", says("level=WARN", "the tokens are those of before", "tokens.jsonc: line 1, column 13", "reed"), log.String)
	mustWriteTokens(t, path, `{"tokens": [{"name": "web", "scopes": ["write"]}, {"name": "new", "scopes": ["read"]}]}`)
	await.That(t, "one record names what has changed", says("audit", "action=tokens", "added=[new]", "gone=[old]", "changed=[web]"), log.String)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	await.That(t, "it warns of the file that is gone", says("level=WARN", "the tokens are those of before", "no such file"), log.String)
}

func TestWithoutTokensANodeListensForThisMachineAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.jsonc")
	mustWriteTokens(t, path, `{"tokens": []}`)
	tests := map[string]struct {
		change  func(*node.Config)
		refused bool
		warns   bool
	}{
		"another address":           {func(c *node.Config) { c.HTTPAddr = "0.0.0.0:0" }, true, false},
		"another address, insecure": {func(c *node.Config) { c.HTTPAddr, c.Insecure = "0.0.0.0:0", true }, false, false},
		"another address, tokens":   {func(c *node.Config) { c.HTTPAddr, c.AuthFile = "0.0.0.0:0", path }, false, true},
		"a name of loopback":        {func(c *node.Config) { c.HTTPAddr = "localhost:0" }, false, false},
		"loopback, tokens":          {func(c *node.Config) { c.AuthFile = path }, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log journal
			cfg := testnode.NodeConfig(t.TempDir())
			cfg.Logger = log.logger()
			test.change(&cfg)
			n, err := node.Start(t.Context(), cfg)
			if test.refused {
				bad, ok := errors.AsType[*node.SettingError](err)
				if !ok || bad.Setting != "http-addr" || !strings.Contains(bad.Problem, "--auth-file") || !strings.Contains(bad.Problem, "--insecure") {
					t.Errorf("got %v, want http-addr refused with both ways out", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			if got := strings.Contains(log.String(), "tokens are sent in the clear"); got != test.warns {
				t.Errorf("got a warning %t, want %t:\n%s", got, test.warns, log.String())
			}
		})
	}
}

// mustFollow opens a stream with a token and returns whether it has ended.
func mustFollow(t *testing.T, url, secret string) (ended func() bool) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/watch/prefix?prefix=users", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the stream is refused with %d", answer.StatusCode)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, answer.Body)
	}()
	return func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

func TestARevokedTokenAndItsStreamEndAndOthersGoOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.jsonc")
	secrets := map[string]string{}
	for _, name := range []string{"stays", "goes"} {
		entry, secret := authfile.New(access.Token{Name: name, Scopes: []access.Scope{access.Read, access.Watch}}, nil, false)
		secrets[name] = secret
		nodetest.Check(t, authfile.Update(path, func(content []byte) ([]byte, error) { return authfile.Append(content, entry, node.TokenRules) }))
	}
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.AuthFile = path
	n := testnode.MustStartNode(t, cfg)
	if got := statusWith(t, n.URL(), ""); got != http.StatusUnauthorized {
		t.Errorf("without a token: got %d, want 401", got)
	}
	stays, goes := mustFollow(t, n.URL(), secrets["stays"]), mustFollow(t, n.URL(), secrets["goes"])
	nodetest.Check(t, authfile.Update(path, func(content []byte) ([]byte, error) {
		edited, _, err := authfile.Remove(content, "goes", node.TokenRules)
		return edited, err
	}))
	n.Reload() // what it would see by itself a moment later
	await.That(t, "the stream of the revoked token ends", goes)
	await.That(t, "the revoked token is refused", func() bool { return statusWith(t, n.URL(), secrets["goes"]) == http.StatusUnauthorized })
	if got := statusWith(t, n.URL(), secrets["stays"]); got != http.StatusOK {
		t.Errorf("the other token: got %d, want 200", got)
	}
	if stays() {
		t.Error("the stream of the other token has ended, too")
	}
}

// statusWith is the answer to a reader with a token.
func statusWith(t *testing.T, url, secret string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/keys?prefix=users", nil)
	if err != nil {
		t.Fatal(err)
	}
	if secret != "" {
		request.Header.Set("Authorization", "Bearer "+secret)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
