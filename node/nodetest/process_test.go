package nodetest_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// shell prepares a process that runs a shell script.
func shell(t *testing.T, script string) *nodetest.Process {
	t.Helper()
	p := nodetest.NewProcess(nodetest.Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"NAME=value"}})
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func mustStart(t *testing.T, p *nodetest.Process) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
}

func TestAProcessIsStartedAgainOnlyAfterItHasEnded(t *testing.T) {
	t.Parallel()
	p := shell(t, "exec sleep 60")
	mustStart(t, p)
	if err := p.Start(); !errors.Is(err, nodetest.ErrProcessRunning) {
		t.Errorf("second start: got %v, want %v", err, nodetest.ErrProcessRunning)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	mustStart(t, p)
}

func TestAStoppedProcessTellsItsExitStatus(t *testing.T) {
	t.Parallel()
	for _, want := range []int{0, 3} {
		p := shell(t, fmt.Sprintf("trap 'exit %d' TERM; echo ready; while :; do sleep 0.01; done", want))
		mustStart(t, p)
		await.That(t, "the trap is set", func() bool { return p.Logs() == "ready\n" })
		err := p.Stop(t.Context())
		var exit *exec.ExitError
		if got := 0; errors.As(err, &exit) {
			got = exit.ExitCode()
			if got != want {
				t.Errorf("exit status: got %d, want %d", got, want)
			}
		} else if want != 0 || err != nil {
			t.Errorf("got %v, want exit status %d", err, want)
		}
	}
}

func TestTheLogHoldsTheOutputOfAllLives(t *testing.T) {
	t.Parallel()
	p := shell(t, "echo out $NAME; echo err >&2")
	for range 2 {
		mustStart(t, p)
		if err := p.ExitErr(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := p.Logs(), "out value\nerr\nout value\nerr\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheLogKeepsTheEndOfALongOutput(t *testing.T) {
	t.Parallel()
	p := shell(t, "yes 0123456789 | head -c 2000000; echo end")
	mustStart(t, p)
	if err := p.ExitErr(); err != nil {
		t.Fatal(err)
	}
	got := p.Logs()
	if len(got) < 200<<10 || len(got) > 300<<10 || !strings.HasPrefix(got, "[…]") || !strings.HasSuffix(got, "end\n") {
		t.Errorf("got %d bytes from %.20q to %q", len(got), got, got[len(got)-20:])
	}
}

func TestAProgramThatIsNotThereDoesNotStart(t *testing.T) {
	t.Parallel()
	p := nodetest.NewProcess(nodetest.Command{Path: "/nothing/here"})
	if err := p.Start(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	if err := p.Kill(); err != nil {
		t.Errorf("kill: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	<-p.Exited()
}

// orphanEnv makes this test binary, run as a child, start a process and report
// its id; then it is killed.
const orphanEnv = "KEYVAL_NODETEST_ORPHAN"

func TestAProcessDiesWithItsParent(t *testing.T) {
	if os.Getenv(orphanEnv) != "" {
		p := shell(t, "exec sleep 60")
		mustStart(t, p)
		fmt.Println("child", p.PID())
		_ = os.Stdout.Sync()
		select {} // until killed
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, nothing was tested: only Linux ties a child's life to its parent's")
	}
	t.Parallel()
	parent := exec.Command(os.Args[0], "-test.run=^TestAProcessDiesWithItsParent$")
	parent.Env = append(os.Environ(), orphanEnv+"=1")
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := 0
	for lines := bufio.NewScanner(output); child == 0 && lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "child "); ok {
			if child, err = strconv.Atoi(id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	if child == 0 {
		t.Fatal("the parent did not report its child")
	}
	await.That(t, "the child is gone", func() bool { return !alive(child) })
}

// alive tells whether a process runs; one that only waits to be reaped does not.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(status), ") Z ")
}

func TestAProcessOutlivesTheThreadThatAskedForIt(t *testing.T) {
	t.Parallel()
	p := shell(t, "exec sleep 60")
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		done <- p.Start()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	// The second start of a thread's life gives the first time to end.
	for range 3 {
		other := shell(t, "true")
		mustStart(t, other)
		_ = other.ExitErr()
	}
	select {
	case <-p.Exited():
		t.Error("it died with the thread that asked for it")
	default:
	}
}
