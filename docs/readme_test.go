// Package docs tests what the documentation says.
package docs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

const (
	root   = ".."
	readme = "../README.md"
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
// would who pastes one block after the other, all in one directory.
func TestTheReadmesCommandsDoWhatItSays(t *testing.T) {
	t.Parallel()
	page := newPage(t)
	page.follow(t, readme)
	await.That(t, "the worker prints the mail that was enqueued after it", func() bool {
		return strings.Contains(page.worker.Logs(), "bob@example.com") && !strings.Contains(page.worker.Logs(), "alice@example.com")
	})
}

// TestTheBenchmarkPagesCommandsDoWhatItSays does the same with the page on measuring.
func TestTheBenchmarkPagesCommandsDoWhatItSays(t *testing.T) {
	t.Parallel()
	newPage(t).follow(t, "bench.md")
}

// page is one reader: a place for data, and an address of the machine's own on which
// the ports of the examples are free.
type page struct {
	host    string
	env     []string
	running []*nodetest.Process
	worker  *nodetest.Process
}

func newPage(t *testing.T) *page {
	t.Helper()
	data := t.TempDir()
	// An example that gets an error is wrong, even if curl is content.
	if err := os.WriteFile(filepath.Join(data, ".curlrc"), []byte("fail-with-body\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &page{host: mustFindHost(t, 7946, 7947, 8080, 8081, 8082)}
	p.env = []string{
		"CURL_HOME=" + data,
		"KEYVAL_HTTP_ADDR=" + p.host + ":8080",
		"KEYVAL_URL=http://" + p.host + ":8080",
		"KEYVAL_GOSSIP_ADDR=" + p.host + ":7946",
		"KEYVAL_RAFT_ADDR=" + p.host + ":7947",
		"KEYVAL_DATA_DIR=" + filepath.Join(data, "node"),
		"LIBSQL_URL=file:" + filepath.Join(data, "keyval.db"),
	}
	deno, err := nodetest.FindDeno()
	nodetest.Check(t, err)
	p.env = append(p.env, "PATH="+os.Getenv("PATH")+":"+filepath.Dir(deno), "DENO_DIR="+data)
	return p
}

// mustFindHost is a loopback address on which all these ports are free. There are
// 16 million: whoever else looks for one hardly ever takes the same.
func mustFindHost(t *testing.T, ports ...int) string {
	t.Helper()
	for range 100 {
		host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
		if free(host, ports) {
			return host
		}
	}
	t.Skip("no loopback address but 127.0.0.1 on this machine")
	return ""
}

func free(host string, ports []int) bool {
	for _, port := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// here puts the page's address in place of the examples'.
func (p *page) here(text string) string {
	return strings.NewReplacer("127.0.0.1:80", p.host+":80", "localhost:80", p.host+":80").Replace(text)
}

// follow does what a Markdown file says, from top to bottom.
func (p *page) follow(t *testing.T, file string) {
	t.Helper()
	ran := 0
	printed := ""
	for _, b := range mustReadBlocks(t, file) {
		where := fmt.Sprintf("%s:%d", filepath.Base(file), b.line)
		switch {
		case b.is("sh"):
			printed = p.run(t, where, b.text)
			ran++
		case b.is("sh", "background"):
			p.start(t, where, b.text)
			ran++
		case b.is("sh", "instead"):
			p.interrupt(t)
			p.start(t, where, b.text)
			p.awaitLeader(t)
			ran++
		case b.is("go"):
			p.startProgram(t, where, b.text)
			ran++
		case b.is("json"), b.is("text"):
			mustPrint(t, where, printed, b.text)
		case b.is("sh", "skip"), b.language != "sh":
		default:
			t.Errorf("%s: unknown words %v", where, b.words)
		}
		if t.Failed() {
			t.FailNow() // what follows builds on it
		}
	}
	if ran == 0 {
		t.Errorf("%s shows no command", file)
	}
}

// mustPrint compares what a command printed with what the page says that it prints.
func mustPrint(t *testing.T, where, printed, said string) {
	t.Helper()
	if got, want := normal(printed), normal(said); got != want {
		t.Errorf("%s: it prints\n%s\nwant\n%s", where, got, want)
	}
	if lines := strings.Count(strings.TrimSpace(said), "\n"); strings.Count(strings.TrimSpace(printed), "\n") != lines {
		t.Errorf("%s: it prints\n%s\nwant %d lines", where, printed, lines+1)
	}
}

func (p *page) command(script string) nodetest.Command {
	return nodetest.Command{Path: "/bin/bash", Args: []string{"-euo", "pipefail", "-c", p.here(script)}, Env: p.env, Dir: root}
}

// launch starts a command that ends with the page.
func (p *page) launch(t *testing.T, where string, c nodetest.Command) *nodetest.Process {
	t.Helper()
	process := nodetest.NewProcess(c)
	if err := process.Start(); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	t.Cleanup(func() { _ = process.Close() })
	p.running = append(p.running, process)
	return process
}

// interrupt ends what was started, as Ctrl-C does.
func (p *page) interrupt(t *testing.T) {
	t.Helper()
	for _, process := range p.running {
		if err := process.Close(); err != nil {
			t.Errorf("%v\n%s", err, process.Logs())
		}
	}
	p.running = nil
	await.That(t, "nobody listens any more", func() bool { return free(p.host, []int{7946, 7947, 8080}) })
}

func (p *page) awaitLeader(t *testing.T) {
	t.Helper()
	await.That(t, "one of the nodes leads", func() bool {
		response, err := http.Get("http://" + p.host + ":8081/cluster")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		var cluster struct{ Leader *struct{ ID string } }
		return json.NewDecoder(response.Body).Decode(&cluster) == nil && cluster.Leader != nil
	})
}

// startProgram builds and starts a Go program.
func (p *page) startProgram(t *testing.T, where, text string) {
	t.Helper()
	p.worker = p.launch(t, where, nodetest.Command{Path: mustBuild(t, where, p.here(text)), Env: p.env})
}

// TestTheGuidesProgramsCompile builds every go block of the pages that show whole
// programs.
func TestTheGuidesProgramsCompile(t *testing.T) {
	t.Parallel()
	for _, b := range mustReadBlocks(t, "queues.md") {
		if b.is("go") {
			mustBuild(t, fmt.Sprintf("queues.md:%d", b.line), b.text)
		}
	}
}

// mustBuild compiles a Go program.
func mustBuild(t *testing.T, where, text string) string {
	t.Helper()
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
	file, binary := filepath.Join(dir, "main.go"), filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("go", "build", "-o", binary, file).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", where, err, output)
	}
	return binary
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
	process := p.launch(t, where, p.command(script))
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	// It builds the program first.
	deadline := time.Now().Add(8 * time.Minute)
	for {
		response, err := client.Get("http://" + p.host + ":8080/readyz")
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
