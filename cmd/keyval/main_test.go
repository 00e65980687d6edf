package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the expected output instead of comparing it")

// drainTest makes the test binary wait for signals, as a draining node does.
const drainTest = "KEYVAL_TEST_DRAIN"

func TestMain(m *testing.M) {
	if os.Getenv(drainTest) != "" {
		drainForever()
	}
	if os.Getenv(mainTest) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"keyval": main})
}

func drainForever() {
	ctx := drainOnSignal(context.Background())
	fmt.Println("serving")
	<-ctx.Done()
	fmt.Println(context.Cause(ctx))
	select {}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("COLUMNS", "100")               // the width of help
			env.Setenv("GORACE", "atexit_sleep_ms=10") // the race detector waits a second by default
			return nil
		},
	})
}

func TestTheSecondSignalEndsADrainAtOnce(t *testing.T) {
	tests := map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130}
	for second, want := range tests {
		t.Run(second.String(), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), drainTest+"=1")
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stdout)
			mustRead(t, lines, "serving")
			mustSignal(t, cmd, syscall.SIGTERM)
			mustRead(t, lines, "received terminated")
			mustSignal(t, cmd, second)
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Errorf("exit code: got %d, want %d", got, want)
			}
		})
	}
}

func mustRead(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	if !lines.Scan() || lines.Text() != want {
		t.Fatalf("got line %q, want %q", lines.Text(), want)
	}
}

func mustSignal(t *testing.T, cmd *exec.Cmd, signal syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// result is what a command line that ran in this process left behind.
type result struct {
	code           int
	stdout, stderr string
}

func runCommand(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	return runCommandUntil(t.Context(), env, args...)
}

func runCommandUntil(ctx context.Context, env map[string]string, args ...string) result {
	var stdout, stderr bytes.Buffer
	code := run(ctx, process{
		args:      args,
		lookupEnv: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		stdout:    &stdout,
		stderr:    &stderr,
	})
	return result{code, stdout.String(), stderr.String()}
}
