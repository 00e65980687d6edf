package result_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/buntime/keyval/bench/result"
)

// measured is a file with a bit of everything.
func measured() result.File {
	latency := result.NewHistogram()
	for i := range 1000 {
		latency.Record(time.Duration(i) * 10 * time.Microsecond)
	}
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return result.File{
		Version: result.Version, Started: started,
		Command: []string{"keyval", "bench", "put", "--prefix=<a&b>"},
		Machine: result.Machine{OS: "linux", Arch: "amd64", Cores: 2, Go: "go1.26", Keyval: "1.0"},
		Runs: []result.Run{{
			Target: "keyval", Workload: "put", Started: started, Seconds: 2,
			Settings: result.Settings{Connections: 8, Seed: 1, Extra: map[string]string{"mix": "a"}},
			Operations: []result.Operation{{
				Name: "put", Count: 1000, Failures: map[string]int64{"overloaded": 3}, Latency: latency,
				Slices: []result.Slice{{At: 0, Seconds: 1, Count: 400, P50: 1, P99: 2, Max: 3}, {At: 1, Seconds: 1, Count: 600, Failures: 3}},
			}},
			CPU: &result.CPU{Seconds: 2.125, Busy: 3.5, Programs: []result.Program{{Name: "client", Seconds: 0.75}}},
		}},
	}
}

func TestAFileIsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	want := measured()
	if err := result.WriteFile(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := result.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b := &got.Runs[0].Operations[0].Latency, &want.Runs[0].Operations[0].Latency
	if !a.Equals(b.Histogram) || a.At(99) != b.At(99) || a.At(99) < 9*time.Millisecond {
		t.Errorf("the histogram's p99 is %v, want %v", a.At(99), b.At(99))
	}
	*a, *b = result.Histogram{}, result.Histogram{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestAFileOfAnotherVersionIsRefusedWhateverIsInIt(t *testing.T) {
	for _, content := range []string{`{"version":2,"runs":[{"operations":[]}],"new":{}}`, `{"version":0}`} {
		_, err := result.Read(strings.NewReader(content))
		if !errors.Is(err, result.ErrVersion) {
			t.Errorf("%s: got %v, want ErrVersion", content, err)
		}
	}
}

// altered is a good file's text with something else in one place.
func altered(t testing.TB, old, replacement string) string {
	t.Helper()
	var content bytes.Buffer
	if err := result.Write(&content, measured()); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(content.String(), old, replacement, 1)
	if text == content.String() {
		t.Fatalf("%q is not in the file", old)
	}
	return text
}

// encoded is a histogram as another program may have made it.
func encoded(t testing.TB, low, high int64, digits int) string {
	t.Helper()
	h := hdrhistogram.New(low, high, digits)
	if err := h.RecordValue(low); err != nil {
		t.Fatal(err)
	}
	b, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAFileThatWasNotWrittenByUsIsAnErrorThatSaysWhy(t *testing.T) {
	operation := `{"name":"x","count":0,"latency":"","slices":null},`
	for name, test := range map[string]struct{ content, want string }{
		"empty":                {"", "not a file of keyval bench --json"},
		"not JSON":             {"hello", "not a file of keyval bench --json"},
		"something else":       {`{"scripts":{}}`, `no "version"`},
		"an unknown field":     {altered(t, `"version":1`, `"version":1,"more":2`), `member name "more"`},
		"a negative count":     {altered(t, `"count":1000`, `"count":-1`), "nothing measures"},
		"a negative slice":     {altered(t, `"p50":1`, `"p50":-1`), "nothing measures"},
		"an endless run":       {altered(t, `"seconds":2`, `"seconds":1e300`), "nothing measures"},
		"negative work":        {altered(t, `"seconds":0.75`, `"seconds":-1`), "nothing measures"},
		"a cut histogram":      {altered(t, `"operations":[`, `"operations":[{"latency":"AAAA"},`), "cut off"},
		"no histogram":         {altered(t, `"latency":"`, `"latency":"AAAAAAAAAAAAAAAAAAAA`), "damaged"},
		"a huge histogram":     {altered(t, `"operations":[`, `"operations":[{"latency":"`+encoded(t, 1, 1<<62, 5)+`"},`), "which keyval bench does not write"},
		"too many histograms":  {altered(t, `"operations":[`, `"operations":[`+strings.Repeat(operation, 4096)), "4097 operations"},
		"operations twice":     {altered(t, `"operations":[`, `"operations":[],"operations":[`), "duplicate"},
		"Operations besides":   {altered(t, `"operations":[`, `"Operations":[],"operations":[`), "Operations"},
		"too many of anything": {`{"version":1,"command":["` + strings.Repeat(`","`, 1<<21) + `"]}`, "larger than"},
	} {
		_, err := result.Read(strings.NewReader(test.content))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, test.want)
		}
	}
}

func TestAHostileFileTakesLittleMemory(t *testing.T) {
	huge := `{"latency":"` + encoded(t, 1, 1<<62, 5) + `"},`
	var before, after runtime.MemStats
	for name, content := range map[string]string{
		"a huge histogram":    altered(t, `"operations":[`, `"operations":[`+huge),
		"too many histograms": altered(t, `"operations":[`, `"operations":[`+strings.Repeat(`{"latency":"`+encoded(t, 1000, int64(result.Longest), 3)+`"},`, 5000)),
		"too many elements":   `{"version":1,"runs":[{"operations":[{"slices":[{}` + strings.Repeat(",{}", 3<<20) + `]}]}]}`,
	} {
		runtime.ReadMemStats(&before)
		_, err := result.Read(strings.NewReader(content))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		// Reading the text itself takes several times its length.
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(8*len(content)+(1<<20)); got > most {
			t.Errorf("%s of %d bytes: %d bytes of memory, want at most %d", name, len(content), got, most)
		}
	}
}

func TestAnErrorNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := result.ReadFile(path); err == nil || !strings.Contains(err.Error(), "broken.json") {
		t.Errorf("got %v", err)
	}
	if _, err := result.ReadFile(path + ".not"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist", err)
	}
}

