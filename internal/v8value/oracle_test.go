package v8value

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/buntime/keyval/node/nodetest"
)

// oracle is a program that has V8 itself: testdata/oracle.cjs says what it answers.
type oracle struct {
	in  io.Writer
	out *bufio.Reader
}

// mustStartNode starts Node.js, whose V8 is of 2023.
func mustStartNode(t *testing.T) *oracle {
	t.Helper()
	return mustStartOracle(t, mustFind(t, nodetest.FindNode))
}

// mustStartDeno starts Deno, whose V8 is new.
func mustStartDeno(t *testing.T) *oracle {
	t.Helper()
	return mustStartOracle(t, mustFind(t, nodetest.FindDeno), "run", "--quiet", "--no-config", "--no-lock", "--allow-all")
}

func mustFind(t *testing.T, find func() (string, error)) string {
	t.Helper()
	program, err := find()
	nodetest.Check(t, err)
	return program
}

// withBoth runs test with each oracle.
func withBoth(t *testing.T, test func(*testing.T, *oracle)) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *oracle{"node": mustStartNode, "deno": mustStartDeno} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func mustStartOracle(t *testing.T, program string, args ...string) *oracle {
	t.Helper()
	cmd := exec.Command(program, append(args, "testdata/oracle.cjs")...)
	var o oracle
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", program, err, stderr.String())
		}
	})
	o.in, o.out = in, bufio.NewReader(out)
	return &o
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (o *oracle) ask(t testing.TB, question string, words ...any) string {
	t.Helper()
	for _, word := range words {
		if data, ok := word.([]byte); ok {
			word = hex.EncodeToString(data)
		}
		question += fmt.Sprint(" ", word)
	}
	_, err := fmt.Fprintln(o.in, question)
	must(t, err)
	answer, err := o.out.ReadString('\n')
	must(t, err)
	return strings.TrimSuffix(answer, "\n")
}

func TestWhatIsStoredComesBackAsTheSameValue(t *testing.T) {
	withBoth(t, comesBack)
}

func comesBack(t *testing.T, o *oracle) {
	kinds := map[string]int{}
	for seed := range 1000 {
		data := fromHex(t, o.ask(t, "make", seed))
		stored := mustStore(t, data, V8)
		loaded, e := AppendLoaded(nil, []byte(stored))
		if answer := o.ask(t, "same", data, loaded); e != V8 || answer != "same" {
			t.Errorf("seed %d: %x is stored as %s and loaded as %x (%d): %s", seed, data, stored, loaded, e, answer)
		}
		kind := "plain"
		if isForm([]byte(stored)) {
			kind = "not"
		}
		if want := o.ask(t, "plain", data); kind != want {
			t.Errorf("seed %d: %x, which is %s, is stored as %s", seed, data, want, stored)
		}
		kinds[kind]++
	}
	if kinds["plain"] < 100 || kinds["not"] < 100 {
		t.Errorf("the values were of these kinds: %v", kinds)
	}
}

func TestJSONIsLoadedAsJSONParseReadsIt(t *testing.T) {
	withBoth(t, loadsJSON)
}

func loadsJSON(t *testing.T, o *oracle) {
	for seed := range uint64(1500) {
		text := (&jsonMaker{rand.New(rand.NewPCG(seed, 1))}).value(nil, 0)
		if isForm(text) {
			continue
		}
		loaded, _ := AppendLoaded(nil, text)
		if answer := o.ask(t, "json", text, loaded); answer != "same" {
			t.Errorf("seed %d: %s is loaded as %x: %s", seed, text, loaded, answer)
		}
	}
}

// jsonMaker makes JSON texts, in ways that JSON.stringify does not.
type jsonMaker struct{ *rand.Rand }

func (m *jsonMaker) value(dst []byte, depth int) []byte {
	switch kind := m.IntN(10); {
	case kind < 2 && depth < 5:
		return m.list(dst, '[', ']', func(dst []byte) []byte { return m.value(dst, depth+1) })
	case kind < 5 && depth < 5:
		return m.list(dst, '{', '}', func(dst []byte) []byte {
			return m.value(append(m.string(dst), ':'), depth+1)
		})
	case kind < 8:
		return m.string(dst)
	}
	return append(dst, pick(m, `null`, `true`, `false`, `0`, `-0`, `-0.0`, `1`, `-1`, `1.0`, `1e2`, `15e-1`, `2147483647`, `2147483648`, `-2147483648`, `-2147483649`,
		`4294967295`, `9007199254740993`, `1e400`, `-1e400`, `1e-400`, `123456789012345678901234567890`, `0.1`, `5e-324`)...)
}

func (m *jsonMaker) list(dst []byte, open, end byte, item func([]byte) []byte) []byte {
	dst = append(dst, open)
	n := m.IntN(5)
	if m.IntN(40) == 0 {
		n = 100 + m.IntN(100)
	}
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(dst)
	}
	return append(dst, end)
}

