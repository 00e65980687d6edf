package plot

import (
	"math"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/unit"
)

// Throughput is rates over time; the points of a series are OverTime's.
func Throughput(title string, series ...Series) Lines {
	return Lines{title, Axis{Label: "time", Unit: unit.Seconds}, Axis{Label: "operations per second", Unit: unit.Rate}, series}
}

// Distribution is latencies by percentile; the points of a series are ByPercentile's.
func Distribution(title string, series ...Series) Lines {
	return Lines{title, Axis{Label: "percentile", Scale: Percentile}, Axis{Label: "latency", Unit: unit.Latency, Scale: Log10}, series}
}

// AgainstLoad is latencies (Y, in nanoseconds) over the rate that was achieved (X), a point
// for each run.
func AgainstLoad(title string, series ...Series) Lines {
	return Lines{title, Axis{Label: "achieved rate", Unit: unit.Rate}, Axis{Label: "latency", Unit: unit.Latency, Scale: Log10}, series}
}

// Cost is anything over an amount of work, such as Axis{"connections", unit.Number, Log2}.
func Cost(title string, work, cost Axis, series ...Series) Lines {
	return Lines{title, work, cost, series}
}

// finest is how many points of a line can be told apart.
const finest = 240

// OverTime is an operation's rate in each of its slices; of a long run, in several together.
func OverTime(o result.Operation) []Point {
	together := (len(o.Slices) + finest - 1) / finest
	var points []Point
	for i := 0; i < len(o.Slices); i += together {
		var count, seconds float64
		for _, slice := range o.Slices[i:min(i+together, len(o.Slices))] {
			count += float64(slice.Count)
			seconds += slice.Seconds
		}
		if seconds > 0 {
			points = append(points, Point{X: o.Slices[i].At + seconds/2, Y: count / seconds})
		}
	}
	return points
}

// ByPercentile is a histogram's latencies, up to the percentile that one in all is above.
func ByPercentile(h result.Histogram) []Point {
	if h.Count() == 0 {
		return nil
	}
	var percentiles []float64
	for n := 0.0; n <= math.Log10(float64(h.Count())); n += 0.05 {
		percentiles = append(percentiles, 100*(1-math.Pow(10, -n)))
	}
	values := h.ValueAtPercentilesSlice(percentiles)
	points := make([]Point, len(values))
	for i, value := range values {
		points[i] = Point{X: percentiles[i], Y: float64(value)}
	}
	return points
}
