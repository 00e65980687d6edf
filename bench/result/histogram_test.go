package result_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/buntime/keyval/bench/result"
)

func TestPercentilesAreWithinAThousandth(t *testing.T) {
	h := result.NewHistogram()
	for i := 1; i <= 10_000; i++ {
		h.Record(time.Duration(i) * 100 * time.Microsecond)
	}
	for percentile, want := range map[float64]time.Duration{50: 500 * time.Millisecond, 99: 990 * time.Millisecond, 99.9: 999 * time.Millisecond, 100: time.Second} {
		if got := h.At(percentile); got < want-want/1000 || got > want+want/1000 {
			t.Errorf("p%v: got %v, want %v", percentile, got, want)
		}
	}
}

func TestALatencyOutOfBoundsCountsAsTheBound(t *testing.T) {
	h := result.NewHistogram()
	h.Record(-time.Second)
	h.Record(time.Hour)
	if h.Count() != 2 || h.At(0) > time.Microsecond || h.Greatest() < result.Longest {
		t.Errorf("%d recorded, from %v to %v", h.Count(), h.At(0), h.Greatest())
	}
}

func TestHistogramsAddUpAndTheZeroValueIsEmpty(t *testing.T) {
	var zero result.Histogram
	a, b := result.NewHistogram(), result.NewHistogram()
	a.Record(time.Millisecond)
	b.Record(time.Second)
	a.Add(b)
	a.Add(zero)
	if got := a.Count(); got != 2 || a.Greatest() < time.Second || a.At(50) > 2*time.Millisecond {
		t.Errorf("%d recorded, median %v, greatest %v", got, a.At(50), a.Greatest())
	}
	text, err := json.Marshal(zero)
	if err != nil || string(text) != `""` || zero.At(50) != 0 || zero.Count() != 0 {
		t.Errorf("the zero value is %s with %v (%v)", text, zero.At(50), err)
	}
}

func TestRepeatsOfALoadAreOneGroupWhateverTheirSeed(t *testing.T) {
	run := func(target string, connections int, seed uint64, latency time.Duration) result.Run {
		h := result.NewHistogram()
		h.Record(latency)
		return result.Run{Target: target, Workload: "put", Settings: result.Settings{Connections: connections, Seed: seed},
			Operations: []result.Operation{{Name: "put", Count: 1, Latency: h}}}
	}
	f := result.File{Runs: []result.Run{
		run("a", 1, 1, time.Millisecond), run("a", 2, 1, time.Millisecond), run("b", 1, 1, time.Millisecond), run("a", 1, 2, time.Second),
	}}
	var got []int
	groups := f.Groups()
	for _, group := range groups {
		got = append(got, len(group.Runs))
	}
	if want := []int{2, 1, 1}; !slices.Equal(got, want) {
		t.Fatalf("groups of %v runs, want %v", got, want)
	}
	if h := groups[0].Latency("put"); h.Count() != 2 || h.Greatest() < time.Second {
		t.Errorf("together %d latencies up to %v", h.Count(), h.Greatest())
	}
	if got := groups[0].Operations(); !slices.Equal(got, []string{"put"}) {
		t.Errorf("operations %v", got)
	}
}
