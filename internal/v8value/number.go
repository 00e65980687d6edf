package v8value

import (
	"math"
	"strconv"

	"github.com/buntime/keyval/internal/strictjson"
)

const maxSafeInteger = 1<<53 - 1

// appendNumber writes f as JavaScript does, but -0 with its sign.
func appendNumber(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case abs <= maxSafeInteger && f == math.Trunc(f):
		if f == 0 && math.Signbit(f) {
			dst = append(dst, '-')
		}
		return strconv.AppendInt(dst, int64(f), 10)
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 0):
		return appendInfinity(dst, f)
	case abs >= 1e21 || abs < 1e-6:
		return strictjson.AppendExponent(dst, f)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

func appendInfinity(dst []byte, f float64) []byte {
	if f < 0 {
		dst = append(dst, '-')
	}
	return append(dst, "Infinity"...)
}

// exactNumber tells whether JSON can hold f: it has neither NaN nor Infinity, and
// programs that read it lose the sign of -0.
func exactNumber(f float64) bool {
	return !math.IsNaN(f) && !math.IsInf(f, 0) && (f != 0 || !math.Signbit(f))
}

// parseIndex is the array index that name spells: a decimal below 2^32-1, without
// leading zeros.
func parseIndex[T string | []byte](name T) (uint32, bool) {
	if len(name) == 0 || len(name) > 10 || name[0] == '0' && len(name) > 1 {
		return 0, false
	}
	var n uint64
	for i := range len(name) {
		c := name[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return uint32(n), n < math.MaxUint32
}
