package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/bench"
	"github.com/buntime/keyval/bench/load"
	measurement "github.com/buntime/keyval/bench/result"
)

func TestASecondIsShownWithTheFailuresOfAllOperations(t *testing.T) {
	second := load.Progress{
		WarmingUp: true, Elapsed: time.Second, Total: 12 * time.Second, Failed: 3,
		Second: []measurement.Slice{
			{Seconds: 2, Count: 3000, Failures: 1, P50: 1_500_000, P99: 20_000_000, Max: 1_250_000_000},
			{Seconds: 2, Count: 50, Failures: 2},
		},
	}
	const line = "mixed  1/12 s  warming up  1.5k/s  "
	const latencies = "  p50 1.5 ms  p99 20 ms  max 1.25 s  8 connections"
	for _, test := range []struct {
		live, color bool
		want        string
	}{
		{false, false, line + "3 failed" + latencies + "\n"},
		{true, false, "\x1b[?7l\r\x1b[K" + line + "3 failed" + latencies + "\x1b[?7h"},
		{true, true, "\x1b[?7l\r\x1b[K" + line + "\x1b[31m3 failed\x1b[0m" + latencies + "\x1b[?7h"},
	} {
		var got bytes.Buffer
		d := &benchDisplay{w: &got, workload: "mixed", live: test.live, color: test.color}
		d.Running(measurement.Settings{Connections: 8}, second)
		if got.String() != test.want {
			t.Errorf("got  %q\nwant %q", got.String(), test.want)
		}
	}
}

func TestOfSeveralOperationsTheOneThatIsShownIsNamed(t *testing.T) {
	var got bytes.Buffer
	d := &benchDisplay{w: &got, workload: "mixed"}
	d.Running(measurement.Settings{Connections: 8}, load.Progress{
		Elapsed: time.Second, Total: time.Second, Operations: []string{"read", "update"},
		Second: []measurement.Slice{{Seconds: 1, Count: 10}, {Seconds: 1, Count: 20}},
	})
	d.Ran(measurement.Run{Seconds: 1, Operations: []measurement.Operation{
		{Name: "read", Count: 10, Latency: measurement.NewHistogram()}, {Name: "update", Count: 20, Latency: measurement.NewHistogram()},
	}})
	for line := range strings.Lines(got.String()) {
		if !strings.HasPrefix(line, "mixed read  ") || !strings.Contains(line, "  10/s  ") {
			t.Errorf("got %q, want the rate of reads, called so", line)
		}
	}
}

func TestASecondInWhichNothingSucceededHasNoLatency(t *testing.T) {
	var got bytes.Buffer
	d := &benchDisplay{w: &got, workload: "put"}
	d.Running(measurement.Settings{Connections: 1, Rate: 0.5}, load.Progress{Elapsed: 300 * time.Millisecond, Total: 300 * time.Millisecond, Failed: 2, Second: []measurement.Slice{{Seconds: 0.3, Failures: 2}}})
	if want := "put  0.3/0.3 s  0/s  2 failed  p50 –  p99 –  max –  1 connection, 0.5/s\n"; got.String() != want {
		t.Errorf("got  %q\nwant %q", got.String(), want)
	}
}

func TestTheTroubleOfACleaningIsToldOnce(t *testing.T) {
	var got bytes.Buffer
	d := &benchDisplay{w: &got, workload: "put"}
	gone, busy := errors.New("nobody is there"), errors.New("busy")
	for _, c := range []bench.Cleaning{{}, {Trouble: gone}, {Trouble: gone}, {Trouble: busy}, {Trouble: busy, Interrupted: true, ByHand: "remove it"}} {
		d.Cleaning(c)
	}
	const want = "put  cleaning up\nput  cleaning up: nobody is there; trying again\nput  cleaning up: busy; trying again\n" +
		"put  cleaning up: busy; trying again; if you end that, remove it\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestPreparationIsShownInStepsThatNobodyDrownsIn(t *testing.T) {
	var got bytes.Buffer
	d := &benchDisplay{w: &got, workload: "get", prepared: -1}
	for done := range 1001 {
		d.Preparing(float64(done) / 1000)
	}
	if lines := bytes.Count(got.Bytes(), []byte("\n")); lines != 5 {
		t.Errorf("got %d lines, want 5 (0, 25, 50, 75 and 100 %%):\n%s", lines, got.String())
	}
}
