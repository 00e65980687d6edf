package compare_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/buntime/keyval/bench/compare"
)

func TestTheIntervalHoldsTheTruthInNineteenOfTwentyCases(t *testing.T) {
	const rounds, shift = 1000, 0.1
	random := rand.New(rand.NewPCG(1, 2))
	draws := map[string]func() float64{
		"normal":     random.NormFloat64,
		"log-normal": func() float64 { return math.Exp(random.NormFloat64()) },
		"heavy":      func() float64 { return random.NormFloat64() / (random.Float64() + 0.05) },
	}
	for name, draw := range draws {
		for _, sizes := range [][2]int{{4, 4}, {5, 7}, {12, 12}, {60, 55}} {
			held := 0
			for range rounds {
				a, b := make([]float64, sizes[0]), make([]float64, sizes[1])
				for i := range a {
					a[i] = draw()
				}
				for i := range b {
					b[i] = draw() + shift
				}
				interval, enough := compare.Shift(a, b)
				if !enough {
					t.Fatalf("%v are too few", sizes)
				}
				if interval.Low > interval.Shift || interval.Shift > interval.High {
					t.Fatalf("%+v is not in order", interval)
				}
				if interval.Low <= shift && shift <= interval.High {
					held++
				}
			}
			// Of few the next smaller interval would hold in less than 95 %: with 4 and 4
			// there are 70 orders, and this one leaves out 2 of them. 2 % are three
			// standard errors of the simulation.
			if got := float64(held) / rounds; got < 0.93 || got > 0.985 {
				t.Errorf("%s, %d and %d: the interval holds the truth in %.1f %%, want 95 to 97", name, sizes[0], sizes[1], 100*got)
			}
		}
	}
}

func TestTheShiftIsTheMedianOfAllDifferences(t *testing.T) {
	a, b := []float64{1, 2, 3, 4}, []float64{12, 11, 14, 13}
	got, enough := compare.Shift(a, b)
	// The 16 differences are 7, 8, 8, 9, 9, 9, 10 (4), 11 (3), 12 (2), 13; with 4 and 4 the
	// outermost are the bounds.
	if !enough || math.Abs(got.Shift-10) > 1e-9 || math.Abs(got.Low-7) > 1e-9 || math.Abs(got.High-13) > 1e-9 {
		t.Errorf("got %+v, %v; want 10, 7 to 13", got, enough)
	}
	if a[0] != 1 || b[0] != 12 {
		t.Error("the samples were sorted in their place")
	}
}

func TestTooFewHaveNoInterval(t *testing.T) {
	for _, sizes := range [][2]int{{0, 0}, {0, 100}, {1, 30}, {2, 7}, {3, 3}, {3, 4}} {
		if got, enough := compare.Shift(make([]float64, sizes[0]), make([]float64, sizes[1])); enough {
			t.Errorf("%d and %d: %+v", sizes[0], sizes[1], got)
		}
	}
	for _, sizes := range [][2]int{{4, 4}, {3, 5}, {1000, 900}} {
		if _, enough := compare.Shift(make([]float64, sizes[0]), make([]float64, sizes[1])); !enough {
			t.Errorf("%d and %d are said to be too few", sizes[0], sizes[1])
		}
	}
}
