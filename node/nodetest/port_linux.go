package nodetest

import (
	"fmt"
	"net/netip"
	"syscall"
)

// ReservePort reserves a port of 127.0.0.1 by binding a socket to it that never listens.
//
// Linux lets a second socket bind the same address and listen on it when both
// have SO_REUSEADDR, which every server here sets. It never gives a bound port
// to somebody who asks for port 0 or connects from a kernel-chosen port. So the
// usual race of "listen on :0, close, tell the program the number" is gone.
func ReservePort() (*Port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	addr, err := bindLoopback(fd)
	if err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	return &Port{addr: addr, release: func() error { return syscall.Close(fd) }}, nil
}

// bindLoopback binds the socket to a kernel-chosen port and returns its address.
func bindLoopback(fd int) (string, error) {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return "", err
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: loopback.As4()}); err != nil {
		return "", err
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return "", err
	}
	bound, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		return "", fmt.Errorf("unexpected socket name %T", name)
	}
	return netip.AddrPortFrom(loopback, uint16(bound.Port)).String(), nil
}
