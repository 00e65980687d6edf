package compare

import (
	"math"
	"slices"
	"sort"

	"github.com/aclements/go-moremath/stats"
)

// confidence is that of every interval.
const confidence = 0.95

// An Interval is how much a sample is shifted against another, and between which bounds
// the shift of what they were taken from is, in 95 of 100 cases.
type Interval struct {
	Shift, Low, High float64
}

// Shift is the Hodges–Lehmann estimate of how far b is from a, the median of all differences
// of one from b and one from a, with the interval that the Mann–Whitney test would not reject.
// Nothing is assumed of how either is distributed but that both are alike. It is false if
// there are too few for any interval: fewer than 4 and 4, or 3 and 5.
// (Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 4.2 and 4.3.)
func Shift(a, b []float64) (Interval, bool) {
	rank := lowestRank(len(a), len(b))
	if rank == 0 {
		return Interval{}, false
	}
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	all := len(a) * len(b)
	middle := (difference(a, b, (all+1)/2) + difference(a, b, all/2+1)) / 2
	return Interval{middle, difference(a, b, rank), difference(a, b, all+1-rank)}, true
}

// exact is how many pairs there are at most for the exact distribution to be computed, in
// about a millisecond; that of more is near enough to normal.
const exact = 400

// lowestRank is which of the sorted differences bounds the interval from below; 0 is none.
func lowestRank(n, m int) int {
	tail := (1 - confidence) / 2
	pairs := n * m
	if pairs == 0 {
		return 0
	}
	if pairs > exact {
		deviation := math.Sqrt(float64(pairs) * float64(n+m+1) / 12)
		quantile := stats.InvCDF(stats.StdNormal)(tail)
		return max(int(math.Round(float64(pairs)/2+quantile*deviation)), 0)
	}
	u := stats.UDist{N1: n, N2: m}
	return sort.Search(pairs/2+1, func(rank int) bool { return u.CDF(float64(rank)) > tail })
}

// difference is the k-th smallest, from 1, of all differences of one of b and one of a, both
// sorted. It is searched for by its value: the differences of two long runs are too many to
// keep.
func difference(a, b []float64, k int) float64 {
	low, high := b[0]-a[len(a)-1], b[len(b)-1]-a[0]
	if countUpTo(a, b, low) >= k {
		return low
	}
	for {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			return high
		}
		if countUpTo(a, b, middle) >= k {
			high = middle
		} else {
			low = middle
		}
	}
}

// countUpTo is how many differences are at most a limit.
func countUpTo(a, b []float64, limit float64) int {
	count, below := 0, 0
	for i := range a {
		for below < len(b) && b[below]-a[i] <= limit {
			below++
		}
		count += below
	}
	return count
}