func (m *jsonMaker) string(dst []byte) []byte {
	dst = append(dst, '"')
	for range 1 + m.IntN(2) {
		dst = append(dst, pick(m, ``, `a`, `b`, `\u0061`, `é`, `\u00e9`, `€`, `\u20ac`, `🌎`, `\ud83c\udf0e`, `\uD83C`, `\udf0e`, `\"\\\/\b\f\n\r\t`, `\u0000`, `0`, `1`, `\u0031`, `10`, `01`,
			`2147483647`, `2147483648`, `4294967294`, `4294967295`, `__proto__`, `length`)...)
	}
	return append(dst, '"')
}

func pick[R interface{ IntN(int) int }](r R, from ...string) string { return from[r.IntN(len(from))] }

func TestWhatNodeStoresDenoReads(t *testing.T) {
	t.Parallel()
	node, deno := mustStartNode(t), mustStartDeno(t)
	rewritten := 0
	for seed := 1; seed < 1200; seed += 2 { // with views of Node's
		data := fromHex(t, node.ask(t, "make", seed))
		loaded, _ := AppendLoaded(nil, []byte(mustStore(t, data, V8)))
		if answer := deno.ask(t, "read", loaded); answer != "read" {
			t.Errorf("seed %d: %x is loaded as %x: %s", seed, data, loaded, answer)
		}
		if answer := node.ask(t, "same", data, loaded); answer != "same" {
			t.Errorf("seed %d: %x is loaded as %x: %s", seed, data, loaded, answer)
		}
		if deno.ask(t, "read", data) != "read" || bytes.IndexByte(data, tagHostObject) >= 0 {
			rewritten++
		}
	}
	if rewritten < 30 {
		t.Errorf("only %d values were such as had to be rewritten", rewritten)
	}
}

// TestWhatNodeRefusesIsRefused damages data at random. Node's word is taken for it but
// in a regular expression, which only V8 can compile, and in what this Node is too old
// for.
func TestWhatNodeRefusesIsRefused(t *testing.T) {
	t.Parallel()
	o := mustStartNode(t)
	verdicts := map[string]int{}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		data := damage(r, fromHex(t, o.ask(t, "make", seed%1500)), fromHex(t, o.ask(t, "make", seed%1499)))
		answer := o.ask(t, "read", data)
		verdict, _, _ := strings.Cut(answer, " ")
		verdicts[verdict]++
		stored, err := AppendStored(nil, data, V8)
		switch {
		case verdict == "read" && err != nil:
			t.Errorf("seed %d: %x: %v, but V8 reads it", seed, data, err)
		case verdict == "refused" && err == nil && !isLeftToV8(data, answer):
			t.Errorf("seed %d: %x is stored as %s, but V8 says: %s", seed, data, stored, answer)
		case verdict == "read":
			loaded, _ := AppendLoaded(nil, stored)
			if same := o.ask(t, "same", data, loaded); same != "same" {
				t.Errorf("seed %d: %x is stored as %s and loaded as %x: %s", seed, data, stored, loaded, same)
			}
		}
	}
	if verdicts["read"] < 300 || verdicts["refused"] < 300 {
		t.Errorf("the verdicts were %v", verdicts)
	}
}

func isLeftToV8(data []byte, answer string) bool {
	return strings.Contains(answer, "Invalid regular expression") || strings.Contains(answer, "allocation failed") ||
		bytes.Contains(data, []byte{tagView, 'h'}) || bytes.Contains(data, []byte{tagHostObject, 13}) || bytes.IndexByte(data, tagImmutable) >= 0 ||
		bytes.IndexByte(data, tagError) >= 0 && bytes.IndexByte(data, tagReference) >= 0
}

// damage changes a few bytes, or puts a piece of other in.
func damage(r *rand.Rand, data, other []byte) []byte {
	for range 1 + r.IntN(3) {
		at := 2 + r.IntN(max(1, len(data)-2))
		at = min(at, len(data))
		switch r.IntN(6) {
		case 0:
			data = data[:at]
		case 1:
			data = append(data[:at:at], data[min(at+1, len(data)):]...)
		case 2:
			data = append(append(data[:at:at], interesting[r.IntN(len(interesting))]), data[at:]...)
		case 3:
			from := 2 + r.IntN(max(1, len(other)-2))
			piece := other[min(from, len(other)):]
			data = append(append(data[:at:at], piece[:r.IntN(len(piece)+1)]...), data[at:]...)
		default:
			if at < len(data) {
				data = bytes.Clone(data)
				data[at] = interesting[r.IntN(len(interesting))]
			}
		}
	}
	return data
}

// interesting are the tags, subtags and what lengths look like.
const interesting = "\x00\x01\x02\x03\x04\x05\x08\x0d\x0e\x0f\x10\x7f\x80\xff?-_0TFIUNZS\"c^o{aA@$Dyxnzs R;:',B~Vr\\tuwmpbCWdDfFqQhEmcs."
