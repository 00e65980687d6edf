package compare_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/bench/compare"
	"github.com/buntime/keyval/bench/result"
)

func TestADifferenceIsSaidInPercentWithItsInterval(t *testing.T) {
	c := compare.Files(mustRead(t, "base"), mustRead(t, "slower"), 5)
	for _, row := range c.Rows {
		want := 10.0
		if row.Metric == "rate" {
			want = 100/1.1 - 100
		}
		if math.Abs(row.Percent.Shift-want) > 4 || row.Percent.Low > row.Percent.Shift || row.Percent.Shift > row.Percent.High {
			t.Errorf("%s: %+v, want about %.1f", row.Metric, row.Percent, want)
		}
		if row.P > 0.05 || row.MedianA == 0 || row.MedianB == 0 {
			t.Errorf("%s: p %v, medians %v and %v", row.Metric, row.P, row.MedianA, row.MedianB)
		}
	}
}

func TestWorseWithinTheThresholdIsNoRegression(t *testing.T) {
	c := compare.Files(mustRead(t, "base"), mustRead(t, "slower"), 50)
	if c.Regressed() {
		t.Error("10 % slower is a regression by more than 50 %")
	}
	for _, row := range c.Rows {
		if row.Verdict != compare.Same {
			t.Errorf("%s is %q within 50 %%", row.Metric, row.Verdict)
		}
	}
	// Surely worse, but around the threshold.
	for _, row := range compare.Files(mustRead(t, "base"), mustRead(t, "slower"), 8).Rows {
		if row.Verdict != compare.Worse {
			t.Errorf("%s is %q with a threshold of 8 %%: %+v", row.Metric, row.Verdict, row.Percent)
		}
	}
}

// synthetic is a run of a dozen alike seconds.
func synthetic(target, workload string, connections int, operations ...string) result.Run {
	run := result.Run{Target: target, Workload: workload, Seconds: 12, Settings: result.Settings{Connections: connections}}
	for _, name := range operations {
		o := result.Operation{Name: name, Count: 1200, Latency: result.NewHistogram()}
		for second := range 12 {
			o.Latency.Record(time.Millisecond)
			o.Slices = append(o.Slices, result.Slice{At: float64(second), Seconds: 1, Count: 100, P50: 1e6, P99: 2e6, Max: 3e6})
		}
		run.Operations = append(run.Operations, o)
	}
	return run
}

