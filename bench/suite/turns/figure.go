package turns

import (
	"slices"

	"github.com/buntime/keyval/bench/result"
)

// A Figure is what few measurements of the same thing say. The zero value is none.
type Figure struct {
	Median, Low, High float64
	// Of is how many there were.
	Of int
}

// FigureOf is that of some values.
func FigureOf(values []float64) Figure {
	if len(values) == 0 {
		return Figure{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	median := sorted[n/2]
	if n%2 == 0 {
		median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return Figure{Median: median, Low: sorted[0], High: sorted[n-1], Of: n}
}

// Runs are what was measured.
type Runs []result.Run

// Of are those of one system and one measure, a round after the other.
func (r Runs) Of(target, measure string) Runs {
	var of Runs
	for _, run := range r {
		if run.Target == target && run.Workload == measure {
			of = append(of, run)
		}
	}
	return of
}

// With are those with a setting, such as the number of nodes.
func (r Runs) With(extra, value string) Runs {
	var with Runs
	for _, run := range r {
		if run.Settings.Extra[extra] == value {
			with = append(with, run)
		}
	}
	return with
}

// Rate is how many of the first operation succeeded each second.
func (r Runs) Rate() Figure { return r.each(rateOf) }

// Percentile is that of the first operation's latency, in nanoseconds.
func (r Runs) Percentile(p float64) Figure { return r.percentile(0, p) }

// LastPercentile is that of the last operation's: where the first is a part, of the whole.
func (r Runs) LastPercentile(p float64) Figure { return r.percentile(-1, p) }

// percentile is that of the i-th operation, -1 is the last.
func (r Runs) percentile(i int, p float64) Figure {
	return r.each(func(run result.Run) (float64, bool) {
		n := len(run.Operations)
		if n == 0 || run.Operations[(n+i)%n].Count == 0 {
			return 0, false
		}
		return float64(run.Operations[(n+i)%n].Latency.At(p)), true
	})
}

// Failed is how many of all operations did not succeed, and of how many. What is part of
// another one counts with that.
func (r Runs) Failed() (failed, all int64) {
	for _, run := range r {
		for _, operation := range run.Operations {
			if operation.Part {
				continue
			}
			failed += operation.Failed()
			all += operation.Count + operation.Failed()
		}
	}
	return failed, all
}

func (r Runs) each(of func(result.Run) (float64, bool)) Figure {
	var values []float64
	for _, run := range r {
		if value, ok := of(run); ok {
			values = append(values, value)
		}
	}
	return FigureOf(values)
}

func rateOf(run result.Run) (float64, bool) {
	if len(run.Operations) == 0 || run.Seconds == 0 {
		return 0, false
	}
	return run.Operations[0].Rate(run), true
}

// Ratio is how many times the other's rate this one is, each within its round.
func (r Runs) Ratio(other Runs) Figure {
	beside := make(map[string]float64)
	for _, run := range other {
		if rate, ok := rateOf(run); ok && rate > 0 {
			beside[run.Settings.Extra[Round]] = rate
		}
	}
	return r.each(func(run result.Run) (float64, bool) {
		rate, ok := rateOf(run)
		other, both := beside[run.Settings.Extra[Round]]
		if !ok || !both {
			return 0, false
		}
		return rate / other, true
	})
}
