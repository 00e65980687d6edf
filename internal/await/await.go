// Package await has a test wait for what will come: a condition that the world around
// it has to fulfil, or a time in a bubble of testing/synctest. Nothing in a test waits
// for a time of the real clock.
package await

import (
	"testing"
	"testing/synctest"
	"time"
)

// limit is so long that only what never comes takes longer, whatever else the machine does.
const limit = 2 * time.Minute

// longestPause is how often a condition is looked at that takes its time.
const longestPause = 20 * time.Millisecond

// That waits until a condition holds, which what says. If it never does, or the test ends
// before, the test fails with that and with what details tell at that moment. Conditions
// are asked in the caller's goroutine, one at a time.
func That(t testing.TB, what string, holds func() bool, details ...func() string) {
	t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	for pause := time.Millisecond; !holds(); pause = min(2*pause, longestPause) {
		select {
		case <-time.After(pause):
			continue
		case <-end.C:
			what = "not within " + limit.String() + ": " + what
		case <-t.Context().Done():
			what = "not before the test ended: " + what
		}
		for _, detail := range details {
			what += "\n" + detail()
		}
		t.Fatal(what)
	}
}

// Pass lets time pass in a bubble, and all in it do what they do then. Outside of one it
// panics, before anything has passed.
func Pass(d time.Duration) {
	synctest.Wait()
	time.Sleep(d) //nolint:forbidigo // the bubble's clock, which nobody waits for
	synctest.Wait()
}
