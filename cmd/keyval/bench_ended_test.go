package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	measurement "github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/node/nodetest"
)

// endless are the flags of a measurement that somebody has to end.
func endless(url string) []string {
	return []string{"bench", "put", "--url", url, "--keys", "50", "--connections", "2", "--duration", "1h", "--warm-up", "0"}
}

// withoutNohup starts commands that a SIGHUP ends, also where the tests run under nohup:
// that is inherited, unless somebody between has taken the signal.
func withoutNohup(t *testing.T) {
	taken := make(chan os.Signal, 1)
	signal.Notify(taken, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(taken) })
}

func TestABenchmarkWhoseTerminalHasGoneCleansUp(t *testing.T) {
	for name, leave := range map[string]func(*exec.Cmd, *os.File) error{
		"hung up":      func(cmd *exec.Cmd, _ *os.File) error { return cmd.Process.Signal(syscall.SIGHUP) },
		"nobody reads": func(_ *exec.Cmd, read *os.File) error { return read.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			withoutNohup(t)
			n := mustStartEmpty(t)
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer read.Close()
			cmd := mustStartCommand(t, write, nil, endless(n.URL())...)
			lines := bufio.NewScanner(read)
			for lines.Scan() && !strings.Contains(lines.Text(), "1/3600 s") {
			}
			if err := leave(cmd, read); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() { // until it has ended
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("got %v, want exit code 0", err)
			}
			mustBeEmpty(t, n)
		})
	}
}

func TestWhoDoesNotWaitForTheCleaningHasTheResultsAndKnowsWhatIsLeft(t *testing.T) {
	n := mustStartEmpty(t)
	server := nodetest.MustStartFaultProxy(t, strings.TrimPrefix(n.URL(), "http://"))
	held := server.HoldNextRequest([]byte("DELETE /keys"))
	kept := filepath.Join(t.TempDir(), "a.json")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := mustStartCommand(t, write, nil, quick("put", "--url", server.HTTPURL(), "--json", kept)...)
	<-held.Happened()
	mustSignal(t, cmd, syscall.SIGINT)
	lines := bufio.NewScanner(read)
	for lines.Scan() && !strings.Contains(lines.Text(), "curl -X DELETE '"+server.HTTPURL()+"/keys?prefix=keyval-bench'") {
	}
	mustSignal(t, cmd, syscall.SIGINT)
	for lines.Scan() { // until it has ended
	}
	ended, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	if !ok || ended.ExitCode() != 128+int(syscall.SIGINT) {
		t.Errorf("got %v, want exit code 130", ended)
	}
	if file, err := measurement.ReadFile(kept); err != nil || len(file.Runs) != 1 {
		t.Errorf("got %+v, %v; want what was measured", file.Runs, err)
	}
}

// A fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestATableThatCannotBeWrittenCostsNoFile(t *testing.T) {
	n := mustStartEmpty(t)
	kept := filepath.Join(t.TempDir(), "a.json")
	var stderr strings.Builder
	code := run(t.Context(), process{
		args:      quick("put", "--url", n.URL(), "--json", kept),
		lookupEnv: lookup(nil), stdout: fullDisk{}, stderr: &stderr,
	})
	if code != exitFailure || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("got exit code %d and %s, want 1 and why", code, stderr.String())
	}
	if _, err := measurement.ReadFile(kept); err != nil {
		t.Error(err)
	}
}
