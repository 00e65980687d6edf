package plot

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"

	"github.com/buntime/keyval/bench/unit"
)

// A Scale says where on an axis a value is.
type Scale int

// The scales.
const (
	// Linear begins at 0: what is twice as high is twice as much.
	Linear Scale = iota
	Log2
	Log10
	// Percentile is HdrHistogram's: 0, 90, 99, 99.9 … are equally far from each other.
	Percentile
)

// place is where a value is, in steps of the scale; not finite if it has no place.
func (s Scale) place(value float64) float64 {
	switch s {
	case Log2:
		return math.Log2(value)
	case Log10:
		return math.Log10(value)
	case Percentile:
		return nines(value)
	default:
		return value
	}
}

// nines is how many nines a percentile has: 1 for 90, 2 for 99.
func nines(percentile float64) float64 { return -math.Log10(1 - percentile/100) }

// most is how many labels an axis has at most.
const most = 9

// ticks labels an axis over an extent, and says how far the axis goes.
func (s Scale) ticks(e extent, u unit.Unit) (ticks []plot.Tick, low, high float64) {
	switch s {
	case Log2:
		return everyPower(e, u, 2)
	case Log10:
		if e.high-e.low < 2.5 {
			return decimal(e, u)
		}
		return everyPower(e, u, 10)
	case Percentile:
		return percentiles(e)
	default:
		return linear(e, u)
	}
}

// everyPower labels powers of a base, or every second or third if there are many.
func everyPower(e extent, u unit.Unit, base float64) (ticks []plot.Tick, low, high float64) {
	low, high = math.Floor(e.low+1e-9), math.Ceil(e.high-1e-9)
	if low == high {
		high++
	}
	stride := math.Ceil((high - low) / most)
	for at := low; at <= high; at += stride {
		ticks = append(ticks, plot.Tick{Value: at, Label: u.String(math.Pow(base, at))})
	}
	return ticks, low, high
}

// decimal labels 1, 2 and 5 of each power of ten, from the one below to the one above.
func decimal(e extent, u unit.Unit) (ticks []plot.Tick, low, high float64) {
	var at []float64
	for power := math.Floor(e.low); power <= math.Ceil(e.high)+1; power++ {
		for _, digit := range []float64{1, 2, 5} {
			at = append(at, power+math.Log10(digit))
		}
	}
	first, last := 0, len(at)-1
	for first+1 < len(at) && at[first+1] <= e.low {
		first++
	}
	for last > first+1 && at[last-1] >= e.high {
		last--
	}
	for _, place := range at[first : last+1] {
		ticks = append(ticks, plot.Tick{Value: place, Label: u.String(math.Pow(10, place))})
	}
	return ticks, at[first], at[last]
}

// percentiles labels what people ask for.
func percentiles(e extent) (ticks []plot.Tick, low, high float64) {
	ticks = []plot.Tick{{Value: 0, Label: "0"}, {Value: nines(50), Label: "50"}, {Value: 1, Label: "90"}, {Value: 2, Label: "99"}}
	label := "99."
	for n := 3.0; n <= e.high; n++ {
		label += "9"
		ticks = append(ticks, plot.Tick{Value: n, Label: label})
	}
	return ticks, 0, max(e.high, nines(50))
}

// tiny is what cannot be divided into steps.
const tiny = 1e-12

// linear labels from 0 in steps of 1, 2 or 5.
func linear(e extent, u unit.Unit) (ticks []plot.Tick, low, high float64) {
	low, high = min(e.low, 0), max(e.high, 0)
	if high-low < tiny {
		high = low + 1
	}
	step := niceStep((high - low) / 5)
	first, last := math.Floor(low/step), math.Ceil(high/step-1e-9)
	for i := first; i <= last; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: label(u, i*step, step)})
	}
	return ticks, first * step, last * step
}

// label is exact where three digits would make two labels the same.
func label(u unit.Unit, value, step float64) string {
	if u == unit.Number && step >= 1 && value < 10_000 {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return u.String(value)
}

// niceStep is the least of 1, 2 or 5 times a power of ten that is not below.
func niceStep(atLeast float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(atLeast)))
	for _, digit := range []float64{1, 2, 5} {
		if digit*power >= atLeast*(1-1e-9) {
			return digit * power
		}
	}
	return 10 * power
}
