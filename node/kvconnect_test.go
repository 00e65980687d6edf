package node_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// Programs over Deno KV, in testdata/kvconnect, whose database is this one: under Deno, and
// under Node with npm's @deno/kv. What they print on Deno's own file is what they should
// print here.

var runtimes = []nodetest.KVRuntime{nodetest.Deno, nodetest.Node}

// startProgram starts a program. Its first argument is where the database is.
func startProgram(t *testing.T, runtime nodetest.KVRuntime, name string, env []string, args ...string) *nodetest.Process {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", "kvconnect", name+".mjs"))
	nodetest.Check(t, err)
	return startFile(t, runtime, file, env, args...)
}

func startFile(t *testing.T, runtime nodetest.KVRuntime, file string, env []string, args ...string) *nodetest.Process {
	t.Helper()
	command, err := nodetest.KVProgram(runtime, filepath.Join(built.dir, "deno"), file, args...)
	nodetest.Check(t, err)
	command.Env = append(command.Env, env...)
	process := nodetest.NewProcess(command)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Kill()
		if t.Failed() {
			t.Logf("%s under %s printed\n%s", filepath.Base(file), runtime, process.Logs())
		}
	})
	return process
}

// runProgram runs a program to its end and returns what it printed.
func runProgram(t *testing.T, runtime nodetest.KVRuntime, name string, args ...string) [][2]string {
	t.Helper()
	process := startProgram(t, runtime, name, nil, args...)
	mustEnd(t, process)
	return nodetest.KVLines(process.Logs())
}

func mustEnd(t *testing.T, process *nodetest.Process) {
	t.Helper()
	awaitEnd(t, process)
	if err := process.ExitErr(); err != nil {
		t.Fatalf("the program: %v\n%s", err, process.Logs())
	}
}

// awaitEnd waits for as long as the program goes on printing, however slowly.
func awaitEnd(t *testing.T, process *nodetest.Process) {
	t.Helper()
	ended := false
	for printed := ""; !ended; printed = process.Logs() {
		await.That(t, "the program ends, or goes on", func() bool {
			ended = hasEnded(process)
			return ended || process.Logs() != printed
		}, process.Logs)
	}
}

func hasEnded(process *nodetest.Process) bool {
	select {
	case <-process.Exited():
		return true
	default:
		return false
	}
}

// awaitLine waits until a program has printed a result.
func awaitLine(t *testing.T, process *nodetest.Process, what, result string) {
	t.Helper()
	await.That(t, "it prints "+what+": "+result, func() bool {
		return slices.Contains(nodetest.KVLines(process.Logs()), [2]string{what, result})
	}, process.Logs)
}

// A difference is a result that is not that of Deno's file, and why.
type difference struct {
	want string // "" if the line is missing
	why  string
}

// npmDiffers are the results of npm's client, which are its own whatever the server does.
var npmDiffers = map[string]difference{
	"other views are bytes":       {`refused`, "it takes Uint8Array alone for bytes"},
	"the key minus zero":          {`[[0, "minus zero"]]`, "it encodes the key -0 as 0"},
	"the empty key is not there":  {`refused`, "it refuses the empty key itself"},
	"prefix in reverse":           {`["d1", "d", "c1", "c", "b1", "b", "a1", "a", "the prefix itself"]`, "in reverse it does not leave the prefix itself out"},
	"prefix and end in reverse":   {`["b1", "b", "a1", "a", "the prefix itself"]`, "in reverse it does not leave the prefix itself out"},
	"a delete with a value":       {`{"ok": true, "versionstamp": <8>}`, "it does not look"},
	"and is read as nothing":      {`null`, "its ranges end before the longest key, Deno's behind it"},
	"views share their buffer":    {"", "Node writes each view with a copy"},
	"cursor":                      {"", "its cursors are made otherwise"},
	"cursor in reverse":           {"", "its cursors are made otherwise"},
	"commitVersionstamp":          {"", "it has none"},
	"in the order of commits":     {"", "it has no commitVersionstamp"},
	"commitVersionstamp not last": {"", "it has no commitVersionstamp"},
	"commitVersionstamp of a sum": {"", "it has no commitVersionstamp"},
	"a key that is not there":     {"", "it shows nothing until there is something"},
	"comes":                       {"", "it shows nothing until there is something"},
	"eleven keys watched":         {"", "the program does not ask"},
}

