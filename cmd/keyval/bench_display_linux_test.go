package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mustOpenTerminal returns both ends of a pseudo-terminal.
func mustOpenTerminal(t *testing.T) (controlling, terminal *os.File) {
	t.Helper()
	controlling, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = controlling.Close() })
	number, err := unix.IoctlGetInt(int(controlling.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(controlling.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return controlling, terminal
}

func TestOnATerminalABenchmarkDrawsOneLineAnew(t *testing.T) {
	for kind, want := range map[string]bool{"xterm": true, "dumb": false} {
		t.Run(kind, func(t *testing.T) {
			n := mustStartEmpty(t)
			controlling, terminal := mustOpenTerminal(t)
			cmd := mustStartCommand(t, terminal, []string{"TERM=" + kind}, "bench", "put", "--url", n.URL(), "--keys", "50", "--connections", "2", "--duration", "2s", "--warm-up", "0")
			said, _ := io.ReadAll(controlling) // it ends with an error when nobody has the other end any more
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if got := strings.Contains(string(said), "\r\x1b[Kput"); got != want {
				t.Errorf("got %q, want it drawn anew: %t", said, want)
			}
			// What stays is the line of the run; elsewhere each second has one.
			if lines := strings.Count(string(said), "\n"); want != (lines == 1) {
				t.Errorf("got %d lines: %q", lines, said)
			}
		})
	}
}
