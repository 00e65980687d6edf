package plot_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/bench/plot"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/unit"
)

// operation is one with latencies around a median, the same for the same seed.
func operation(seed uint64, median time.Duration) result.Operation {
	random := rand.New(rand.NewPCG(seed, 0))
	o := result.Operation{Name: "put", Latency: result.NewHistogram()}
	for second := range 30 {
		for range 1000 {
			o.Latency.Record(time.Duration(float64(median) * math.Exp(random.NormFloat64()/2)))
		}
		o.Slices = append(o.Slices, result.Slice{At: float64(second), Seconds: 1, Count: 9000 + random.Int64N(2000)})
	}
	return o
}

func scaling(name string, top float64) plot.Series {
	s := plot.Series{Name: name, Marks: true}
	for connections := 1.0; connections <= 512; connections *= 2 {
		rate := top * connections / (connections + 20)
		s.Points = append(s.Points, plot.Point{X: connections, Y: rate, Low: rate * 0.95, High: rate * 1.04})
	}
	return s
}

// pictures are one of each kind.
func pictures() map[string]interface{ SVG() ([]byte, error) } {
	put, get := operation(1, 2*time.Millisecond), operation(2, 300*time.Microsecond)
	load := func(name string, factor float64) plot.Series {
		s := plot.Series{Name: name, Marks: true}
		for rate := 1000.0; rate <= 9000; rate += 2000 {
			s.Points = append(s.Points, plot.Point{X: rate, Y: factor * 1e6 / (1 - rate/10_000)})
		}
		return s
	}
	return map[string]interface{ SVG() ([]byte, error) }{
		"throughput":   plot.Throughput("put at 64 connections", plot.Series{Name: "put", Points: plot.OverTime(put)}, plot.Series{Name: "get", Points: plot.OverTime(get)}),
		"distribution": plot.Distribution("put and get", plot.Series{Name: "put", Points: plot.ByPercentile(put.Latency)}, plot.Series{Name: "get", Points: plot.ByPercentile(get.Latency)}),
		"load":         plot.AgainstLoad("put at a rate", load("p50", 1), load("p99", 8)),
		"cost": plot.Cost("put by connections", plot.Axis{Label: "connections", Scale: plot.Log2}, plot.Axis{Label: "operations per second", Unit: unit.Rate},
			scaling("keyval, embedded", 30_000), scaling("keyval, sqld", 9000), scaling("etcd", 7000), scaling("NATS KV", 12_000), scaling("Redis, appendfsync always", 16_000)),
		"bars": plot.Bars{Title: "Durable writes", Label: "64 connections, each with fsync; longer is better", Unit: unit.Rate, Groups: []plot.Group{
			{Name: "put", Bars: []plot.Bar{{Name: "keyval, embedded", Value: 21_300, Low: 20_100, High: 22_000}, {Name: "etcd", Value: 5_120}, {Name: "Redis, appendfsync always", Value: 7_700}}},
			{Name: "get", Bars: []plot.Bar{{Name: "keyval, embedded", Value: 28_000}, {Name: "etcd", Value: 12_000}, {Name: "Redis, appendfsync always", Value: 31_000}}},
		}},
	}
}

func TestAPictureIsTheSameEveryTimeSmallAndNeedsNothingElse(t *testing.T) {
	again := pictures()
	for name, picture := range pictures() {
		once, err := picture.SVG()
		if err != nil {
			t.Fatal(err)
		}
		twice, err := again[name].SVG()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(once, twice) {
			t.Errorf("%s differs from itself", name)
		}
		if len(once) > 24<<10 {
			t.Errorf("%s has %d bytes", name, len(once))
		}
		for _, foreign := range []string{"style=", "href", "url(", "<script", "<style", "Serif", "NaN", "Inf"} {
			if bytes.Contains(once, []byte(foreign)) {
				t.Errorf("%s has %s in it", name, foreign)
			}
		}
		mustBeXML(t, once)
		if dir := os.Getenv("KEYVAL_PICTURES"); dir != "" { // to look at them
			if err := os.WriteFile(filepath.Join(dir, name+".svg"), once, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func mustBeXML(t *testing.T, svg []byte) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, svg)
		}
	}
}

// labels are the texts of a picture.
func labels(t *testing.T, picture interface{ SVG() ([]byte, error) }) string {
	t.Helper()
	svg, err := picture.SVG()
	if err != nil {
		t.Fatal(err)
	}
	mustBeXML(t, svg)
	var texts []string
	for part := range strings.SplitSeq(string(svg), "<text") {
		_, text, _ := strings.Cut(part, ">")
		text, _, _ = strings.Cut(text, "</text>")
		texts = append(texts, text)
	}
	return strings.Join(texts[1:], " | ")
}