// expected is what a program should print here, by what it prints on Deno's file.
func expected(runtime nodetest.KVRuntime, reference [][2]string) (want [][2]string) {
	for _, line := range reference {
		what, result := line[0], line[1]
		if strings.HasPrefix(what, "beside, and stored, after a ") {
			// The file keeps what stands before the mutation that fails. Here it is all or nothing.
			result = strings.Replace(result, "[1, ", "[null, ", 1)
		}
		if d, ok := npmDiffers[what]; ok && runtime == nodetest.Node {
			result = d.want
		}
		if result != "" {
			want = append(want, [2]string{what, verdict(result)})
		}
	}
	return want
}

// verdict leaves out with which words something was refused: over the network they
// carry a URL and a status.
func verdict(result string) string {
	if strings.HasPrefix(result, "refused: ") {
		return "refused"
	}
	return result
}

// mustBeAnswered fails if the server refused something with a status that a client would
// repeat, or because it did not know the caller.
func mustBeAnswered(t *testing.T, lines [][2]string) {
	t.Helper()
	for _, line := range lines {
		status := statusPattern.FindStringSubmatch(line[1])
		if status != nil && status[1] != "400" && status[1] != "413" {
			t.Errorf("%s: %s", line[0], line[1])
		}
	}
}

// statusPattern finds the status in what Deno and npm's client say.
var statusPattern = regexp.MustCompile(`(?:\(status=|response status: )(\d+)`)

func compare(t *testing.T, got, want [][2]string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(want):
			t.Errorf("it also prints %q", got[i])
		case i >= len(got):
			t.Errorf("it does not print %q", want[i])
		case got[i][0] != want[i][0]:
			t.Fatalf("line %d: got %q, want %q", i+1, got[i], want[i])
		case verdict(got[i][1]) != want[i][1]:
			t.Errorf("%s: got %s, want %s", got[i][0], got[i][1], want[i][1])
		}
	}
}

// conformance are the programs that print the same on any database.
var conformance = []string{"values", "keys", "lists", "atomic", "limits", "expiry", "watch", "counters", "library"}

func TestDenoProgramsFindWhatTheyFindInDenosOwnFile(t *testing.T) {
	t.Parallel()
	d := deploy(t, keyval(t))
	for _, name := range conformance {
		reference := runProgram(t, nodetest.Deno, name, filepath.Join(t.TempDir(), "deno.db"))
		if len(reference) == 0 {
			t.Fatalf("%s prints nothing", name)
		}
		for _, runtime := range runtimes {
			t.Run(name+" under "+string(runtime), func(t *testing.T) {
				got := runProgram(t, runtime, name, d.url())
				mustBeAnswered(t, got)
				compare(t, got, expected(runtime, reference))
				d.forget(t, name)
			})
		}
	}
}

// forget deletes what a program has written, for the next.
func (d *deployment) forget(t *testing.T, name string) {
	t.Helper()
	if _, err := d.nodes[0].Client.DeletePrefix(t.Context(), api.Key{name}); err != nil {
		t.Fatal(err)
	}
}

func TestAnEmbeddedNodeIsAFileToDenoPrograms(t *testing.T) {
	t.Parallel()
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir()})
	for _, name := range []string{"values", "atomic", "watch"} {
		reference := runProgram(t, nodetest.Deno, name, filepath.Join(t.TempDir(), "deno.db"))
		compare(t, runProgram(t, nodetest.Deno, name, n.URL()), expected(nodetest.Deno, reference))
	}
}

func TestAnEntryOfDenosIsGoneWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), Flags: []string{"--cleanup-interval", "1s"}})
	for _, runtime := range runtimes {
		compare(t, runProgram(t, runtime, "expired", n.URL()), [][2]string{
			{"early", "false"},
			{"it has gone", `{"key": ["expired", "short"], "value": null, "versionstamp": null}`},
			{"from lists, too", `["beside"]`},
			{"a check for nothing there", "true"},
			{"a watch tells", "[null, 2]"},
		})
		if _, err := n.Client.DeletePrefix(t.Context(), api.Key{"expired"}); err != nil {
			t.Fatal(err)
		}
	}
}

// written is what mirror.mjs can be told to write, and how REST shows it.
var written = map[string]string{
	"object": `{"name":"Alice","tags":["a",null]}`,
	"u64":    `{"__type":"u64","value":"7"}`,
	"bytes":  `{"__type":"bytes","value":"AQID"}`,
	"bigint": `{"__type":"bigint","value":"-5"}`,
	"date":   `{"__type":"v8","value":"/w9EAAAAAAAAAAA=","text":"1970-01-01T00:00:00.000Z"}`,
}

