// Package compare says whether one measurement is slower than another: by how much, between
// which bounds, and when it cannot tell. Differences are of logarithms, so that a tenth
// counts the same wherever it is; nothing is assumed of how values are distributed, unless
// there are so few that nothing could be said without it.
package compare

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"

	"github.com/buntime/keyval/bench/result"
)

// A Comparison is of two files.
type Comparison struct {
	// Threshold is in percent.
	Threshold float64
	Rows      []Row
	// OnlyA and OnlyB are what the other file has no counterpart of.
	OnlyA, OnlyB []Unmatched

	naming result.Naming
}

// A Row is one metric of one operation at one load.
type Row struct {
	// A and B are the runs; several are repeats.
	A, B      result.Group
	Operation string
	// Metric is rate, in operations a second, or p50 or p99, in nanoseconds.
	Metric string
	// MedianA and MedianB are of the values that were compared.
	MedianA, MedianB float64
	// Percent is the difference and its 95 % interval: 10 is a tenth more in B. It says
	// nothing if Verdict is TooFew.
	Percent Interval
	// P is the chance of a difference at least this clear if there is none, by the
	// Mann–Whitney test or, if Normal, by Welch's.
	P float64
	// Normal says that there are too few for an interval that assumes nothing, so that the
	// logarithms of the runs are taken for normally distributed.
	Normal             bool
	Basis              Basis
	SamplesA, SamplesB int
	Verdict            Verdict
}

// Unmatched is runs that only one of the files has, of one operation or, if that is empty,
// of all.
type Unmatched struct {
	Runs      result.Group
	Operation string
}

// A Verdict is what a row comes to.
type Verdict string

// The verdicts.
const (
	// Regression: the whole interval is worse by more than the threshold.
	Regression Verdict = "REGRESSION"
	// Worse: the whole interval is worse, but not surely by more than the threshold.
	Worse Verdict = "worse"
	// Same: the whole interval is within the threshold on both sides of nothing.
	Same Verdict = "same"
	// Better: the whole interval is better.
	Better Verdict = "better"
	// Unclear: better and worse are both possible, by more than the threshold.
	Unclear Verdict = "too noisy to tell"
	// TooFew: there is no interval, so nothing is known, neither good nor bad.
	TooFew Verdict = "too few samples"
)

// Files compares B with A. A regression is what is surely worse by more than threshold,
// in percent: 5 is a twentieth. Runs belong to each other by workload, settings and
// operation; by target, too, if either file has several.
func Files(a, b result.File, threshold float64) Comparison {
	c := Comparison{Threshold: max(threshold, 0), naming: result.NewNaming(slices.Concat(a.Runs, b.Runs))}
	key := keyFor(a, b)
	counterparts := make(map[string]result.Group)
	for _, group := range b.Groups() {
		counterparts[key(group)] = group
	}
	matched := make(map[string]bool)
	for _, group := range a.Groups() {
		other, found := counterparts[key(group)]
		if !found {
			c.OnlyA = append(c.OnlyA, Unmatched{Runs: group})
			continue
		}
		matched[key(group)] = true
		c.groups(group, other)
	}
	for _, group := range b.Groups() {
		if !matched[key(group)] {
			c.OnlyB = append(c.OnlyB, Unmatched{Runs: group})
		}
	}
	return c
}

// keyFor says by what runs belong to each other.
func keyFor(a, b result.File) func(result.Group) string {
	if targets(a) > 1 || targets(b) > 1 {
		return func(g result.Group) string { return g.Runs[0].Target + "\x00" + g.Runs[0].Key() }
	}
	return func(g result.Group) string { return g.Runs[0].Key() }
}

func targets(f result.File) int {
	different := make(map[string]bool)
	for _, run := range f.Runs {
		different[run.Target] = true
	}
	return len(different)
}

// groups compares runs that belong to each other.
func (c *Comparison) groups(a, b result.Group) {
	for _, operation := range a.Operations() {
		if !slices.Contains(b.Operations(), operation) {
			c.OnlyA = append(c.OnlyA, Unmatched{a, operation})
			continue
		}
		for _, m := range metrics() {
			c.Rows = append(c.Rows, c.row(a, b, operation, m))
		}
	}
	for _, operation := range b.Operations() {
		if !slices.Contains(a.Operations(), operation) {
			c.OnlyB = append(c.OnlyB, Unmatched{b, operation})
		}
	}
}

func (c *Comparison) row(a, b result.Group, operation string, m metric) Row {
	row := Row{A: a, B: b, Operation: operation, Metric: m.name, Basis: Seconds, Verdict: TooFew}
	if len(a.Runs) > 1 || len(b.Runs) > 1 {
		row.Basis = Runs // seconds of one run are more alike than runs are
	}
	valuesA, valuesB := m.values(a, operation, row.Basis), m.values(b, operation, row.Basis)
	row.SamplesA, row.SamplesB = len(valuesA), len(valuesB)
	row.MedianA, row.MedianB = median(valuesA), median(valuesB)
	if shift, enough := Shift(logarithms(valuesA), logarithms(valuesB)); enough {
		p := benchmath.AssumeNothing.Compare(sample(valuesA), sample(valuesB)).P
		return row.judged(shift, p, verdict(shift, m.more, c.Threshold))
	}
	if row.Basis == Seconds { // which come one from the other, and are not as good as drawn
		return row
	}
	if shift, p, enough := Welch(logarithms(valuesA), logarithms(valuesB)); enough {
		row.Normal = true
		return row.judged(shift, p, verdict(shift, m.more, c.Threshold))
	}
	return row
}

// judged is a row with what is known of its shift.
func (r Row) judged(shift Interval, p float64, v Verdict) Row {
	r.Percent = Interval{percent(shift.Shift), percent(shift.Low), percent(shift.High)}
	r.P, r.Verdict = p, v
	return r
}

// verdict judges the shift of a logarithm.
func verdict(shift Interval, more bool, threshold float64) Verdict {
	low, high := shift.Low, shift.High
	bad, good := math.Log1p(threshold/100), -math.Log1p(threshold/100)
	if more { // turned round, so that greater is worse
		low, high = -high, -low
		bad, good = -math.Log1p(-min(threshold/100, 1)), math.Log1p(-min(threshold/100, 1))
	}
	switch {
	case low > bad:
		return Regression
	case low > good && high < bad:
		return Same
	case low > 0:
		return Worse
	case high < 0:
		return Better
	default:
		return Unclear
	}
}

func percent(shift float64) float64 { return 100 * math.Expm1(shift) }

func sample(values []float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return benchmath.AssumeNothing.Summary(sample(values), confidence).Center
}

// Regressed tells whether any row is a regression.
func (c Comparison) Regressed() bool { return c.has(Regression) }

// Undecided tells whether something could not be judged: samples were too few, or nothing
// of the files belongs together. It is neither good nor bad.
func (c Comparison) Undecided() bool { return len(c.Rows) == 0 || c.has(TooFew) }

func (c Comparison) has(v Verdict) bool {
	return slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Verdict == v })
}
