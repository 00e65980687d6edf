package workload

import (
	"math/rand/v2"
	"slices"
	"strconv"
)

// leastObject is the size from which a value has room for a member beside its text.
const leastObject = 32

// vocabulary is how many words the texts to be searched are made of: few enough that each is
// in many texts, many enough that none is in all.
const vocabulary = 2000

// sizes are the least and the greatest size of a value as JSON, in bytes.
type sizes [2]int

func (s sizes) draw(r *rand.Rand) int { return s[0] + r.IntN(s[1]-s[0]+1) }

// A shape appends the value of the n-th key.
type shape func(b []byte, r *rand.Rand, n int) []byte

// plain is an object with a number and a text, or just a text where that has no room.
func (s sizes) plain(b []byte, r *rand.Rand, _ int) []byte {
	size := s.draw(r)
	if size < leastObject {
		return appendText(b, r, len(b)+size, "")
	}
	end := len(b) + size
	b = strconv.AppendUint(append(b, `{"id":`...), uint64(r.Uint32()), 10)
	return appendText(append(b, `,"text":`...), r, end, "}")
}

// grouped are objects of which each of so many groups has as many.
func (s sizes) grouped(groups int) shape {
	return func(b []byte, r *rand.Rand, n int) []byte {
		end := len(b) + s.draw(r)
		b = strconv.AppendInt(append(b, `{"group":`...), int64(n%groups), 10)
		return appendText(append(b, `,"text":`...), r, end, "}")
	}
}

// worded are objects whose text is of words.
func (s sizes) worded(b []byte, r *rand.Rand, _ int) []byte {
	end := len(b) + s.draw(r) - len(`"}`)
	b = appendWord(append(b, `{"text":"`...), r.IntN(vocabulary))
	for len(b)+1+wordBytes <= end {
		b = appendWord(append(b, ' '), r.IntN(vocabulary))
	}
	for len(b) < end {
		b = append(b, ' ')
	}
	return append(b, `"}`...)
}

// wordBytes is the length of a word.
const wordBytes = 6

// appendWord appends the n-th word of the vocabulary. The first letter keeps it from being
// one that a query would take for an operator.
func appendWord(b []byte, n int) []byte {
	b = append(b, "w00000"...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = byte('a' + n%26)
		n /= 26
	}
	return b
}

// appendText appends a string of letters that do not repeat, and tail, up to end.
func appendText(b []byte, r *rand.Rand, end int, tail string) []byte {
	b = append(b, '"')
	if n := end - len(b) - 1 - len(tail); n > 0 {
		b = appendLetters(b, r, n)
	}
	return append(append(b, '"'), tail...)
}

// appendLetters appends n letters, each of 6 random bits: JSON leaves them as they are, and
// nothing compresses them by more than a quarter.
func appendLetters(b []byte, r *rand.Rand, n int) []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b = slices.Grow(b, n)
	for bits, left := uint64(0), 0; n > 0; n-- {
		if left == 0 {
			bits, left = r.Uint64(), 10
		}
		b = append(b, letters[bits&63])
		bits, left = bits>>6, left-1
	}
	return b
}
