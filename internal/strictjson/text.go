package strictjson

import "strconv"

// StringEnd is the index of the quote that ends the string whose inside begins at i, or
// beyond the end of text where there is none.
func StringEnd(text []byte, i int) int {
	for ; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

// AppendExponent appends a number with an exponent as JSON.stringify writes it: without
// the leading zero of Go's two digits.
func AppendExponent(dst []byte, f float64) []byte {
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}
