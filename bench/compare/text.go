package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/table"
	"github.com/buntime/keyval/bench/unit"
)

// Text writes the comparison for a terminal: a table, then in words what it says and what
// it cannot.
func (c Comparison) Text(w io.Writer) error {
	if err := c.table().Text(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n"+strings.Join(c.words(), "\n")+"\n")
	return err
}

// Markdown writes the same for a page.
func (c Comparison) Markdown(w io.Writer) error {
	if err := c.table().Markdown(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n"+table.Escape(strings.Join(c.words(), "\n\n"))+"\n")
	return err
}

func (c Comparison) table() table.Table {
	t := table.Table{Head: []table.Column{
		{Name: "target"}, {Name: "workload"}, {Name: "load"}, {Name: "operation"}, {Name: "metric"},
		{Name: "A", Right: true}, {Name: "B", Right: true}, {Name: "difference", Right: true}, {Name: "95 % interval", Right: true},
		{Name: "p", Right: true}, {Name: "samples", Right: true}, {Name: "verdict"},
	}}
	for _, r := range c.Rows {
		run := r.A.Runs[0]
		t.Add(targetsOf(r), c.naming.Workload(run), run.Settings.Load(), r.Operation, r.Metric, r.write(r.MedianA), r.write(r.MedianB),
			r.difference(), r.interval(), r.chance(), fmt.Sprintf("%d and %d %s", r.SamplesA, r.SamplesB, r.Basis), string(r.Verdict))
	}
	return t
}

func targetsOf(r Row) string {
	a, b := r.A.Runs[0].Target, r.B.Runs[0].Target
	if a == b {
		return a
	}
	return a + " → " + b
}

func (r Row) write(value float64) string {
	switch {
	case value == 0:
		return "–" // nothing was measured
	case r.Metric == "rate":
		return unit.Thousands(value) + "/s"
	default:
		return unit.Milliseconds(value) + " ms"
	}
}

func (r Row) difference() string {
	if r.Verdict == TooFew {
		return "?"
	}
	return signed(r.Percent.Shift) + " %"
}

func (r Row) interval() string {
	if r.Verdict == TooFew {
		return "none"
	}
	return signed(r.Percent.Low) + " … " + signed(r.Percent.High) + " %"
}

func (r Row) chance() string {
	switch {
	case r.Verdict == TooFew:
		return ""
	case r.P < 0.001:
		return "<0.001"
	default:
		return fmt.Sprintf("%.3f", r.P)
	}
}

func signed(percent float64) string {
	return strings.Replace(fmt.Sprintf("%+.1f", percent), "-", "−", 1)
}

// words are what one must know to read the table.
func (c Comparison) words() []string {
	words := []string{c.summary()}
	if c.has(TooFew) {
		words = append(words, "Where there are too few samples there is no verdict, neither good nor bad: an interval needs 3 and 3 runs, or, of one run each, 4 and 4 seconds. Measure both with --repeat 5, or for longer.")
	}
	if slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Normal }) {
		words = append(words, "Of fewer than 4 and 4 runs, their logarithms are taken for normally distributed (Welch's t), which so few cannot show. --repeat 5 needs no such trust, and finds smaller differences.")
	}
	if c.based(Seconds) {
		words = append(words, "Seconds of one run are more alike than runs are: their intervals are narrower than those of repeats would be, and one run each cannot tell a change from a drift of the machine. --repeat 5 can.")
	}
	if c.based(Runs) {
		words = append(words, "Where there are repeats, whole runs are compared, not their seconds.")
	}
	words = append(words, c.failures()...)
	words = append(append(words, c.unmatched("Only in A", c.OnlyA)...), c.unmatched("Only in B", c.OnlyB)...)
	for i, line := range words {
		words[i] = table.Line(line) // names are from files
	}
	return words
}

func (c Comparison) summary() string {
	counts := make(map[Verdict]int)
	for _, r := range c.Rows {
		counts[r.Verdict]++
	}
	if len(c.Rows) == 0 {
		return "Nothing in the two files belongs together, so nothing was compared."
	}
	var parts []string
	for _, v := range []Verdict{Regression, Worse, Same, Better, Unclear, TooFew} {
		if counts[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	return fmt.Sprintf("Threshold %s: %s.", unit.Percent.String(c.Threshold), strings.Join(parts, ", "))
}

func (c Comparison) based(on Basis) bool {
	return slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Basis == on && r.Verdict != TooFew })
}

// failures says where operations failed, of which latencies and rates do not tell.
func (c Comparison) failures() []string {
	var lines []string
	for _, r := range c.Rows {
		a, b := failed(r.A, r.Operation), failed(r.B, r.Operation)
		if r.Metric == "rate" && (a > 0 || b > 0) {
			lines = append(lines, fmt.Sprintf("Failures of %s %s at %s: %d in A, %d in B.", c.naming.Workload(r.A.Runs[0]), r.Operation, r.A.Runs[0].Settings.Load(), a, b))
		}
	}
	return lines
}

func failed(g result.Group, operation string) int64 {
	total := int64(0)
	for _, run := range g.Runs {
		if o, found := run.Operation(operation); found {
			total += o.Failed()
		}
	}
	return total
}

func (c Comparison) unmatched(where string, all []Unmatched) []string {
	var lines []string
	for _, u := range all {
		run := u.Runs.Runs[0]
		what := fmt.Sprintf("%s: %s on %s at %s", where, c.naming.Workload(run), run.Target, run.Settings.Load())
		if u.Operation != "" {
			what += ", operation " + u.Operation
		}
		lines = append(lines, what+".")
	}
	return lines
}
