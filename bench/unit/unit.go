// Package unit writes what benchmarks measure the way people read it: three digits and the
// prefix that fits.
package unit

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A Unit is what a number counts.
type Unit int

// The units. Each says what a value of 1 is.
const (
	Number  Unit = iota // one of anything
	Rate                // one a second
	Latency             // a nanosecond
	Seconds             // a second
	Bytes               // a byte
	Percent             // a hundredth
)

// String writes a value: 12.3k/s, 4.56 ms, 256 KiB.
func (u Unit) String(value float64) string {
	if value < 0 {
		return "−" + u.String(-value)
	}
	switch u {
	case Rate:
		return scaled(value, 1000, "", "k", "M", "G", "T") + "/s"
	case Latency:
		return latency(round(value))
	case Seconds:
		return Digits(value) + " s"
	case Bytes:
		return scaled(value, 1024, " B", " KiB", " MiB", " GiB", " TiB")
	case Percent:
		return Digits(value) + " %"
	default:
		return scaled(value, 1000, "", "k", "M", "G", "T")
	}
}

func latency(ns float64) string {
	switch {
	case ns >= float64(time.Second):
		return Digits(ns/1e9) + " s"
	case ns >= float64(time.Millisecond) || ns == 0:
		return Digits(ns/1e6) + " ms"
	default:
		return Digits(ns/1e3) + " µs"
	}
}

func scaled(value, step float64, prefixes ...string) string {
	value = round(value)
	i := 0
	for i < len(prefixes)-1 && value >= step {
		value /= step
		i++
	}
	return Digits(value) + prefixes[i]
}

// Digits writes a number with three digits, or as many as stand before its point.
func Digits(value float64) string {
	text := strconv.FormatFloat(value, 'f', places(value), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// Milliseconds writes a latency in ms without its unit, all with three digits, so that they
// can stand below each other.
func Milliseconds(ns float64) string {
	ms := ns / 1e6
	return strconv.FormatFloat(ms, 'f', min(places(ms), 3), 64)
}

// Thousands writes a whole number with commas: 12,345.
func Thousands(value float64) string {
	if math.Abs(value) >= 1<<53 || math.IsNaN(value) {
		return strconv.FormatFloat(value, 'g', 3, 64)
	}
	text := strconv.FormatInt(int64(math.Round(math.Abs(value))), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	if value <= -0.5 {
		return "−" + text
	}
	return text
}

// PerSecond writes a rate as Thousands does, but not without what stands after its point if
// that is much of it.
func PerSecond(rate float64) string {
	if math.Abs(rate) < 100 {
		return Digits(rate)
	}
	return Thousands(rate)
}

// round leaves three digits, so that 999.9 gets the prefix of a thousand.
func round(value float64) float64 {
	if value == 0 || math.IsInf(value, 0) || math.IsNaN(value) {
		return value
	}
	scale := math.Pow(10, math.Floor(math.Log10(math.Abs(value)))-2)
	return math.Round(value/scale) * scale
}

// places is how many digits stand after the point if there are three in all.
func places(value float64) int {
	value = math.Abs(round(value))
	if value == 0 || math.IsInf(value, 0) || math.IsNaN(value) {
		return 0
	}
	return min(max(2-int(math.Floor(math.Log10(value)+1e-9)), 0), 9)
}
