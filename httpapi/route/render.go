package route

import "encoding/json"

// AppendArray renders an array, each element by append.
func AppendArray[T any](dst []byte, elements []T, appendElement func([]byte, *T) []byte) []byte {
	dst = append(dst, '[')
	for i := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendElement(dst, &elements[i])
	}
	return append(dst, ']')
}

// AppendJSON is for small values that cannot fail to encode.
func AppendJSON(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a bug: caught, logged and answered with 500 by the frame
	}
	return append(dst, text...)
}