func text(t *testing.T, c compare.Comparison) string {
	t.Helper()
	var b strings.Builder
	if err := c.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRunsInWhichNothingSucceededAreTheSlowestOfAll(t *testing.T) {
	dead := synthetic("x", "put", 1, "put")
	dead.Operations[0] = result.Operation{Name: "put", Failures: map[string]int64{"connection": 9}, Latency: result.NewHistogram()}
	one := synthetic("x", "put", 1, "put")
	repeats := func(dying int) (f result.File) {
		for i := range 5 {
			f.Runs = append(f.Runs, []result.Run{one, dead}[min(max(0, i+dying-4), 1)])
		}
		return f
	}
	if c := compare.Files(repeats(0), repeats(5), 5); c.Rows[0].Metric != "rate" || c.Rows[0].Verdict != compare.Regression {
		t.Errorf("all of five: the %s is %q, want a regression", c.Rows[0].Metric, c.Rows[0].Verdict)
	}
	if c := compare.Files(repeats(0), repeats(2), 5); c.Rows[0].SamplesB != 5 || c.Rows[0].Verdict == compare.Same {
		t.Errorf("two of five: %q of %d runs, want them counted", c.Rows[0].Verdict, c.Rows[0].SamplesB)
	}
}

func TestTwoServersAreComparedAndSeveralByTheirTarget(t *testing.T) {
	one, other := synthetic("http://one", "put", 1, "put"), synthetic("http://other", "put", 1, "put")
	c := compare.Files(result.File{Runs: []result.Run{one}}, result.File{Runs: []result.Run{other}}, 5)
	if len(c.Rows) != 3 || !strings.Contains(text(t, c), "http://one → http://other") {
		t.Errorf("one target each:\n%s", text(t, c))
	}
	c = compare.Files(result.File{Runs: []result.Run{one, other}}, result.File{Runs: []result.Run{other}}, 5)
	if len(c.Rows) != 3 || c.Rows[0].A.Runs[0].Target != "http://other" || len(c.OnlyA) != 1 {
		t.Errorf("two targets and one of them:\n%s", text(t, c))
	}
}

func TestWhatOnlyOneFileHasIsListed(t *testing.T) {
	a := result.File{Runs: []result.Run{synthetic("x", "mixed", 1, "get", "put"), synthetic("x", "put", 1, "put")}}
	b := result.File{Runs: []result.Run{synthetic("x", "mixed", 1, "get", "scan"), synthetic("x", "put", 2, "put")}}
	got := text(t, compare.Files(a, b, 5))
	for _, want := range []string{
		"Only in A: mixed on x at 1 connection, operation put.", "Only in A: put on x at 1 connection.",
		"Only in B: mixed on x at 1 connection, operation scan.", "Only in B: put on x at 2 connections.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	none := compare.Files(a, result.File{}, 5)
	if none.Regressed() || !none.Undecided() || !strings.Contains(text(t, none), "nothing was compared") {
		t.Errorf("nothing in common:\n%s", text(t, none))
	}
}

func TestRunsThatDifferInTheirDataAreToldApart(t *testing.T) {
	few, many := synthetic("x", "put", 1, "put"), synthetic("x", "put", 1, "put")
	few.Settings.Keys, many.Settings.Keys = 1000, 1_000_000
	f := result.File{Runs: []result.Run{few, many}}
	got := text(t, compare.Files(f, f, 5))
	if strings.Count(got, "put keys=1,000 ") != 3 || strings.Count(got, "put keys=1,000,000 ") != 3 {
		t.Errorf("got\n%s", got)
	}
}

func TestNamesFromFilesMoveNoCursorAndMakeNoMarkdown(t *testing.T) {
	a := result.File{Runs: []result.Run{synthetic("\x1b[2J<b>", "put", 1, "put"), synthetic("other", "put", 1, "put")}}
	c := compare.Files(a, result.File{}, 5)
	if got := text(t, c); strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
	var b strings.Builder
	if err := c.Markdown(&b); err != nil || strings.Contains(b.String(), "<b>") {
		t.Errorf("%v: %q", err, &b)
	}
}

func TestASecondWithoutAnyOperationCounts(t *testing.T) {
	a, b := synthetic("x", "put", 1, "put"), synthetic("x", "put", 1, "put")
	for i := range b.Operations[0].Slices {
		b.Operations[0].Slices[i] = result.Slice{At: float64(i), Seconds: 1}
	}
	b.Operations[0].Failures = map[string]int64{"connection": 7}
	c := compare.Files(result.File{Runs: []result.Run{a}}, result.File{Runs: []result.Run{b}}, 5)
	if c.Rows[0].Metric != "rate" || c.Rows[0].Verdict != compare.Regression {
		t.Errorf("a server that stood still: %+v", c.Rows[0])
	}
	if c.Rows[1].Verdict != compare.TooFew {
		t.Errorf("latencies of nothing: %+v", c.Rows[1])
	}
	if got := text(t, c); !strings.Contains(got, "0 in A, 7 in B") {
		t.Errorf("no failures in\n%s", got)
	}
}

func TestASecondThatWasCutOffDoesNotCount(t *testing.T) {
	a := synthetic("x", "put", 1, "put")
	a.Operations[0].Slices = append(a.Operations[0].Slices, result.Slice{At: 12, Seconds: 0.1, Count: 1, P50: 1e9, P99: 1e9}, result.Slice{At: 13})
	for _, row := range compare.Files(result.File{Runs: []result.Run{a}}, result.File{Runs: []result.Run{a}}, 5).Rows {
		if row.SamplesA != 12 || row.SamplesB != 12 {
			t.Errorf("%s: %d and %d samples, want 12", row.Metric, row.SamplesA, row.SamplesB)
		}
	}
}

func TestTheVerdictSaysInWordsWhatItRestsOn(t *testing.T) {
	for _, test := range []struct{ a, b, want string }{
		{"base", "slower", "Threshold 5 %: 3 REGRESSION."},
		{"base", "slower", "one run each cannot tell a change from a drift"},
		{"base-repeats", "slower-repeats", "whole runs are compared, not their seconds"},
		{"base-repeats", "few-repeats", "there is no verdict, neither good nor bad"},
		{"base-repeats", "few-repeats", "5 and 2 runs"},
		{"three-repeats", "three-slower-repeats", "Welch's t"},
	} {
		if got := text(t, compare.Files(mustRead(t, test.a), mustRead(t, test.b), 5)); !strings.Contains(got, test.want) {
			t.Errorf("%s, %s: no %q in\n%s", test.a, test.b, test.want, got)
		}
	}
	var b strings.Builder
	if err := compare.Files(mustRead(t, "base"), mustRead(t, "slower"), 5).Markdown(&b); err != nil || !strings.HasPrefix(b.String(), "| target") {
		t.Errorf("%v\n%s", err, &b)
	}
}
