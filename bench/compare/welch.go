package compare

import (
	"math"

	"github.com/aclements/go-moremath/stats"
)

// fewest is how many there must be on each side for Welch: with two, how much they scatter
// is as good as unknown.
const fewest = 3

// resolution is how exact a logarithm is: values that are alike to a thousandth, as a
// histogram has them, have not shown that they do not scatter at all.
const resolution = 0.001

// Welch is how far the mean of b is from that of a, with Welch's t interval, and p, the chance
// of a difference at least this clear if there is none. It needs no more than three and three,
// because it takes both for normally distributed; they need not scatter alike. For the
// logarithms of whole runs, each of many operations, that is near enough. It is false if
// there are fewer.
// (Welch: The generalization of Student's problem, Biometrika 34, 1947.)
func Welch(a, b []float64) (interval Interval, p float64, enough bool) {
	if len(a) < fewest || len(b) < fewest {
		return Interval{}, 0, false
	}
	errorA, errorB := squaredError(a), squaredError(b)
	freedom := (errorA + errorB) * (errorA + errorB) / (errorA*errorA/float64(len(a)-1) + errorB*errorB/float64(len(b)-1))
	t := stats.TDist{V: freedom}
	shift, unit := stats.Mean(b)-stats.Mean(a), math.Sqrt(errorA+errorB)
	reach := stats.InvCDF(t)((1+confidence)/2) * unit
	return Interval{shift, shift - reach, shift + reach}, 2 * t.CDF(-math.Abs(shift)/unit), true
}

// squaredError is that of the mean.
func squaredError(values []float64) float64 {
	return (stats.Variance(values) + resolution*resolution/12) / float64(len(values))
}
