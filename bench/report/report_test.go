package report_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/bench/report"
	"github.com/buntime/keyval/bench/result"
)

// measured is a file of put and get at several loads, the first of them three times.
func measured() result.File {
	f := result.File{
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Command: []string{"keyval", "bench", "mixed", "--connections=1,16,64"},
		Machine: result.Machine{OS: "linux", Arch: "amd64", CPU: "Some Processor", Cores: 2, MemoryBytes: 8 << 30, Go: "go1.26", Keyval: "1.2.3"},
	}
	for seed, connections := range []int{1, 16, 64, 1, 1} {
		f.Runs = append(f.Runs, run(uint64(seed), connections))
	}
	return f
}

func run(seed uint64, connections int) result.Run {
	random := rand.New(rand.NewPCG(seed, 0))
	r := result.Run{
		Target: "keyval, embedded", Workload: "mixed", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 10,
		Settings: result.Settings{Connections: connections, WarmUpSeconds: 2, Keys: 100_000, ValueBytes: [2]int{10, 1000}, Seed: seed, Extra: map[string]string{"mix": "a"}},
	}
	for _, name := range []string{"get", "put"} {
		o := result.Operation{Name: name, Latency: result.NewHistogram()}
		for second := range 10 {
			slice := result.Slice{At: float64(second), Seconds: 1, Count: int64(100*connections) + random.Int64N(50)}
			for range slice.Count {
				o.Latency.Record(time.Duration(float64(connections) * 1e5 * math.Exp(random.NormFloat64()/2)))
			}
			o.Count += slice.Count
			o.Slices = append(o.Slices, slice)
		}
		r.Operations = append(r.Operations, o)
	}
	return r
}

// fixed is a run whose figures are known.
func fixed(seed uint64, count int64, latency time.Duration) result.Run {
	o := result.Operation{Name: "put", Count: count, Latency: result.NewHistogram(), Failures: map[string]int64{"timeout": 1, "overloaded": 1200, "none": 0}}
	o.Latency.Record(latency)
	return result.Run{Target: "a|b", Workload: "put", Seconds: 10, Settings: result.Settings{Connections: 8, Rate: 2500, Seed: seed}, Operations: []result.Operation{o}}
}

func written(t *testing.T, write func(*strings.Builder) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func text(t *testing.T, f result.File) string {
	t.Helper()
	return written(t, func(b *strings.Builder) error { return report.Text(b, f) })
}

func TestTheTableShowsAnOperationALine(t *testing.T) {
	f := result.File{Runs: []result.Run{fixed(1, 25_000, time.Millisecond)}}
	want := "" +
		"target  workload  connections  asked rate  operation  rate/s  p50 ms  p90 ms  p99 ms  p99.9 ms  max ms  failures\n" +
		"a|b     put                 8       2,500  put         2,500    1.00    1.00    1.00      1.00    1.00  1,200 overloaded, 1 timeout\n"
	if got := text(t, f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	markdown := written(t, func(b *strings.Builder) error { return report.Markdown(b, f) })
	if !strings.Contains(markdown, `| a\|b   | put      |           8 |      2,500 | put       |`) {
		t.Errorf("Markdown:\n%s", markdown)
	}
}

func TestRepeatsAreTheirMedianWithTheRange(t *testing.T) {
	got := text(t, result.File{Runs: []result.Run{fixed(1, 25_000, time.Millisecond), fixed(2, 20_000, 30*time.Millisecond), fixed(3, 26_000, 2*time.Millisecond)}})
	for _, want := range []string{"put (3 runs)", "2,500 (2,000–2,600)", "2.00 (1.00–30.0)", "3,600 overloaded, 3 timeout"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Count(got, "\n") != 2 {
		t.Errorf("more than one line:\n%s", got)
	}
}

func TestARunOfNothingIsNoLatencyRatherThanNone(t *testing.T) {
	r := fixed(1, 0, 0)
	r.Operations[0].Latency, r.Operations[0].Slices, r.Interrupted, r.Settings.Rate = result.Histogram{}, nil, true, 0
	if got := text(t, result.File{Runs: []result.Run{r}}); !strings.Contains(got, "–") || !strings.Contains(got, "interrupted") || !strings.Contains(got, "closed loop") {
		t.Errorf("got\n%s", got)
	}
	for _, f := range []result.File{{}, {Runs: []result.Run{r}}, {Runs: []result.Run{{}}}} {
		if got := html(t, f); !strings.Contains(got, "</html>") {
			t.Errorf("not whole:\n%s", got)
		}
	}
}

func html(t *testing.T, f result.File) string {
	t.Helper()
	return written(t, func(b *strings.Builder) error { return report.HTML(b, f) })
}

func TestAReportIsTheSameEveryTime(t *testing.T) {
	once, again := html(t, measured()), html(t, measured())
	if once != again {
		t.Error("it differs from itself")
	}
}

func TestWhatDiffersBetweenRunsIsInTheirNames(t *testing.T) {
	f := measured()
	if strings.Contains(text(t, f), "keys=") {
		t.Error("what is the same everywhere is said everywhere")
	}
	for i := range f.Runs {
		f.Runs[i].Settings.Connections = 1 + i%2
	}
	f.Runs[2].Settings.Keys, f.Runs[3].Settings.Keys = 1000, 1000
	f.Runs[3].Target = "elsewhere"
	for _, want := range []string{"mixed mix=a keys=1,000", "mixed mix=a keys=100,000 (2 runs)"} {
		if !strings.Contains(text(t, f), want) {
			t.Errorf("no %q in\n%s", want, text(t, f))
		}
	}
	page := html(t, f)
	// Only the runs of as many keys at the same target are points of one line.
	if n := strings.Count(page, "<title>mixed mix=a keys=100,000: get against load, keyval, embedded</title>"); n != 1 {
		t.Errorf("%d plots against the load", n)
	}
	if strings.Contains(page, "keys=1,000: get against") {
		t.Error("a line of one point")
	}
}

// hostile is a file whose every text would do something.
func hostile() result.File {
	evil := `"><script>document.title="owned"</script><img src=x onerror=document.title="owned"></style>{{.}}` + "\x1b[2J"
	f := measured()
	f.Command = []string{evil}
	f.Machine = result.Machine{OS: evil, Arch: evil, CPU: evil, Go: evil, Keyval: evil}
	for i := range f.Runs {
		f.Runs[i].Target, f.Runs[i].Workload = evil, evil
		f.Runs[i].Settings.Extra = map[string]string{evil: evil}
		f.Runs[i].Operations[0].Name = evil
		f.Runs[i].Operations[0].Failures = map[string]int64{evil: 1}
	}
	return f
}

func TestWhatComesFromElsewhereIsEscaped(t *testing.T) {
	page := html(t, hostile())
	for _, tag := range []string{"<script", "<img"} {
		if strings.Contains(page, tag) {
			t.Errorf("%q is in the page", tag)
		}
	}
	if strings.Count(page, "</style>") != 1 {
		t.Error("the style was ended from outside")
	}
	if strings.Contains(text(t, hostile()), "\x1b") {
		t.Error("a terminal would obey the file")
	}
}
