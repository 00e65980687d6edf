package client

import (
	"net/http"
	"testing"
	"time"
)

func TestTheDelayGrowsUpToItsMaximum(t *testing.T) {
	p := RetryPolicy{MinDelay: 50 * time.Millisecond, MaxDelay: time.Second}
	for failed, want := range map[int]time.Duration{
		1: 50 * time.Millisecond, 2: 100 * time.Millisecond, 3: 200 * time.Millisecond,
		5: 800 * time.Millisecond, 6: time.Second, 7: time.Second, 1 << 20: time.Second,
	} {
		if got := p.ceiling(failed); got != want {
			t.Errorf("after %d failures: at most %v, want %v", failed, got, want)
		}
	}
}

func TestTheDelayIsFullJitterOnTopOfRetryAfter(t *testing.T) {
	p := RetryPolicy{MinDelay: time.Second, MaxDelay: time.Second}
	low, high := time.Hour, time.Duration(0)
	for range 1000 {
		d := p.delay(1, 5*time.Second)
		if d < 5*time.Second || d > 6*time.Second {
			t.Fatalf("delay %v, want 5 s to 6 s", d)
		}
		low, high = min(low, d), max(high, d)
	}
	if high-low < 500*time.Millisecond {
		t.Errorf("delays from %v to %v: hardly random", low, high)
	}
}

func TestRetryAfterHasTwoForms(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := parseRetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestMillisecondsAreRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, -time.Second: -1000, time.Hour: 3_600_000,
	} {
		if got := millis(d); got != want {
			t.Errorf("%v: %d ms, want %d", d, got, want)
		}
	}
}
