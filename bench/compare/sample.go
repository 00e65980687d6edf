package compare

import (
	"math"

	"github.com/buntime/keyval/bench/result"
)

// Basis is what the values of a comparison are.
type Basis string

// What is compared: whole runs where at least one side has repeats, else seconds of the one.
const (
	Runs    Basis = "runs"
	Seconds Basis = "seconds"
)

// A metric is what is compared of an operation.
type metric struct {
	name string
	// more says that more is better.
	more    bool
	ofRun   func(result.Run, result.Operation) float64
	ofSlice func(result.Slice) float64
}

func metrics() []metric {
	return []metric{
		{"rate", true, func(r result.Run, o result.Operation) float64 {
			return rateOf(result.Slice{Count: o.Count, Seconds: r.Seconds})
		}, rateOf},
		{"p50", false, func(_ result.Run, o result.Operation) float64 { return float64(o.Latency.At(50)) }, func(s result.Slice) float64 { return float64(s.P50) }},
		{"p99", false, func(_ result.Run, o result.Operation) float64 { return float64(o.Latency.At(99)) }, func(s result.Slice) float64 { return float64(s.P99) }},
	}
}

// rateOf a slice, or a whole run, in which nothing succeeded is half of one: nothing has no
// logarithm, and that it stood still is not to be left out.
func rateOf(s result.Slice) float64 {
	if s.Seconds == 0 {
		return 0
	}
	return math.Max(float64(s.Count), 0.5) / s.Seconds
}

// values are a metric's of an operation: of each run, or of each whole slice.
func (m metric) values(g result.Group, operation string, basis Basis) []float64 {
	var values []float64
	for _, run := range g.Runs {
		o, found := run.Operation(operation)
		if !found {
			continue
		}
		if basis == Runs {
			values = append(values, m.ofRun(run, o))
			continue
		}
		for _, slice := range whole(o.Slices) {
			values = append(values, m.ofSlice(slice))
		}
	}
	return positive(values)
}

// whole leaves out slices that were cut off, whose values are of too little.
func whole(all []result.Slice) []result.Slice {
	longest := 0.0
	for _, slice := range all {
		longest = max(longest, slice.Seconds)
	}
	var whole []result.Slice
	for _, slice := range all {
		if slice.Seconds > 0 && slice.Seconds > longest/2 {
			whole = append(whole, slice)
		}
	}
	return whole
}

// positive leaves out latencies of where nothing has succeeded.
func positive(values []float64) []float64 {
	var positive []float64
	for _, v := range values {
		if v > 0 {
			positive = append(positive, v)
		}
	}
	return positive
}

func logarithms(values []float64) []float64 {
	logs := make([]float64, len(values))
	for i, v := range values {
		logs[i] = math.Log(v)
	}
	return logs
}
