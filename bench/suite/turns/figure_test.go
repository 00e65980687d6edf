package turns_test

import (
	"strconv"
	"testing"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/turns"
)

func TestAFigureIsTheMedianAndTheRange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values []float64
		want   turns.Figure
	}{
		{nil, turns.Figure{}},
		{[]float64{7}, turns.Figure{Median: 7, Low: 7, High: 7, Of: 1}},
		{[]float64{9, 1, 4}, turns.Figure{Median: 4, Low: 1, High: 9, Of: 3}},
		{[]float64{4, 1, 9, 2}, turns.Figure{Median: 3, Low: 1, High: 9, Of: 4}},
	} {
		if got := turns.FigureOf(test.values); got != test.want {
			t.Errorf("%v: got %+v, want %+v", test.values, got, test.want)
		}
	}
}

// measured is one run of a system in each round, at these rates.
func measured(target string, rates ...int64) turns.Runs {
	var runs turns.Runs
	for i, rate := range rates {
		runs = append(runs, result.Run{
			Target: target, Workload: "put", Seconds: 2,
			Settings:   result.Settings{Extra: map[string]string{"round": strconv.Itoa(i + 1)}},
			Operations: []result.Operation{{Count: 2 * rate}, {Count: 1}},
		})
	}
	return runs
}

func TestARatioIsTakenWithinEachRound(t *testing.T) {
	t.Parallel()
	// The machine is half as fast in the second round, and nobody's ratio shows it.
	ours, theirs := measured("ours", 1000, 500, 1000), measured("theirs", 500, 250, 400)
	if got, want := ours.Ratio(theirs), (turns.Figure{Median: 2, Low: 2, High: 2.5, Of: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestARoundThatOnlyOneHasTakenHasNoRatio(t *testing.T) {
	t.Parallel()
	if got := measured("ours", 1000, 10).Ratio(measured("theirs", 500)); got.Of != 1 || got.Median != 2 {
		t.Errorf("got %+v, want 2, of 1", got)
	}
	if got := measured("ours", 1000).Ratio(measured("theirs", 0)); got.Of != 0 {
		t.Errorf("beside nothing: got %+v, want none", got)
	}
}

func TestARateIsThatOfTheFirstOperation(t *testing.T) {
	t.Parallel()
	if got := measured("ours", 300).Rate().Median; got != 300 {
		t.Errorf("got %v, want 300", got)
	}
}

// cpu is what programs took in so many seconds.
func cpu(seconds float64, programs map[string][]float64) *result.CPU {
	of := &result.CPU{Seconds: seconds}
	for name, times := range programs {
		for _, spent := range times {
			of.Programs = append(of.Programs, result.Program{Name: name, Seconds: spent})
		}
	}
	return of
}

func TestAFailureCountsOnceWhateverPartOfItFailed(t *testing.T) {
	t.Parallel()
	runs := turns.Runs{{Operations: []result.Operation{
		{Name: "event", Part: true, Count: 7, Failures: map[string]int64{"timeout": 3}},
		{Name: "put and event", Count: 7, Failures: map[string]int64{"timeout": 3}},
	}}}
	if failed, all := runs.Failed(); failed != 3 || all != 10 {
		t.Errorf("got %d of %d, want 3 of 10", failed, all)
	}
}
