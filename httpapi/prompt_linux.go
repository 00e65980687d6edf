package httpapi

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// acknowledge sends what is to be acknowledged. Once is not for all: the kernel goes back
// to waiting when it has sent something.
func acknowledge(conn syscall.RawConn) {
	_ = conn.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
}
