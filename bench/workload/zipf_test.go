package workload

import (
	"math"
	"math/rand/v2"
	"testing"
)

// theory is what the distribution gives ranks below upTo, of n.
func theory(upTo, n int64) float64 {
	var part, whole float64
	for i := int64(1); i <= n; i++ {
		weight := math.Pow(float64(i), -theta)
		if whole += weight; i <= upTo {
			part += weight
		}
	}
	return part / whole
}

func TestRanksComeAsOftenAsTheirShare(t *testing.T) {
	const n, draws = 1000, 200_000
	var z zipf
	z.grow(n)
	r := rand.New(rand.NewPCG(1, 2))
	counts := make([]int, n)
	for range draws {
		counts[z.next(r)]++
	}
	// The first two ranks are exact, so four standard deviations of chance are all there is.
	for rank, want := range []float64{theory(1, n), theory(2, n) - theory(1, n)} {
		got := float64(counts[rank]) / draws
		if off := math.Abs(got - want); off > 4*math.Sqrt(want*(1-want)/draws) {
			t.Errorf("rank %d has a share of %.4f, want %.4f", rank, got, want)
		}
	}
	// The others are near: Gray's formula stands in for a sum.
	sum, upTo := 0, int64(0)
	for _, to := range []int64{10, 100, 500, n} {
		for ; upTo < to; upTo++ {
			sum += counts[upTo]
		}
		if got, want := float64(sum)/draws, theory(to, n); math.Abs(got-want) > 0.02 {
			t.Errorf("the first %d ranks have a share of %.4f, want %.4f", to, got, want)
		}
	}
}

func TestADistributionThatHasGrownIsOneThatBeganSo(t *testing.T) {
	var grown, begun zipf
	grown.grow(10)
	grown.grow(5) // never shrinks
	grown.grow(1000)
	begun.grow(1000)
	if grown.n != begun.n || math.Abs(grown.zetan-begun.zetan) > 1e-9 || math.Abs(grown.eta-begun.eta) > 1e-9 {
		t.Errorf("got %+v, want %+v", grown, begun)
	}
}

func TestOneKeyIsAlwaysTheOne(t *testing.T) {
	var z zipf
	z.grow(1)
	r, scrambled := rand.New(rand.NewPCG(1, 2)), newScrambled()
	for range 1000 {
		if z.next(r) != 0 || scrambled.scrambled(r, 1) != 0 {
			t.Fatal("there is but one")
		}
	}
}

// The hottest key is where YCSB has it: at its hash of rank 0, with a share of 1/zeta.
func TestScrambledKeysAreHotWhereYCSBHasThem(t *testing.T) {
	const keys, draws = 10_000, 200_000
	z, r := newScrambled(), rand.New(rand.NewPCG(3, 4))
	counts := make([]int, keys)
	for range draws {
		counts[z.scrambled(r, keys)]++
	}
	hottest := 0
	for key, count := range counts {
		if count > counts[hottest] {
			hottest = key
		}
	}
	// FNV-1a of eight zero bytes, as a signed number without its sign.
	if want := 6284781860667377211 % keys; hottest != want {
		t.Errorf("key %d is the hottest, want %d", hottest, want)
	}
	if got, want := float64(counts[hottest])/draws, 1/26.46902820178302; math.Abs(got-want) > 0.002 {
		t.Errorf("it has a share of %.4f, want %.4f", got, want)
	}
}
