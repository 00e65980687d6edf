package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

// BenchmarkAppendEntries is what entries cost on their way out.
func BenchmarkAppendEntries(b *testing.B) {
	for _, n := range []int{1, 100} {
		entries := make([]kv.Entry, n)
		for i := range entries {
			k, err := kv.NewKey("users", i)
			if err != nil {
				b.Fatal(err)
			}
			entries[i] = kv.Entry{Key: k, Value: []byte(`{"name":"alice","age":42}`), Versionstamp: kv.NewVersionstamp(1, 2, uint16(i)), ExpiresAt: 1795707764287}
		}
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			dst := AppendEntries(nil, entries)
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendEntries(dst[:0], entries)
			}
		})
	}
}

// BenchmarkDecodeMutations is what they cost on their way in.
func BenchmarkDecodeMutations(b *testing.B) {
	const one = `{"type":"set","key":["users",42],"value":{"name":"alice","age":42},"expireIn":60000}`
	members := route.Members{"mutations": {Type: "array"}}
	for _, n := range []int{1, 100} {
		body := []byte(`{"mutations":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`)
		b.Run(fmt.Sprintf("mutations=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				err := route.DecodeObject(body, members, func(d *route.Decoder, _ string) error {
					return d.Array(n, func() error {
						_, err := DecodeMutation(d, 1<<20)
						return err
					})
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
