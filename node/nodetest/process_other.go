//go:build !linux

package nodetest

import "os/exec"

// dieWithParent does nothing: only Linux can tie a child's life to its parent's.
func dieWithParent(*exec.Cmd) {}

// awaitStopped does nothing: the signal is on its way.
func awaitStopped(int) error { return nil }