func TestAxesAreLabelledWithUnits(t *testing.T) {
	all := pictures()
	for name, want := range map[string][]string{
		"throughput":   {"put at 64 connections", "operations per second", "0 s | ", "30 s", "10k/s"},
		"distribution": {" | 0 | 50 | 90 | 99 | 99.9 | 99.99 | ", "µs", "ms", "percentile"},
		"load":         {"achieved rate", "0/s", "2k/s", "1 ms", "10 ms"},
		"cost":         {"1 | 2 | 4 | ", "512", "30k/s", "NATS KV"},
		"bars":         {"21.3k/s", "Redis, appendfsync always", "put", "get"},
	} {
		got := labels(t, all[name])
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in %s", name, w, got)
			}
		}
	}
}

func TestWhatCannotBeDrawnIsLeftOutAndNothingIsAnError(t *testing.T) {
	axis := plot.Axis{Scale: plot.Log10}
	bad := []plot.Point{{X: 0, Y: 1}, {X: 1, Y: -1}, {X: math.NaN(), Y: 1}, {X: 1, Y: math.Inf(1)}}
	for _, lines := range []plot.Lines{plot.Cost("x", axis, axis), plot.Cost("x", axis, axis, plot.Series{Points: bad}), plot.Distribution("x", plot.Series{Points: plot.ByPercentile(result.Histogram{})})} {
		if _, err := lines.SVG(); !errors.Is(err, plot.ErrNothing) {
			t.Errorf("got %v, want ErrNothing", err)
		}
	}
	if _, err := (plot.Bars{}).SVG(); !errors.Is(err, plot.ErrNothing) {
		t.Errorf("no bars: got %v, want ErrNothing", err)
	}
	labels(t, plot.Cost("x", axis, axis, plot.Series{Points: append(bad, plot.Point{X: 1, Y: 1})}))
	labels(t, plot.Bars{Groups: []plot.Group{{Bars: []plot.Bar{{Value: math.NaN()}, {Value: -1}, {Value: 0}, {Value: 1, High: math.Inf(1)}}}}})
}

func TestEachScaleBearsAnyRange(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var points []plot.Point
		for range 1 + random.IntN(4) {
			points = append(points, plot.Point{X: math.Exp(random.NormFloat64() * 15), Y: math.Exp(random.NormFloat64() * 15)})
		}
		for _, scale := range []plot.Scale{plot.Linear, plot.Log2, plot.Log10} {
			got := labels(t, plot.Cost("t", plot.Axis{Scale: scale}, plot.Axis{Scale: scale, Unit: unit.Latency}, plot.Series{Points: points}))
			if n := strings.Count(got, "|"); n < 3 || n > 30 {
				t.Fatalf("scale %d, %v: labels %s", scale, points, got)
			}
		}
	}
}

func TestTextFromOutsideIsEscapedAndShortened(t *testing.T) {
	evil := `<script>alert("1")</script>&` + "\x00\x1b" + `" onload="x` + strings.Repeat("long ", 1000)
	for _, picture := range []interface{ SVG() ([]byte, error) }{
		plot.Throughput(evil, plot.Series{Name: evil, Points: []plot.Point{{X: 1, Y: 1}}}, plot.Series{Name: `style="fill:red"`, Points: []plot.Point{{X: 1, Y: 1}}}),
		plot.Bars{Title: evil, Label: evil, Groups: []plot.Group{{Name: evil, Bars: []plot.Bar{{Name: evil, Value: 1}}}}},
	} {
		svg, err := picture.SVG()
		if err != nil {
			t.Fatal(err)
		}
		mustBeXML(t, svg)
		if bytes.Contains(svg, []byte("<script")) || bytes.Contains(svg, []byte(`" onload`)) || len(svg) > 8000 {
			t.Errorf("%d bytes:\n%.3000s", len(svg), svg)
		}
	}
}

func TestALongRunIsDrawnInAsManyPointsAsCanBeSeen(t *testing.T) {
	var o result.Operation
	for second := range 100_000 {
		o.Slices = append(o.Slices, result.Slice{At: float64(second), Seconds: 1, Count: 5})
	}
	points := plot.OverTime(o)
	if len(points) > 240 || len(points) < 200 {
		t.Errorf("%d points", len(points))
	}
	for _, p := range points {
		if p.Y != 5 {
			t.Fatalf("a rate of %v, want 5", p.Y)
		}
	}
}
