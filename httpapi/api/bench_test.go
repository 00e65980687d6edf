package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecodeEntries is what entries cost a client.
func BenchmarkDecodeEntries(b *testing.B) {
	const one = `{"key":["users",42],"value":{"name":"alice","age":42},"versionstamp":"00000000000000030000","expiresAt":1795707764287}`
	for _, n := range []int{1, 100} {
		text := []byte("[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]")
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				var entries []Entry
				if err := json.Unmarshal(text, &entries); err != nil || len(entries) != n {
					b.Fatal(len(entries), err)
				}
			}
		})
	}
}
