package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/buntime/keyval/bench/suite/turns"
)

// notMeasured is a section without figures.
const notMeasured = "Not measured."

// table is Markdown.
func table(header []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(header)
	b.WriteString("|" + strings.Repeat("---|", len(header)) + "\n")
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

// digits are a number with its thousands apart, and no more digits than it deserves.
func digits(value float64) string {
	switch {
	case value >= 1000:
		value = math.Round(value/10) * 10
	case value < 10:
		return strconv.FormatFloat(value, 'f', 2, 64)
	case value < 100:
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	text := strconv.FormatFloat(value, 'f', 0, 64)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// milliseconds of a latency in nanoseconds.
func milliseconds(ns float64) string {
	ms := ns / float64(time.Millisecond)
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}

// latency is a median in nanoseconds, empty where nothing succeeded.
func latency(f turns.Figure) string {
	if f.Of == 0 {
		return ""
	}
	return milliseconds(f.Median)
}

// rate is the median with its range, such as "18,640 (17,900–19,210)".
func rate(f turns.Figure) string {
	if f.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%s–%s)", digits(f.Median), digits(f.Low), digits(f.High))
}

// times is a ratio with its range, such as "2.4 × (2.2–2.5)".
func times(f turns.Figure) string {
	if f.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f × (%.2f–%.2f)", f.Median, f.Low, f.High)
}