func TestWatchesOfDenoAndOfRESTSeeEachOthersWrites(t *testing.T) {
	t.Parallel()
	d := deploy(t, keyval(t))
	for _, runtime := range runtimes {
		t.Run(string(runtime), func(t *testing.T) {
			events := d.follow(t, api.Key{"mirror", "deno"})
			d.put(t, api.Key{"mirror", "rest"}, `"begin"`)
			process := startProgram(t, runtime, "mirror", nil, d.url())
			awaitLine(t, process, "saw", `"begin"`)
			for _, what := range slices.Sorted(maps.Keys(written)) {
				d.put(t, api.Key{"mirror", "rest"}, `{"write":"`+what+`"}`)
				awaitLine(t, process, "saw", `{"write": "`+what+`"}`)
				await.That(t, "REST's watch shows "+written[what], func() bool { return events() == written[what] }, events)
			}
			d.put(t, api.Key{"mirror", "rest"}, `{"write":"delete"}`)
			await.That(t, "REST's watch shows the delete", func() bool { return events() == "null" }, events)
			for form, shown := range map[string]string{
				`{"__type":"u64","value":"9"}`:               `u64(9)`,
				`{"__type":"bytes","value":"AAE="}`:          `Uint8Array(0,1)`,
				`{"__type":"bigint","value":"12"}`:           `12n`,
				`{"__type":"v8","value":"/w9EAAAAAAAAAAA="}`: `Date(0)`,
				`{"a":[1.5,"é",null]}`:                       `{"a": [1.5, "é", null]}`,
			} {
				d.put(t, api.Key{"mirror", "rest"}, form)
				awaitLine(t, process, "saw", shown)
			}
			d.put(t, api.Key{"mirror", "rest"}, `"end"`)
			mustEnd(t, process)
		})
	}
}

func TestAU64IsSummedFromBothSidesAndWrapsOnDenosAlone(t *testing.T) {
	t.Parallel()
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir()})
	key := api.Key{"sums", "n"}
	add := func(by int64) error {
		_, err := n.Client.Atomic().Sum(key, by).Commit(t.Context())
		return err
	}
	for _, runtime := range runtimes {
		process := startProgram(t, runtime, "sums", nil, n.URL())
		awaitLine(t, process, "is", "u64(18446744073709551613)")
		nodetest.Check(t, add(2))
		mustEnd(t, process)
		if got := lastResult(process, "wraps to"); got != "u64(4)" {
			t.Errorf("under %s 2^64-1 and 5 are %s", runtime, got)
		}
		if err := add(-5); !errors.Is(err, api.OutOfRange) {
			t.Errorf("over REST 4 less 5: got %v, want %v", err, api.OutOfRange)
		}
		entry, err := n.Client.Get(t.Context(), key)
		nodetest.Check(t, err)
		if string(entry.Value) != `{"__type":"u64","value":"4"}` {
			t.Errorf("REST shows %s", entry.Value)
		}
	}
}

func (d *deployment) put(t *testing.T, key api.Key, value string) {
	t.Helper()
	if _, err := d.nodes[0].Client.Put(t.Context(), key, json.RawMessage(value)); err != nil {
		t.Fatal(err)
	}
}

// follow watches a key over REST; what it returns is the newest value, as JSON.
func (d *deployment) follow(t *testing.T, key api.Key) (newest func() string) {
	t.Helper()
	var value atomic.Value // string
	value.Store("")
	watcher, err := client.New(d.url())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event, err := range watcher.Watch(t.Context(), key) {
			if err != nil {
				return
			}
			for _, entry := range event.Entries {
				value.Store(string(entry.Value))
			}
		}
	}()
	t.Cleanup(func() {
		<-ended // with the test's context
		watcher.CloseIdleConnections()
	})
	return func() string { return value.Load().(string) }
}

func TestFiveHundredWritesAndAThousandWatchesShareOneConnectionOfDenos(t *testing.T) {
	t.Parallel()
	d := deploy(t, keyval(t))
	want := [][2]string{
		{"500 sets", "500"}, {"refused", "[]"}, {"are there", "500"},
		{"1,000 watches begin", "1000"}, {"and see a write", "1000"}, {"a write beside", "true"},
	}
	compare(t, runProgram(t, nodetest.Deno, "streams", d.url()), want)
	d.forget(t, "streams")
	compare(t, runProgram(t, nodetest.Deno, "streams", d.nodes[0].URL()), want)
}

