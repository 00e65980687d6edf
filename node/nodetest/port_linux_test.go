package nodetest_test

import (
	"errors"
	"strconv"
	"syscall"
	"testing"

	"github.com/buntime/keyval/node/nodetest"
)

func TestAReservedPortIsNoneThatTheKernelChooses(t *testing.T) {
	t.Parallel()
	first, last := nodetest.KernelRange()
	if nodetest.Reservable(first, first, last) {
		t.Skipf("the kernel chooses from nearly all ports, %d to %d", first, last)
	}
	port := mustReserve(t)
	if number := mustNumber(t, port); number >= first && number <= last {
		t.Errorf("got %d, want none from %d to %d", number, first, last)
	}
}

func TestAPortIsReservedOnce(t *testing.T) {
	t.Parallel()
	port := mustReserve(t)
	// What reserves is the kernel's and not the process's: another process would
	// be refused as this one is.
	if other, err := nodetest.Reserve(mustNumber(t, port)); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("a second reservation of %s: got %v and error %v, want %v", port.Addr(), other, err, syscall.EADDRINUSE)
	}
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := nodetest.Reserve(mustNumber(t, port))
	if err != nil {
		t.Fatalf("the port was given back: %v", err)
	}
	_ = again.Close()
}

func TestPortsAreReservedBesideTheRangeOfTheKernel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		first, last, port int
		want              bool
	}{
		{32768, 60999, 32767, true},
		{32768, 60999, 32768, false},
		{32768, 60999, 60999, false},
		{32768, 60999, 61000, true},
		{1024, 60999, 20000, false},
		{1024, 60999, 61000, true},
		{49152, 65535, 65535, false},
		{1024, 64535, 20000, false}, // 1000 are outside
		{1024, 64536, 20000, true},  // 999
		{1024, 65535, 20000, true},
	} {
		if got := nodetest.Reservable(test.port, test.first, test.last); got != test.want {
			t.Errorf("port %d where the kernel chooses from %d to %d: got %v, want %v", test.port, test.first, test.last, got, test.want)
		}
	}
}

func mustReserve(t *testing.T) *nodetest.Port {
	t.Helper()
	port, err := nodetest.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	return port
}

func mustNumber(t *testing.T, port *nodetest.Port) int {
	t.Helper()
	number, err := strconv.Atoi(port.Number())
	if err != nil {
		t.Fatal(err)
	}
	return number
}
