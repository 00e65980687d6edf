package workload

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"math/rand/v2"
	"testing"
)

func TestValuesAreJSONOfExactlyTheirSize(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for size := 2; size < 300; size++ {
		s := sizes{size, size}
		shapes := map[string]shape{"plain": s.plain}
		if size >= leastObject {
			shapes["grouped"], shapes["worded"] = s.grouped(1_000_000), s.worded
		}
		for name, shape := range shapes {
			value := shape([]byte("before"), r, 999_999)[len("before"):]
			if len(value) != size || !json.Valid(value) {
				t.Errorf("%s of %d bytes: %s has %d", name, size, value, len(value))
			}
		}
	}
}

func TestSizesLieWithinTheirBounds(t *testing.T) {
	r, s := rand.New(rand.NewPCG(1, 2)), sizes{10, 13}
	seen := map[int]bool{}
	for range 1000 {
		seen[len(s.plain(nil, r, 0))] = true
	}
	if len(seen) != 4 || !seen[10] || !seen[13] {
		t.Errorf("got sizes %v, want 10 to 13", seen)
	}
}

func TestTextsHardlyCompress(t *testing.T) {
	value := sizes{10_000, 10_000}.plain(nil, rand.New(rand.NewPCG(1, 2)), 0)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(value)
	_ = w.Close() // a buffer takes everything
	if out.Len() < len(value)*7/10 {
		t.Errorf("%d bytes become %d", len(value), out.Len())
	}
}

func TestWordsAreEachTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for n := range vocabulary {
		word := string(appendWord(nil, n))
		if len(word) != wordBytes || seen[word] {
			t.Errorf("word %d is %q", n, word)
		}
		seen[word] = true
	}
}
