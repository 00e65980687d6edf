package nodetest

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel kill the child when the thread that starts it
// ends; see launch for why that thread is a chosen one.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
