package unit_test

import (
	"testing"

	"github.com/buntime/keyval/bench/unit"
)

func TestValuesAreWrittenWithThreeDigitsAndTheirPrefix(t *testing.T) {
	for _, test := range []struct {
		unit  unit.Unit
		value float64
		want  string
	}{
		{unit.Number, 0, "0"},
		{unit.Number, 512, "512"},
		{unit.Number, 1_000_000, "1M"},
		{unit.Rate, 12_345, "12.3k/s"},
		{unit.Rate, 999.96, "1k/s"},
		{unit.Rate, 0.25, "0.25/s"},
		{unit.Latency, 0, "0 ms"},
		{unit.Latency, 412_300, "412 µs"},
		{unit.Latency, 999_960, "1 ms"},
		{unit.Latency, 4_563_000, "4.56 ms"},
		{unit.Latency, 1.5e9, "1.5 s"},
		{unit.Latency, 6e11, "600 s"},
		{unit.Seconds, 30, "30 s"},
		{unit.Bytes, 10, "10 B"},
		{unit.Bytes, 262_144, "256 KiB"},
		{unit.Percent, -12.34, "−12.3 %"},
	} {
		if got := test.unit.String(test.value); got != test.want {
			t.Errorf("%v of unit %d: got %s, want %s", test.value, test.unit, got, test.want)
		}
	}
}

func TestColumnsKeepTheirUnit(t *testing.T) {
	for ns, want := range map[float64]string{0: "0", 4_120: "0.004", 412_000: "0.412", 4_126_000: "4.13", 41_200_000: "41.2", 4_120_000_000: "4120"} {
		if got := unit.Milliseconds(ns); got != want {
			t.Errorf("%v ns: got %s, want %s", ns, got, want)
		}
	}
	for rate, want := range map[float64]string{0: "0", 0.1: "0.1", 27.345: "27.3", 64: "64", 999.6: "1,000"} {
		if got := unit.PerSecond(rate); got != want {
			t.Errorf("%v: got %s, want %s", rate, got, want)
		}
	}
	for value, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.8: "1,234,568", -1234: "−1,234"} {
		if got := unit.Thousands(value); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
}
