package v8value

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// hostile are data of about 64 KiB that ask for much more than they are.
func hostile() map[string][]byte {
	const size = 64 << 10
	header := []byte{tagVersion, latestVersion}
	wide := func(open string, item func(i int) string, end string) []byte {
		data := append(bytes.Clone(header), open...)
		for i := 0; len(data) < size; i++ {
			data = append(data, item(i)...)
		}
		return append(data, end...)
	}
	always := func(item string) func(int) string { return func(int) string { return item } }
	return map[string][]byte{
		"an array that says it is long":         append(header, "A\xff\xff\xff\xff\x0f"...),
		"an array of four billion holes":        append(header, "a\xff\xff\xff\xff\x0f@\x00\xff\xff\xff\xff\x0f"...),
		"a buffer that says it may grow":        append(header, "~\x00\xff\xff\xff\xff\x0f"...),
		"arrays in arrays":                      wide("", always("A\x01"), ""),
		"maps in keys of maps":                  wide("", always(";"), ""),
		"objects in objects":                    wide("", always("o\"\x00"), ""),
		"errors in errors":                      wide("", always("rc"), ""),
		"object counts":                         wide("", always("?\x00"), "0"),
		"names":                                 wide("o", func(i int) string { return "\"\x02" + string([]byte{byte(i >> 7 & 127), byte(i & 127)}) + "0" }, "{\x00"),
		"one name":                              wide("o", always("\"\x000"), "{\x00"),
		"numbers for names":                     wide("o", func(i int) string { return "I" + string([]byte{byte(i) | 128, byte(i>>7) | 128, byte(i >> 14)}) + "0" }, "{\x00"),
		"objects and references to them":        wide(";", always("y^\x01"), ":\x00"),
		"buffers and views on references":       wide("'", always("B\x00^\x01VB\x00\x00\x00"), ",\x00"),
		"views of Node's, and references":       wide("'", always("\\\x01\x00^\x01"), ",\x00"),
		"control characters":                    append(append(header, "\"\xfc\xff\x03"...), make([]byte, size-4)...),
		"control characters and then undefined": append(append(append(header, "A\x02\"\xfc\xff\x03"...), make([]byte, size-4)...), "_$\x00\x02"...),
		"a long bigint":                         append(append(header, "A\x01Z\xf8\xff\x07"...), bytes.Repeat([]byte{255}, size-4)...),
	}
}

func TestHostileDataTakeNoMoreMemoryThanTwiceTheirSize(t *testing.T) {
	for name, data := range hostile() {
		stored, err := AppendStored(nil, data, V8)
		dst := make([]byte, 0, 7*len(data)+len(stored)+4*maxText)
		allocated := allocatedBy(func() {
			stored, err = AppendStored(dst, data, V8)
		})
		const few = 16 << 10
		if limit := uint64(2*len(data) + few); allocated > limit {
			t.Errorf("%s: %d bytes take %d, more than %d (stored as %.60s, %v)", name, len(data), allocated, limit, stored, err)
		}
	}
}

// allocatedBy is how many bytes f allocates, the least of some runs: others run, too.
func allocatedBy(f func()) uint64 {
	least := ^uint64(0)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

func TestNestingEndsWhereV8CanNoLongerReadIt(t *testing.T) {
	nested := func(depth int) []byte {
		data := append([]byte{tagVersion, latestVersion}, strings.Repeat("A\x01", depth)...)
		return append(append(data, '0'), strings.Repeat("$\x00\x01", depth)...)
	}
	for depth, kind := range map[int]string{500: "plain", 501: "v8", maxNesting: "v8", maxNesting + 1: ""} {
		stored, err := AppendStored(nil, nested(depth), V8)
		switch {
		case kind == "" && err == nil:
			t.Errorf("%d arrays in each other are taken", depth)
		case kind != "" && (err != nil || kindOf(stored) != kind):
			t.Errorf("%d arrays in each other: %v, stored as %.60s, want %s", depth, err, stored, kind)
		}
	}
}
