package v8value

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/buntime/keyval/internal/strictjson"
)

// maxText is about how many bytes the text of a v8 form has at most.
const maxText = 1 << 10

// unwritten is the limit of a reader that only checks.
const unwritten = -1

// maxDigits is how many digits a bigint of maxBigInt bytes can have.
const maxDigits = 615

func appendU64Form(dst []byte, n uint64) []byte {
	dst = append(dst, `{"__type":"u64","value":"`...)
	return append(strconv.AppendUint(dst, n, 10), `"}`...)
}

func appendBytesForm(dst, data []byte) []byte {
	dst = append(dst, `{"__type":"bytes","value":"`...)
	return append(base64.StdEncoding.AppendEncode(dst, data), `"}`...)
}

func appendBigIntForm(dst []byte, n bigint) []byte {
	dst = append(dst, `{"__type":"bigint","value":"`...)
	return append(n.appendDecimal(dst), `"}`...)
}

func appendV8Form(dst, data, text []byte) []byte {
	dst = append(dst, `{"__type":"v8","value":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, data)
	dst = append(dst, `","text":"`...)
	return append(appendUTF8(dst, text), `"}`...)
}

// appendV8 appends what is stored for V8 data.
func appendV8(dst, data []byte) ([]byte, error) {
	r := reader{out: dst, start: len(dst), limit: maxText}
	k, err := r.readAny(data)
	out := r.out[r.start:]
	switch {
	case err != nil:
		return dst, err
	case k == bigintKind && len(r.bigint.magnitude) <= maxBigInt:
		return appendBigIntForm(dst, r.bigint), nil
	case r.exact && !isForm(out):
		return r.out, nil
	}
	var room [maxText + len("…")]byte
	text := append(room[:0], clipText(out)...)
	return appendV8Form(r.out[:r.start], r.rewritten(data), text), nil
}

// clipText is text up to maxText, and then an ellipsis in place of the rest.
func clipText(text []byte) []byte {
	if len(text) <= maxText {
		return text
	}
	text = text[:maxText]
	for len(text) > 0 && !utf8.RuneStart(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return append(text[:max(0, len(text)-1)], "…"...)
}

// isForm tells whether stored reads as a form.
func isForm(stored []byte) bool {
	_, _, ok := appendForm(nil, stored)
	return ok
}

// appendForm appends what stored stands for, if it is a form.
func appendForm(dst, stored []byte) ([]byte, Encoding, bool) {
	kind, value, ok := cutForm(stored)
	if !ok {
		return dst, 0, false
	}
	switch string(kind) {
	case "u64":
		n, err := strconv.ParseUint(string(value), 10, 64)
		if err != nil || len(value) > 1 && value[0] == '0' {
			return dst, 0, false
		}
		return binary.LittleEndian.AppendUint64(dst, n), LE64, true
	case "bytes":
		out, ok := appendBase64(dst, value)
		return out, Bytes, ok
	case "bigint":
		out, ok := appendBigInt(dst, value)
		return out, V8, ok
	case "v8":
		out, ok := appendV8Base64(dst, value)
		return out, V8, ok
	}
	return dst, 0, false
}

// cutForm takes stored apart if it is an object with a __type and a value, both
// strings without escapes, and for a v8 form perhaps a text.
func cutForm(stored []byte) (kind, value []byte, ok bool) {
	if kind, rest, ok := cutMember(stored, `{"__type":"`); ok {
		value, rest, ok = cutMember(rest, `,"value":"`)
		return kind, value, ok && isFormEnd(rest, kind)
	}
	value, rest, ok := cutMember(stored, `{"value":"`)
	if !ok {
		return nil, nil, false
	}
	kind, rest, ok = cutMember(rest, `,"__type":"`)
	return kind, value, ok && isFormEnd(rest, kind)
}

func cutMember(text []byte, prefix string) (value, rest []byte, ok bool) {
	if !bytes.HasPrefix(text, []byte(prefix)) {
		return nil, nil, false
	}
	value, rest, ok = bytes.Cut(text[len(prefix):], []byte{'"'})
	return value, rest, ok && bytes.IndexByte(value, '\\') < 0
}

func isFormEnd(rest, kind []byte) bool {
	text := []byte(`,"text":"`)
	if string(kind) == "v8" && bytes.HasPrefix(rest, text) {
		end := strictjson.StringEnd(rest, len(text))
		rest = rest[min(end+1, len(rest)):]
	}
	return string(rest) == "}"
}

// appendBase64 decodes base64 in either alphabet, with padding or without.
func appendBase64(dst, value []byte) ([]byte, bool) {
	encoding := base64.StdEncoding
	if bytes.ContainsAny(value, "-_") {
		encoding = base64.URLEncoding
	}
	if !bytes.HasSuffix(value, []byte("=")) {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	out, err := encoding.AppendDecode(dst, value)
	if err != nil {
		return dst, false
	}
	return out, true
}

func appendV8Base64(dst, value []byte) ([]byte, bool) {
	out, ok := appendBase64(dst, value)
	if !ok {
		return dst, false
	}
	data := out[len(dst):]
	r := reader{limit: unwritten}
	if _, err := r.readAny(data); err != nil {
		return dst, false
	}
	return append(dst, r.rewritten(data)...), true
}

// appendBigInt appends the bigint that value has in decimal.
func appendBigInt(dst, value []byte) ([]byte, bool) {
	digits := bytes.TrimPrefix(value, []byte("-"))
	if len(digits) == 0 || len(digits) > maxDigits || strings.Trim(string(digits), "0123456789") != "" {
		return dst, false
	}
	n, ok := new(big.Int).SetString(string(value), 10)
	if !ok || n.BitLen() > 8*maxBigInt {
		return dst, false
	}
	return AppendBigInt(dst, n), true
}