func TestRESTsConsumersTakeWhatNpmsClientEnqueues(t *testing.T) {
	t.Parallel()
	d := deploy(t, keyval(t))
	for _, line := range runProgram(t, nodetest.Deno, "enqueue", d.url()) {
		if !strings.Contains(line[1], "Enqueue operations are not supported in KV Connect") {
			t.Errorf("Deno enqueues %s: %s", line[0], line[1])
		}
	}
	compare(t, runProgram(t, nodetest.Node, "enqueue", d.url()), [][2]string{
		{"object", "true"}, {"text", "true"}, {"bytes", "true"}, {"date", "true"}, {"bigint", "true"},
		{"with a commit", "true"}, {"with a check that fails", `{"ok": false}`}, {"undelivered", "true"},
	})
	want := map[string]bool{
		`{"to":"alice"}`: true, `"hello"`: true, `"committed"`: true, `"undelivered"`: true,
		`{"__type":"bigint","value":"7"}`: true, written["date"]: true,
		// A message is V8 as a whole, so that bytes are an ArrayBuffer and a view.
		`{"__type":"v8","value":"/w9CAgECVkIAAgA=","text":"Uint8Array(2) [1,2]"}`: true,
	}
	got := d.takeAll(t, len(want))
	for _, value := range got {
		if !want[value] {
			t.Errorf("a message is %s", value)
		}
	}
}

// takeAll takes messages of the default queue and acknowledges them.
func (d *deployment) takeAll(t *testing.T, n int) (values []string) {
	t.Helper()
	c := d.nodes[1].Client
	await.That(t, "all messages have come", func() bool {
		messages, err := c.Dequeue(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			values = append(values, string(m.Value))
			if err := c.Ack(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		return len(values) >= n
	})
	return values
}

func TestATokenReachesOverKVConnectWhatItReachesOverREST(t *testing.T) {
	t.Parallel()
	n, secret := serveToMine(t)
	for _, runtime := range runtimes {
		process := startProgram(t, runtime, "scopes", []string{"DENO_KV_ACCESS_TOKEN=" + secret}, n.URL())
		mustEnd(t, process)
		lines := nodetest.KVLines(process.Logs())
		for i := range lines {
			lines[i][1] = verdict(lines[i][1])
		}
		compare(t, lines, [][2]string{
			{"set mine", "true"}, {"get mine", `"a"`}, {"set others'", "refused"}, {"get others'", "refused"},
			{"check others'", "refused"}, {"both in one", "refused"}, {"nothing of that", "[null, null]"},
			{"watch mine", `"a"`}, {"ended", "true"},
		})
		stranger := startProgram(t, runtime, "scopes", nil, n.URL())
		awaitEnd(t, stranger)
		if stranger.ExitErr() == nil || !strings.Contains(stranger.Logs(), "401") {
			t.Errorf("under %s a database opens with a token that is none:\n%s", runtime, stranger.Logs())
		}
	}
}

// serveToMine starts a node with a token for what is below ["mine"].
func serveToMine(t *testing.T) (n *nodetest.NodeProcess, secret string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "tokens.jsonc")
	secret = mustMakeToken(t, file, "--name", "deno", "--scope", "read,write,watch", "--prefix", "mine")
	return nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: dir, Flags: []string{"--auth-file", file}}), secret
}

// mustMakeToken adds a token to the file and returns its secret.
func mustMakeToken(t *testing.T, file string, flags ...string) string {
	t.Helper()
	output, err := exec.Command(keyval(t), append([]string{"token", "new", "--auth-file", file}, flags...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}

func TestEachRuntimeReadsWhatTheOtherHasWritten(t *testing.T) {
	t.Parallel()
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir()})
	for _, writer := range runtimes {
		runProgram(t, writer, "values", n.URL())
		compare(t, runProgram(t, nodetest.Node, "dump", n.URL()), runProgram(t, nodetest.Deno, "dump", n.URL()))
	}
}

func TestTheProgramOfTheDocsCopiesAFileOfDenos(t *testing.T) {
	t.Parallel()
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir()})
	old := filepath.Join(t.TempDir(), "old.db")
	runProgram(t, nodetest.Deno, "values", old)
	runProgram(t, nodetest.Deno, "keys", old)
	file := filepath.Join(t.TempDir(), "copy.ts")
	program := strings.NewReplacer("./old.db", old, "http://localhost:8080", n.URL()).Replace(copyProgram(t))
	nodetest.Check(t, os.WriteFile(file, []byte(program), 0o600))
	for range 2 { // it can be run again
		mustEnd(t, startFile(t, nodetest.Deno, file, nil))
	}
	compare(t, runProgram(t, nodetest.Deno, "dump", n.URL()), runProgram(t, nodetest.Deno, "dump", old))
}

// copyProgram is the last one in docs/deno.md.
func copyProgram(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/deno.md")
	nodetest.Check(t, err)
	_, program, _ := strings.Cut(string(page), "## Copying a database")
	_, program, _ = strings.Cut(program, "```ts\n")
	program, _, found := strings.Cut(program, "```")
	if !found {
		t.Fatal("docs/deno.md has no program that copies")
	}
	return program
}
