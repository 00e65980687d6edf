package nodetest

import (
	"context"
	"errors"
	"os"
)

// TB is what the Must functions need of a [testing.TB]: every *testing.T,
// *testing.B and *testing.F is one.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	TempDir() string
	Failed() bool
	Logf(format string, args ...any)
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// SkipIfMissing skips the test if err says that a tool is not installed, and how
// to install it. If KEYVAL_REQUIRE_TOOLS is set, the test fails instead: CI sets
// it, because it skips nothing.
func SkipIfMissing(tb TB, err error) {
	tb.Helper()
	switch {
	case !errors.Is(err, ErrToolMissing):
	case os.Getenv("KEYVAL_REQUIRE_TOOLS") != "":
		tb.Fatalf("%v", err)
	default:
		tb.Skipf("SKIPPED, nothing was tested: %v", err)
	}
}

// Check ends the test if err is not nil: see [SkipIfMissing] for a missing tool;
// any other error fails it.
func Check(tb TB, err error) {
	tb.Helper()
	SkipIfMissing(tb, err)
	if err != nil {
		tb.Fatalf("%v", err)
	}
}

// MustReserveAddr reserves a port for one test and returns its address, as
// 127.0.0.1:port. See [Port].
func MustReserveAddr(tb TB) string {
	tb.Helper()
	port, err := ReservePort()
	Check(tb, err)
	tb.Cleanup(func() {
		if err := port.Close(); err != nil {
			tb.Logf("give back %s: %v", port.Addr(), err)
		}
	})
	return port.Addr()
}

// MustStartSqldPair starts a primary and a replica for one test and ends them
// with it. If the test fails, it shows the ends of their logs.
func MustStartSqldPair(tb TB) *SqldPair {
	tb.Helper()
	pair, err := StartSqldPair(tb.Context(), tb.TempDir())
	Check(tb, err)
	closeWithTest(tb, pair.Primary, "primary")
	closeWithTest(tb, pair.Replica, "replica")
	return pair
}

// MustStartPrimary starts a primary for one test, as MustStartSqldPair does.
func MustStartPrimary(tb TB, args ...string) *Sqld {
	tb.Helper()
	return MustStartPrimaryIn(tb, tb.TempDir(), args...)
}

// MustStartPrimaryIn starts a primary that keeps its data in dir, as MustStartSqldPair does.
func MustStartPrimaryIn(tb TB, dir string, args ...string) *Sqld {
	tb.Helper()
	primary, err := StartPrimary(tb.Context(), dir, args...)
	Check(tb, err)
	closeWithTest(tb, primary, "primary")
	return primary
}

// MustStartReplica starts a replica for one test, as MustStartSqldPair does.
func MustStartReplica(tb TB, primaryGRPC string, args ...string) *Sqld {
	tb.Helper()
	replica, err := StartReplica(tb.Context(), tb.TempDir(), primaryGRPC, args...)
	Check(tb, err)
	closeWithTest(tb, replica, "replica")
	return replica
}

// MustStartFaultProxy starts a proxy in front of target, which is host:port, for
// one test.
func MustStartFaultProxy(tb TB, target string) *FaultProxy {
	tb.Helper()
	proxy, err := StartFaultProxy(target)
	Check(tb, err)
	tb.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			tb.Logf("close fault proxy: %v", err)
		}
	})
	return proxy
}

// MustStartHAProxy starts HAProxy for one test and ends it with the test. If the
// test fails, it shows the end of its log.
func MustStartHAProxy(tb TB, config HAProxyConfig) *HAProxy {
	tb.Helper()
	balancer, err := StartHAProxy(tb.Context(), config)
	Check(tb, err)
	closeWithTest(tb, balancer, "haproxy")
	return balancer
}

// MustStartPrometheus starts Prometheus for one test and ends it with the test. If the
// test fails, it shows the end of its log.
func MustStartPrometheus(tb TB, config string) *Prometheus {
	tb.Helper()
	prometheus, err := StartPrometheus(tb.Context(), config)
	Check(tb, err)
	closeWithTest(tb, prometheus, "prometheus")
	return prometheus
}

// MustStartBrowser starts Chromium for one test and ends it with the test. If the
// test fails, it shows the end of its log.
func MustStartBrowser(tb TB) *Browser {
	tb.Helper()
	browser, err := StartBrowser(tb.Context())
	Check(tb, err)
	closeWithTest(tb, browser, "chromium")
	return browser
}

// closer is anything of this package that a test ends.
type closer interface {
	Close() error
	Logs() string
}

// closeWithTest closes c when the test ends and shows its log if the test failed.
func closeWithTest(tb TB, c closer, name string) {
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Logf("close %s: %v", name, err)
		}
		if tb.Failed() {
			tb.Logf("the log of %s ends:\n%s", name, lastLines(c.Logs(), 40))
		}
	})
}
