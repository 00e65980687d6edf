package nodetest

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent makes the kernel kill the child when the thread that starts it
// ends; see launch for why that thread is a chosen one.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// awaitStopped waits until all threads of a child that was sent SIGSTOP have
// stopped, or until it has ended.
func awaitStopped(pid int) error {
	for {
		// WNOWAIT leaves the news for whoever pauses the child once more.
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.ECHILD) {
			return ErrProcessNotRunning
		}
		return err
	}
}
