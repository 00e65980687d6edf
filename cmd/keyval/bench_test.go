package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	measurement "github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

func mustStartEmpty(t *testing.T) *testnode.Node {
	t.Helper()
	return testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
}

func mustBeEmpty(t *testing.T, n *testnode.Node) {
	t.Helper()
	count, err := n.Client.Count(t.Context(), api.CountRequest{Consistency: api.Strong})
	if err != nil || count != 0 {
		t.Errorf("got %d entries and %v, want none", count, err)
	}
}

// quick are the flags of a measurement that is over in a moment.
func quick(args ...string) []string {
	return append(append([]string{"bench"}, args...), "--keys", "50", "--connections", "2", "--duration", "300ms", "--warm-up", "0")
}

func TestEachWorkloadIsACommand(t *testing.T) {
	from := newLayers(lookup(nil))
	parser, err := newParser(&cli{}, from, process{stdout: io.Discard, stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, command := range find(parser.Model.Node, "bench").Children {
		if command.Name != "compare" {
			got = append(got, command.Name+": "+command.Help)
		}
	}
	var want []string
	for _, w := range workload.All() {
		want = append(want, w.Name+": "+w.Summary)
	}
	if !slices.Equal(got, want) {
		t.Errorf("commands:\n%s\nworkloads:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheHelpOfAWorkloadSaysWhatHoldsWithoutAFlag(t *testing.T) {
	d := workload.Defaults()
	help := strings.Join(strings.Fields(runCommand(t, nil, "bench", "put", "--help").stdout), " ")
	for flag, usual := range map[string]any{
		"keys": d.Keys, "value-size": d.ValueBytes[0], "mix": d.Mix, "watchers": d.Watchers, "limit": d.Limit, "consistency": "the server's",
	} {
		_, of, _ := strings.Cut(help, "--"+flag+"=")
		of, _, _ = strings.Cut(of, " --")
		if want := fmt.Sprintf("Default: %v.", usual); !strings.Contains(of, want) {
			t.Errorf("--%s: %q is not in %q", flag, want, of)
		}
	}
}

func TestABenchmarkPrintsATableKeepsItsFilesAndCleansUp(t *testing.T) {
	n := mustStartEmpty(t)
	dir := t.TempDir()
	kept, page := filepath.Join(dir, "a.json"), filepath.Join(dir, "a.html")
	got := runCommand(t, nil, quick("mixed", "--mix", "b", "--value-size", "10-1KiB", "--seed", "7",
		"--url", n.URL(), "--name", "my node", "--json", kept, "--html", page)...)
	if got.code != exitClean || !strings.Contains(got.stdout, "my node") || !strings.Contains(got.stdout, "mixed") {
		t.Fatalf("got %+v, want exit code 0 and a table", got)
	}
	file, err := measurement.ReadFile(kept)
	if err != nil || len(file.Runs) != 1 {
		t.Fatalf("got %d runs and %v, want one", len(file.Runs), err)
	}
	s := file.Runs[0].Settings
	if s.Keys != 50 || s.ValueBytes != [2]int{10, 1024} || s.Seed != 7 || s.Connections != 2 || s.Extra["mix"] != "b" {
		t.Errorf("settings: got %+v", s)
	}
	if file.Runs[0].Target != "my node" || file.Machine.Keyval != version() || file.Started.IsZero() || file.Command[1] != "bench" {
		t.Errorf("got %q, %+v, %v, %q", file.Runs[0].Target, file.Machine, file.Started, file.Command)
	}
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "<svg") {
		t.Errorf("the page has no plot (%v)", err)
	}
	mustBeEmpty(t, n)
}

func TestWhereNobodyLooksABenchmarkTellsOfEachSecondInALine(t *testing.T) {
	n := mustStartEmpty(t)
	got := runCommand(t, nil, "bench", "put", "--url", n.URL(), "--keys", "50", "--connections", "2", "--duration", "1s", "--warm-up", "0")
	if got.code != exitClean || strings.ContainsAny(got.stderr, "\r\x1b") {
		t.Fatalf("got %+v, want exit code 0 and plain lines", got)
	}
	for _, want := range []string{"put  preparing", "1/1 s", "/s  0 failed  p50 ", "  p99 ", "  max ", "put  cleaning up\n"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("no %q in\n%s", want, got.stderr)
		}
	}
}

func TestABenchmarkLeavesADatabaseInUseAlone(t *testing.T) {
	n := mustStartEmpty(t)
	if _, err := n.Client.Put(t.Context(), api.Key{"users", "alice"}, 1); err != nil {
		t.Fatal(err)
	}
	got := runCommand(t, nil, quick("put", "--url", n.URL())...)
	if got.code != exitBadSetting || !strings.Contains(got.stderr, "--prefix bench/1") || got.stdout != "" {
		t.Errorf("got %+v, want exit code 2 and advice", got)
	}
	if got := runCommand(t, nil, quick("put", "--url", n.URL(), "--prefix", "bench/~n:1")...); got.code != exitClean {
		t.Errorf("with a prefix: got %+v, want exit code 0", got)
	}
	entries, err := n.Client.List(t.Context(), api.ListRequest{Consistency: api.Strong})
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v; want what was there", entries, err)
	}
}

func TestATokenIsNowhereInWhatABenchmarkSaysAndKeeps(t *testing.T) {
	const secret = "keyval_a_hush-hush"
	n := mustStartEmpty(t)
	dir := t.TempDir()
	kept, page := filepath.Join(dir, "a.json"), filepath.Join(dir, "a.html")
	for how, given := range map[string]struct {
		env  map[string]string
		args []string
	}{
		"flag":        {nil, []string{"--token", secret}},
		"flag with =": {nil, []string{"--token=" + secret}},
		"environment": {map[string]string{"KEYVAL_TOKEN": secret + "\n"}, nil},
	} {
		args := append(quick("put", "--url", n.URL(), "--json", kept, "--html", page), given.args...)
		got := runCommand(t, given.env, args...)
		if got.code != exitClean {
			t.Fatalf("%s: got %+v, want exit code 0", how, got)
		}
		said := got.stdout + got.stderr + mustReadText(t, kept) + mustReadText(t, page)
		if !strings.Contains(said, n.URL()) || strings.Contains(said, "hush") {
			t.Errorf("%s: got %s, want all but the secret", how, said)
		}
	}
}

func mustReadText(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestACommandLineIsShownWithoutSecrets(t *testing.T) {
	args := []string{"keyval", "--token", "abc", "--token=def", "--url=http://user:hush@a:1/x,https://b:2", "--url", "http://hush@c", "at-ghi-"}
	got := redacted(args, "ghi")
	want := []string{"keyval", "--token", "REDACTED", "--token=REDACTED", "--url=http://REDACTED@a:1/x,https://b:2", "--url", "http://REDACTED@c", "at-REDACTED-"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAServerWithTokensIsMeasuredWithOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.jsonc")
	token := runCommand(t, nil, "token", "new", "--name", "bench", "--scope", "read,write", "--prefix", "bench", "--auth-file", file)
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.AuthFile = file
	n := testnode.MustStartNode(t, cfg)
	env := map[string]string{"KEYVAL_TOKEN": token.stdout}
	if got := runCommand(t, env, quick("put", "--url", n.URL(), "--prefix", "bench/1")...); got.code != exitClean {
		t.Errorf("got %+v, want exit code 0", got)
	}
	if got := runCommand(t, nil, quick("put", "--url", n.URL())...); got.code != exitFailure || !strings.Contains(got.stderr, "KEYVAL_TOKEN") {
		t.Errorf("without: got %+v, want exit code 1 and what to do", got)
	}
	if got := runCommand(t, env, quick("put", "--url", n.URL())...); got.code != exitFailure || !strings.Contains(got.stderr, "needs --prefix below it") {
		t.Errorf("beyond its prefix: got %+v, want exit code 1 and what to do", got)
	}
}

func TestWhatABenchmarkCannotKeepIsRefusedBeforeItRuns(t *testing.T) {
	n := mustStartEmpty(t)
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ path, want string }{
		{filepath.Join(dir, "nowhere", "a.json"), "json (flag --json): cannot be written"},
		{dir, "is a directory"},
		{"-", "is no file"},
		{link, "is no regular file"},
	} {
		got := runCommand(t, nil, quick("put", "--url", n.URL(), "--json", test.path)...)
		if got.code != exitBadSetting || !strings.Contains(got.stderr, test.want) || strings.Contains(got.stderr, "preparing") {
			t.Errorf("%s: got %+v, want exit code 2 and %q at once", test.path, got, test.want)
		}
	}
	same := filepath.Join(dir, "a")
	if got := runCommand(t, nil, quick("put", "--url", n.URL(), "--json", same, "--html", same)...); got.code != exitBadSetting {
		t.Errorf("one file for both: got %+v, want exit code 2", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAFullDiskIsNoticedBeforeABenchmarkRuns(t *testing.T) {
	disk := nodetest.MustMountDisk(t, 1<<20)
	if err := disk.Fill(64 << 10); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--json", "--html"} {
		got := runCommand(t, nil, quick("put", "--url", "http://127.0.0.1:1", flag, filepath.Join(disk.Dir(), "a"))...)
		if got.code != exitBadSetting || !strings.Contains(got.stderr, "no space left") {
			t.Errorf("%s: got %+v, want exit code 2 and why", flag, got)
		}
	}
	if left, err := os.ReadDir(disk.Dir()); err != nil || len(left) != 1 { // what fills it
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestNothingIsNoNumberOfWhatToWorkWith(t *testing.T) {
	for _, flag := range []string{"--keys", "--watchers", "--limit"} {
		got := runCommand(t, nil, "bench", "put", "--url", "http://127.0.0.1:1", flag, "0")
		if got.code != exitBadSetting || !strings.Contains(got.stderr, "(flag "+flag+"): is 0") {
			t.Errorf("%s: got %+v, want exit code 2 and why", flag, got)
		}
	}
}

func TestABenchmarkOfNobodyFails(t *testing.T) {
	got := runCommand(t, nil, quick("put", "--url", "http://"+nodetest.MustReserveAddr(t))...)
	if got.code != exitFailure || got.stdout != "" || strings.Contains(got.stderr, "--duration") {
		t.Errorf("got %+v, want exit code 1 and why", got)
	}
}

// mainTest makes the test binary the command itself.
const mainTest = "KEYVAL_TEST_MAIN"

// mustStartCommand starts the command as a process, with its stderr as given.
func mustStartCommand(t *testing.T, stderr *os.File, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), mainTest+"=1", "GORACE=atexit_sleep_ms=10"), env...)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = stderr.Close()
	return cmd
}

func TestCtrlCReportsWhatWasMeasuredAndCleansUp(t *testing.T) {
	n := mustStartEmpty(t)
	kept := filepath.Join(t.TempDir(), "a.json")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := mustStartCommand(t, write, nil, "bench", "put", "--url", n.URL(), "--keys", "50", "--connections", "2", "--duration", "1h", "--warm-up", "0", "--json", kept)
	lines := bufio.NewScanner(read)
	for lines.Scan() && !strings.Contains(lines.Text(), "1/3600 s") {
	}
	mustSignal(t, cmd, syscall.SIGINT)
	for lines.Scan() { // until it has ended
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("got %v, want exit code 0", err)
	}
	file, err := measurement.ReadFile(kept)
	if err != nil || len(file.Runs) != 1 || !file.Runs[0].Interrupted || file.Runs[0].Operations[0].Count == 0 {
		t.Errorf("got %+v, %v; want what was measured", file.Runs, err)
	}
	mustBeEmpty(t, n)
}
