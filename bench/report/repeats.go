package report

import (
	"slices"

	"github.com/buntime/keyval/bench/result"
)

// repeats are the same value of each run of a group, sorted.
type repeats []float64

// rates are how many succeeded each second, in each run.
func rates(g result.Group, operation string) repeats {
	return each(g, operation, func(r result.Run, o result.Operation) (float64, bool) { return o.Rate(r), true })
}

// latencies are a percentile's, in nanoseconds, in each run in which any succeeded.
func latencies(g result.Group, operation string, percentile float64) repeats {
	return each(g, operation, func(_ result.Run, o result.Operation) (float64, bool) {
		return float64(o.Latency.At(percentile)), o.Latency.Count() > 0
	})
}

func each(g result.Group, operation string, value func(result.Run, result.Operation) (float64, bool)) repeats {
	var all repeats
	for _, run := range g.Runs {
		if o, found := run.Operation(operation); found {
			if v, any := value(run, o); any {
				all = append(all, v)
			}
		}
	}
	slices.Sort(all)
	return all
}

// median of an even number is between the middle two.
func (r repeats) median() float64 {
	if len(r) == 0 {
		return 0
	}
	return (r[(len(r)-1)/2] + r[len(r)/2]) / 2
}

func (r repeats) least() float64 {
	if len(r) == 0 {
		return 0
	}
	return r[0]
}

func (r repeats) greatest() float64 {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1]
}

// write writes the median, and of several the range.
func (r repeats) write(as func(float64) string) string {
	switch len(r) {
	case 0:
		return "–"
	case 1:
		return as(r[0])
	default:
		return as(r.median()) + " (" + as(r.least()) + "–" + as(r.greatest()) + ")"
	}
}
