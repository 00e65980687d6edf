package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/buntime/keyval/kv/filter"
)

// BenchmarkCompile is what turning a filter into SQL costs.
func BenchmarkCompile(b *testing.B) {
	for _, c := range benchmarks {
		f := mustParse(b, c.where)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.SQL("e.value", "s.time", 1)
			}
		})
	}
}

// benchmarkPaths lead to the number 1 in pathDocument.
var benchmarkPaths = []struct{ name, path string }{
	{"name", `first`},
	{"last", `last`},
	{"deep", `a.b.c.d.e.f`},
	{"quoted", `["any [name]"]`},
	{"index", `items[99].n`},
}

func pathDocument() []byte {
	items := strings.Repeat(`{"n":0,"text":"lorem ipsum"},`, 99) + `{"n":1}`
	return fmt.Appendf(nil, `{"first":1,"a":{"b":{"c":{"d":{"e":{"f":1}}}}},"any [name]":1,"items":[%s],"last":1}`, items)
}

// BenchmarkParsePath is what reading a path costs.
func BenchmarkParsePath(b *testing.B) {
	for _, c := range benchmarkPaths {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := filter.ParsePath(c.path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPath is what following a path through a document of 3 kB costs.
func BenchmarkPath(b *testing.B) {
	document := pathDocument()
	for _, c := range benchmarkPaths {
		f := mustParse(b, `{"`+strings.ReplaceAll(c.path, `"`, `\"`)+`":1}`)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !f.Match(document, now) {
					b.Fatalf("%s does not lead to 1", c.path)
				}
			}
		})
	}
}
