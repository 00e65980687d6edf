package compare_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/buntime/keyval/bench/compare"
	"github.com/buntime/keyval/bench/result"
)

// recording is how a file of testdata was made; -update makes them anew.
type recording struct {
	name   string
	seed   uint64
	repeat int
	// slower makes it take so much more time, noise is the logarithm's deviation.
	slower, noise float64
}

var update = flag.Bool("update", false, "write testdata anew")

func recordings() []recording {
	return []recording{
		{"base", 1, 1, 1, 0.02},
		{"same", 2, 1, 1, 0.02},
		{"slower", 3, 1, 1.1, 0.02},
		{"noisy", 4, 1, 1.05, 0.6},
		{"base-repeats", 5, 5, 1, 0.02},
		{"slower-repeats", 6, 5, 1.1, 0.02},
		{"few-repeats", 7, 2, 1.5, 0.02},
		{"three-repeats", 8, 3, 1, 0.02},
		{"three-slower-repeats", 9, 3, 1.1, 0.02},
	}
}

// file is what such a server would have measured.
func (r recording) file() result.File {
	random := rand.New(rand.NewPCG(r.seed, 0))
	f := result.File{
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Command: []string{"keyval", "bench", "put"},
		Machine: result.Machine{OS: "linux", Arch: "amd64", Cores: 2, Go: "go1.26", Keyval: r.name},
	}
	for i := range r.repeat {
		f.Runs = append(f.Runs, r.run(random, uint64(i)))
	}
	return f
}

func (r recording) run(random *rand.Rand, seed uint64) result.Run {
	const seconds, each = 12, 60
	noise := func() float64 { return r.slower * math.Exp(r.noise*random.NormFloat64()) }
	o := result.Operation{Name: "put", Latency: result.NewHistogram()}
	drift := math.Exp(0.005 * random.NormFloat64()) // of the machine, from run to run
	for second := range seconds {
		factor := drift * noise()
		count := int64(each * 100 / factor)
		for range each {
			o.Latency.Record(time.Duration(factor * 2e6 * math.Exp(0.05*random.NormFloat64())))
		}
		o.Count += count
		o.Slices = append(o.Slices, result.Slice{At: float64(second), Seconds: 1, Count: count, P50: int64(2e6 * factor), P99: int64(4e6 * factor), Max: int64(9e6 * factor)})
	}
	return result.Run{
		Target: "keyval", Workload: "put", Settings: result.Settings{Connections: 64, Seed: seed},
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: seconds, Operations: []result.Operation{o},
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	m.Run()
}

// mustRead reads a recorded file.
func mustRead(t *testing.T, name string) result.File {
	t.Helper()
	f, err := result.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTheRecordedFilesAreRead(t *testing.T) {
	for _, r := range recordings() {
		if *update {
			if err := result.WriteFile(filepath.Join("testdata", r.name+".json"), r.file()); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(mustRead(t, r.name).Runs); got != r.repeat {
			t.Errorf("%s has %d runs, want %d", r.name, got, r.repeat)
		}
	}
}

func TestVerdictsOnRecordedFiles(t *testing.T) {
	const threshold = 5
	for _, test := range []struct {
		a, b    string
		verdict map[string]compare.Verdict // rate, p50, p99
		basis   compare.Basis
	}{
		{"base", "base", verdicts(compare.Same), compare.Seconds},
		{"base", "same", verdicts(compare.Same), compare.Seconds},
		{"base", "slower", verdicts(compare.Regression), compare.Seconds},
		{"slower", "base", verdicts(compare.Better), compare.Seconds},
		{"base", "noisy", verdicts(compare.Unclear), compare.Seconds},
		{"base-repeats", "slower-repeats", verdicts(compare.Regression), compare.Runs},
		{"slower-repeats", "base-repeats", verdicts(compare.Better), compare.Runs},
		{"base-repeats", "few-repeats", verdicts(compare.TooFew), compare.Runs},
		{"base", "base-repeats", verdicts(compare.TooFew), compare.Runs},
		{"three-repeats", "three-repeats", verdicts(compare.Same), compare.Runs},
		{"three-repeats", "three-slower-repeats", verdicts(compare.Regression), compare.Runs},
		{"three-slower-repeats", "three-repeats", verdicts(compare.Better), compare.Runs},
		{"three-repeats", "few-repeats", verdicts(compare.TooFew), compare.Runs},
	} {
		c := compare.Files(mustRead(t, test.a), mustRead(t, test.b), threshold)
		if len(c.Rows) != 3 || len(c.OnlyA)+len(c.OnlyB) > 0 {
			t.Fatalf("%s, %s: %d rows", test.a, test.b, len(c.Rows))
		}
		for _, row := range c.Rows {
			if row.Verdict != test.verdict[row.Metric] || row.Basis != test.basis {
				t.Errorf("%s, %s: %s is %q by %s, want %q by %s: %+v", test.a, test.b, row.Metric, row.Verdict, row.Basis, test.verdict[row.Metric], test.basis, row.Percent)
			}
		}
		wantRegressed, wantUndecided := test.verdict["rate"] == compare.Regression, test.verdict["rate"] == compare.TooFew
		if c.Regressed() != wantRegressed || c.Undecided() != wantUndecided {
			t.Errorf("%s, %s: regressed %v, undecided %v", test.a, test.b, c.Regressed(), c.Undecided())
		}
	}
}

func verdicts(v compare.Verdict) map[string]compare.Verdict {
	return map[string]compare.Verdict{"rate": v, "p50": v, "p99": v}
}
