package page

import (
	"fmt"
	"strings"

	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
)

// column is a measure as a reader knows it.
type column struct{ measure, title, unit string }

// columns are what systems are compared by.
func columns() []column {
	return []column{
		{systems.Put, "durable PUT", "writes"},
		{systems.Get, "GET", "reads"},
		{systems.Sum, "hot counter", "sums"},
		{systems.Atomic, "atomic with one check", "commits"},
		{systems.List, "list of 100", "lists"},
		{systems.Queue, "queue cycle", "cycles"},
	}
}

// Reasons are why a system has no turn in a measure, by both names.
type Reasons map[string]map[string]string

// Comparison is a table of rates for each measure, and what it says in words.
func Comparison(runs turns.Runs, names []string, reasons Reasons) string {
	var b strings.Builder
	for _, c := range columns() {
		fmt.Fprintf(&b, "### %s\n\n%s\n%s\n\n", strings.ToUpper(c.title[:1])+c.title[1:], measureTable(runs, names, c, reasons), verdict(runs, names, c))
	}
	return b.String()
}

func measureTable(runs turns.Runs, names []string, c column, reasons Reasons) string {
	ours := runs.Of(systems.Embedded, c.measure)
	var rows [][]string
	for _, name := range names {
		of := runs.Of(name, c.measure)
		if len(of) == 0 {
			if reason := reasons[name][c.measure]; reason != "" {
				rows = append(rows, []string{name, reason, "", "", ""})
			}
			continue
		}
		rows = append(rows, []string{
			name, rateAndFailures(of), latency(of.Percentile(50)), latency(of.Percentile(99)),
			times(of.Ratio(ours)),
		})
	}
	return table([]string{"", c.unit + " a second: median (range)", "p50", "p99", "beside keyval, embedded"}, rows)
}

// rateAndFailures is the rate, and how many did not succeed if there are any.
func rateAndFailures(of turns.Runs) string { return rate(of.Rate()) + failures(of) }

// failures is empty where all succeeded.
func failures(of turns.Runs) string {
	failed, all := of.Failed()
	if failed == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d failed", failed, all)
}

// verdict says in words who is ahead of keyval's embedded and sqld shapes.
func verdict(runs turns.Runs, names []string, c column) string {
	var sentences []string
	for _, own := range []string{systems.Embedded, systems.OnSqld} {
		ours := runs.Of(own, c.measure)
		var ahead, level, behind []string
		for _, name := range names {
			ratio := runs.Of(name, c.measure).Ratio(ours)
			switch {
			case ratio.Of == 0 || strings.HasPrefix(name, "keyval"):
			case ratio.Low > 1:
				ahead = append(ahead, fmt.Sprintf("%s (%.2f ×)", name, ratio.Median))
			case ratio.High < 1:
				behind = append(behind, fmt.Sprintf("%s (%.2f ×)", name, ratio.Median))
			default:
				level = append(level, fmt.Sprintf("%s (%.2f ×)", name, ratio.Median))
			}
		}
		for _, s := range []struct {
			names []string
			what  string
		}{
			{ahead, "faster than"}, {level, "sometimes faster and sometimes slower than"}, {behind, "slower than"},
		} {
			if len(s.names) > 0 {
				is := "is"
				if len(s.names) > 1 {
					is = "are"
				}
				sentences = append(sentences, fmt.Sprintf("%s %s %s %s.", listing(s.names), is, s.what, own))
			}
		}
	}
	return strings.Join(sentences, "\n")
}

// listing is names as a sentence has them.
func listing(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
