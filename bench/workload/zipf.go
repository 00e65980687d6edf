package workload

import (
	"math"
	"math/rand/v2"
)

// theta is how much more often the first of a zipfian distribution comes than the others:
// the i-th has a share of 1/i^theta. It is YCSB's.
const theta = 0.99

// zipf draws ranks below n, 0 most often, as in Gray et al., "Quickly generating
// billion-record synthetic databases", SIGMOD 1994: the shares of the first two ranks are
// exact, the others near.
type zipf struct {
	n     int64
	zetan float64 // the sum of the shares of all n
	eta   float64
}

// grow draws from n ranks from now on. It takes time for each that is new.
func (z *zipf) grow(n int64) {
	if n <= z.n {
		return
	}
	for i := z.n + 1; i <= n; i++ {
		z.zetan += math.Pow(float64(i), -theta)
	}
	z.n = n
	z.set()
}

func (z *zipf) set() {
	zeta2 := 1 + math.Pow(2, -theta)
	z.eta = (1 - math.Pow(2/float64(z.n), 1-theta)) / (1 - zeta2/z.zetan)
}

func (z *zipf) next(r *rand.Rand) int64 {
	u := r.Float64()
	switch uz := u * z.zetan; {
	case uz < 1:
		return 0
	case uz < 1+math.Pow(2, -theta):
		return 1
	}
	rank := int64(float64(z.n) * math.Pow(z.eta*u-z.eta+1, 1/(1-theta)))
	return min(rank, z.n-1) // u next to 1 is rounded up
}

// newScrambled is the distribution of YCSB's ScrambledZipfianGenerator before its hash: over
// ten thousand million ranks, so that which keys are hot does not depend on how many there
// are, and with their zeta known beforehand.
func newScrambled() zipf {
	z := zipf{n: 10_000_000_000, zetan: 26.46902820178302}
	z.set()
	return z
}

// scrambled draws one of so many keys: the hot ones lie anywhere, not side by side.
func (z *zipf) scrambled(r *rand.Rand, keys int) int {
	return int(scramble(uint64(z.next(r))) % uint64(keys))
}

// scramble is YCSB's hash of a rank: FNV-1a of its eight bytes, the lowest first, without
// the sign.
func scramble(rank uint64) uint64 {
	hash := uint64(0xCBF29CE484222325)
	for range 8 {
		hash = (hash ^ rank&0xff) * 1099511628211
		rank >>= 8
	}
	if signed := int64(hash); signed < 0 {
		return uint64(-signed)
	}
	return hash
}
