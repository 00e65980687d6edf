package compare_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/buntime/keyval/bench/compare"
)

func TestAnIntervalOfFewRunsHoldsTheTruthAsOften(t *testing.T) {
	const rounds, shift = 4000, 0.1
	random := rand.New(rand.NewPCG(1, 2))
	for _, test := range []struct {
		sizes   [2]int
		scatter [2]float64
	}{{[2]int{3, 3}, [2]float64{1, 1}}, {[2]int{3, 4}, [2]float64{1, 1}}, {[2]int{3, 3}, [2]float64{1, 5}}, {[2]int{4, 3}, [2]float64{1, 0.1}}} {
		held := 0
		for range rounds {
			draws := [2][]float64{make([]float64, test.sizes[0]), make([]float64, test.sizes[1])}
			for side, values := range draws {
				for i := range values {
					values[i] = test.scatter[side] * random.NormFloat64()
				}
			}
			for i := range draws[1] {
				draws[1][i] += shift
			}
			interval, _, enough := compare.Welch(draws[0], draws[1])
			if !enough {
				t.Fatalf("%v are too few", test.sizes)
			}
			if interval.Low <= shift && shift <= interval.High {
				held++
			}
		}
		// Of three and three it is a little wider than it must be; 1 % is three standard errors
		// of the simulation.
		if got := float64(held) / rounds; got < 0.94 || got > 0.985 {
			t.Errorf("%+v: the interval holds the truth in %.1f %%, want 95 or a little more", test, 100*got)
		}
	}
}

func TestTheIntervalOfFewRunsIsWelchs(t *testing.T) {
	// Variances of 1 and 7: 2.56 degrees of freedom, whose density was integrated numerically.
	got, p, enough := compare.Welch([]float64{1, 2, 3}, []float64{11, 12, 16})
	for _, each := range [][2]float64{{got.Shift, 11}, {got.Low, 5.25934}, {got.High, 16.74066}, {p, 0.0108219}} {
		if !enough || math.Abs(each[0]-each[1]) > 1e-5 {
			t.Errorf("got %+v, %v; want 11, 5.25934 to 16.74066, 0.0108219", got, p)
		}
	}
}

func TestRunsThatAreAllAlikeStillScatter(t *testing.T) {
	got, p, _ := compare.Welch([]float64{1, 1, 1}, []float64{1, 1, 1})
	if !(got.Low < 0 && got.High > 0 && got.High < 0.001) || p != 1 {
		t.Errorf("got %+v, %v; want less than a thousandth around 0", got, p)
	}
}

func TestTwoRunsAreTooFew(t *testing.T) {
	if got, _, enough := compare.Welch([]float64{1, 2}, []float64{1, 2, 3}); enough {
		t.Errorf("got %+v", got)
	}
}
