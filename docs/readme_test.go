// Package docs tests what the documentation says.
package docs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/node/nodetest"
)

const (
	root   = ".."
	readme = "../README.md"
	// servesOn is where a node serves by default, and where the examples find it.
	// Here each gets a port of its own.
	servesOn = "127.0.0.1:8080"
)

func mustReadBlocks(t *testing.T, file string) []block {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found, err := blocks(string(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return found
}

// TestTheReadmesCommandsDoWhatItSays runs the page from top to bottom, as a reader
// would who pastes one block after the other.
func TestTheReadmesCommandsDoWhatItSays(t *testing.T) {
	t.Parallel()
	page := newPage(t)
	ran := 0
	printed := ""
	for _, b := range mustReadBlocks(t, readme) {
		where := fmt.Sprintf("README.md:%d", b.line)
		switch {
		case b.is("sh"):
			printed = page.run(t, where, b.text)
			ran++
		case b.is("sh", "background"):
			page.start(t, where, b.text)
			ran++
		case b.is("json"), b.is("text"):
			if got, want := normal(printed), normal(b.text); got != want {
				t.Errorf("%s: it prints\n%s\nwant\n%s", where, got, want)
			}
		case b.is("sh", "skip"), b.language != "sh":
		default:
			t.Errorf("%s: unknown words %v", where, b.words)
		}
		if t.Failed() {
			return // what follows builds on it
		}
	}
	if ran == 0 {
		t.Error("README.md shows no command")
	}
}

// TestTheReadmesProgramsCompile builds every go block.
func TestTheReadmesProgramsCompile(t *testing.T) {
	t.Parallel()
	for _, b := range mustReadBlocks(t, readme) {
		if !b.is("go") {
			continue
		}
		// In the module, so that it can import it; git ignores bin, and a leading _
		// keeps it out of ./...
		if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		dir, err := os.MkdirTemp(filepath.Join(root, "bin"), "_readme-*") //nolint:usetesting // t.TempDir is outside of the module
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		file := filepath.Join(dir, "main.go")
		if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if output, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("README.md:%d: %v\n%s", b.line, err, output)
		}
	}
}

// page is one reader: a place for data, and a port where the node serves.
type page struct {
	addr string
	env  []string
}

func newPage(t *testing.T) *page {
	data := t.TempDir()
	// An example that gets an error is wrong, even if curl is content.
	if err := os.WriteFile(filepath.Join(data, ".curlrc"), []byte("fail-with-body\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &page{addr: nodetest.MustReserveAddr(t)}
	p.env = []string{
		"CURL_HOME=" + data,
		"KEYVAL_HTTP_ADDR=" + p.addr,
		"KEYVAL_GOSSIP_ADDR=" + nodetest.MustReserveAddr(t),
		"KEYVAL_RAFT_ADDR=" + nodetest.MustReserveAddr(t),
		"KEYVAL_DATA_DIR=" + filepath.Join(data, "node"),
		"LIBSQL_URL=file:" + filepath.Join(data, "keyval.db"),
	}
	return p
}

func (p *page) command(script string) nodetest.Command {
	script = strings.NewReplacer(servesOn, p.addr, "localhost:8080", p.addr).Replace(script)
	return nodetest.Command{Path: "/bin/bash", Args: []string{"-euo", "pipefail", "-c", script}, Env: p.env, Dir: root}
}

// run runs a block to its end and returns what it printed.
func (p *page) run(t *testing.T, where, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := p.command(script)
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir, cmd.Env = c.Dir, append(os.Environ(), c.Env...)
	var output, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &complaints
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v\n%s%s", where, err, output.String(), complaints.String())
	}
	return output.String()
}

// start starts a block that serves, and returns when the node is ready.
func (p *page) start(t *testing.T, where, script string) {
	t.Helper()
	process := nodetest.NewProcess(p.command(script))
	if err := process.Start(); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	t.Cleanup(func() { _ = process.Close() })
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	// It builds the program first.
	deadline := time.Now().Add(8 * time.Minute)
	for {
		response, err := client.Get("http://" + p.addr + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-process.Exited():
			t.Fatalf("%s: it ended: %v\n%s", where, process.ExitErr(), process.Logs())
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not ready; it wrote:\n%s", where, process.Logs())
		}
	}
}

// changing is what differs from run to run: versionstamps, ids, times in ms.
var changing = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{20}\b`), "VERSIONSTAMP"},
	{regexp.MustCompile(`\b1[0-9]{12}\b`), "TIME"},
}

// normal brings output and expectation to the same form: changing parts named, and
// JSON, one value a line or spread over several, without white space.
func normal(output string) string {
	for _, part := range changing {
		output = part.pattern.ReplaceAllString(output, part.by)
	}
	var compact strings.Builder
	for decoder := json.NewDecoder(strings.NewReader(output)); decoder.More(); {
		var value any
		if err := decoder.Decode(&value); err != nil {
			return strings.TrimSpace(output) // it is no JSON
		}
		line, err := json.Marshal(value)
		if err != nil {
			return strings.TrimSpace(output)
		}
		compact.Write(line)
		compact.WriteString("\n")
	}
	return strings.TrimSpace(compact.String())
}

func TestOutputIsComparedWithoutWhatChanges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		output, want string
		same         bool
	}{
		{`{"a":1,"versionstamp":"00000000000000010000"}`, "{\n \"versionstamp\": \"0000000000000009000a\", \"a\": 1 }\n", true},
		{"{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}{\"b\":2}", true},
		{`{"id":"01890b5e-7c4b-7cc3-98c4-dc0c0c07398f","at":1790000000000}`, `{"id":"01890b5e-7c4b-7cc3-98c4-000000000000","at":1780000000000}`, true},
		{"plain text\n", "plain text", true},
		{`{"a":1}`, `{"a":2}`, false},
		{`{"a":1}`, "", false},
		{"plain", "plane", false},
	} {
		if got := normal(test.output) == normal(test.want); got != test.same {
			t.Errorf("%q and %q: got same %t, want %t", test.output, test.want, got, test.same)
		}
	}
}
