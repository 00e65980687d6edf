package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/buntime/keyval/bench/compare"
	"github.com/buntime/keyval/bench/report"
	"github.com/buntime/keyval/bench/result"
)

// FuzzShowingAFile is about files that can be read but that no server has measured.
func FuzzShowingAFile(f *testing.F) {
	var content bytes.Buffer
	if err := result.Write(&content, result.File{Runs: []result.Run{run(1, 1), fixed(1, 25_000, 1), fixed(2, 1, 1)}}); err != nil {
		f.Fatal(err)
	}
	f.Add(content.String())
	f.Add(`{"version":1,"runs":[{"seconds":5e-324,"operations":[{"count":1,"latency":"","slices":[{"at":1,"seconds":5e-324,"count":1},{"seconds":1e15,"count":1}]}]},` +
		`{"settings":{"connections":2},"operations":[{"latency":""}]},{"settings":{"connections":3,"valueBytes":[-1,-9223372036854775808]}}]}`)
	f.Fuzz(func(t *testing.T, content string) {
		file, err := result.Read(strings.NewReader(content))
		if err != nil {
			return
		}
		page := html(t, file)
		for _, no := range []string{"NaN", "<script", "<img"} {
			if strings.Contains(page, no) && !strings.Contains(content, no) {
				t.Errorf("%s in the page", no)
			}
		}
		var b bytes.Buffer
		if err := report.Markdown(&b, file); err != nil {
			t.Error(err)
		}
		if c := compare.Files(file, file, 5); c.Regressed() {
			t.Error("a file is slower than itself")
		}
	})
}
