package nodetest

import "os"

// Soaking tells whether there is time for long tests: "make soak" runs.
func Soaking() bool { return os.Getenv("KEYVAL_SOAK") != "" }

// OnlyInSoak skips a long test, such as the long form of another, unless "make soak" runs.
func OnlyInSoak(tb TB) {
	tb.Helper()
	if !Soaking() {
		tb.Skipf("SKIPPED, it is long: make soak runs it")
	}
}
