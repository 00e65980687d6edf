//go:build !linux

package httpapi

import "syscall"

// acknowledge is for kernels that can be asked.
func acknowledge(syscall.RawConn) {}