func TestAFileThatCannotBeWrittenLeavesTheOldOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	if err := result.WriteFile(path, measured()); err != nil {
		t.Fatal(err)
	}
	bad := measured()
	bad.Runs[0].Seconds = inf()
	if err := result.WriteFile(path, bad); err == nil {
		t.Fatal("infinity was written")
	}
	if _, err := result.ReadFile(path); err != nil {
		t.Error(err)
	}
}

func inf() float64 { zero := 0.0; return 1 / zero }

// FuzzReadingAFile is about what a file can do to its reader; what is read can be written
// and is the same then.
func FuzzReadingAFile(f *testing.F) {
	f.Add(altered(f, "put", "get"))
	f.Add(`{"version":1,"runs":[{"operations":[{"latency":""}]}]}`)
	f.Fuzz(func(t *testing.T, content string) {
		file, err := result.Read(strings.NewReader(content))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := result.Write(&once, file); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := result.Read(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if err := result.Write(&twice, again); err != nil || once.String() != twice.String() {
			t.Fatalf("%v, or not the same again:\n%s\n%s", err, &once, &twice)
		}
	})
}

// FuzzReadingAHistogram goes behind the compression, where FuzzReadingAFile hardly comes.
func FuzzReadingAHistogram(f *testing.F) {
	f.Add(encoded(f, 1000, int64(result.Longest), 3))
	f.Add(encoded(f, 1, 1<<40, 2))
	f.Fuzz(func(t *testing.T, text string) {
		b, err := json.Marshal(text)
		if err != nil {
			t.Skip()
		}
		var h result.Histogram
		if json.Unmarshal(b, &h) != nil {
			return
		}
		if h.At(0) > h.At(50) || h.At(50) > h.Greatest() {
			t.Errorf("p0 %v, p50 %v, max %v", h.At(0), h.At(50), h.Greatest())
		}
	})
}
