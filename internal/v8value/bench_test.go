package v8value

import (
	"fmt"
	"strings"
	"testing"
)

// documents are what programs keep, as JSON.
func documents() map[string]string {
	var orders strings.Builder
	for i := range 20 {
		fmt.Fprintf(&orders, `{"sku":"SKU-%05d","quantity":%d,"price":%d.95,"tags":["new","sale"],"shipped":%t},`, i*37, i, 10+i, i%2 == 0)
	}
	return map[string]string{
		"number":  `42`,
		"user":    `{"name":"Alice","email":"alice@example.com","age":42,"active":true,"roles":["admin","editor"],"address":{"street":"Main Street 1","city":"Zürich","zip":"8001"},"score":12.5}`,
		"order":   `{"id":"9b2c6a5e-3c53-4e0c-8f3c-1d5a7f0c2b1e","createdAt":1700000000000,"customer":{"id":7,"name":"Jürgen Groß"},"items":[` + strings.TrimSuffix(orders.String(), ",") + `],"note":"Bitte klingeln – 2. Stock"}`,
		"text":    `{"title":"A page","body":"` + strings.Repeat(`It was a dark and stormy night; the rain fell in torrents.\n`, 60) + `"}`,
		"numbers": `[` + strings.TrimSuffix(strings.Repeat(`1,2.5,300,-4,`, 100), ",") + `]`,
		"index": `{` + strings.TrimSuffix(func() (s string) {
			for i := range 200 {
				s += fmt.Sprintf(`"user%d":true,`, i)
			}
			return s
		}(), ",") + `}`,
	}
}

func BenchmarkStored(b *testing.B) {
	for name, text := range documents() {
		data := appendPlain(nil, []byte(text))
		b.Run(name, func(b *testing.B) {
			var dst []byte
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = AppendStored(dst[:0], data, V8)
			}
		})
	}
}

func BenchmarkLoaded(b *testing.B) {
	for name, text := range documents() {
		stored := []byte(text)
		b.Run(name, func(b *testing.B) {
			var dst []byte
			b.SetBytes(int64(len(appendPlain(nil, stored))))
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = AppendLoaded(dst[:0], stored)
			}
		})
	}
}

// BenchmarkForms is of a value that JSON does not hold.
func BenchmarkForms(b *testing.B) {
	data := append([]byte{tagVersion, latestVersion, tagMap, tagOneByte, 1, 'a'}, appendPlain(nil, []byte(documents()["order"]))[2:]...)
	data = append(data, tagMapEnd, 2)
	stored, err := AppendStored(nil, data, V8)
	must(b, err)
	b.Run("stored", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			_, _ = AppendStored(stored[:0:0], data, V8)
		}
	})
	b.Run("loaded", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			_, _ = AppendLoaded(nil, stored)
		}
	})
}
