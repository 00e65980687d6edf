package nodetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// kernelRangeFile has the first and the last port that the kernel chooses itself.
const kernelRangeFile = "/proc/sys/net/ipv4/ip_local_port_range"

// The ports that are reserved. Below them are the services that are known by name,
// and those ports that a browser refuses to talk to.
const (
	firstPort = 20000
	lastPort  = 65535
)

// ReservePort reserves a port of 127.0.0.1, for TCP and UDP.
//
// It is none that the kernel would choose, for a listener on port 0 or for an
// outgoing connection, so neither takes it while nobody listens on it. Whoever
// else reserves ports on this machine asks for the same lock. And programs with a
// port of their own find it bound, by a socket that never listens: Linux lets a
// second socket bind the address and listen only if both have SO_REUSEADDR, as
// every server here has.
func ReservePort() (*Port, error) {
	first, last := kernelRange()
	// A random one each time, so that a port that was given back is not soon
	// another's, whom a late client of the first would find.
	for {
		number := firstPort + rand.IntN(lastPort-firstPort+1)
		if !reservable(number, first, last) {
			continue
		}
		port, err := reserve(number)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return port, err
		}
	}
}

// kernelRange returns the first and the last port that the kernel chooses, by
// default those that it has by default.
func kernelRange() (first, last int) {
	text, err := os.ReadFile(kernelRangeFile)
	if err == nil {
		_, err = fmt.Sscan(string(text), &first, &last)
	}
	if err != nil {
		return 32768, 60999
	}
	return first, last
}

// reservable reports whether a port may be reserved where the kernel chooses from
// a range: if it is outside. If hardly any is, every port may be, as the lock and
// the bound socket still keep out nearly everybody.
func reservable(port, first, last int) bool {
	inside := max(0, min(last, lastPort)-max(first, firstPort)+1)
	outside := lastPort - firstPort + 1 - inside
	return port < first || port > last || outside < 1000
}

// reserve locks a port and binds it. If it is taken the error is EADDRINUSE.
func reserve(number int) (*Port, error) {
	// The lock is an abstract socket: like the port it belongs to the network
	// namespace, goes to one process alone, and is free again when that dies.
	lock, err := net.Listen("unix", fmt.Sprintf("@keyval-port-%d", number))
	if err != nil {
		return nil, fmt.Errorf("lock port %d: %w", number, err)
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(number))
	fd, err := bindWithoutListening(addr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reserve %v: %w", addr, err), lock.Close())
	}
	release := func() error { return errors.Join(syscall.Close(fd), lock.Close()) }
	return &Port{addr: addr.String(), release: release}, nil
}

// bindWithoutListening returns a socket that is bound to the address.
func bindWithoutListening(addr netip.AddrPort) (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())})
	}
	if err != nil {
		_ = syscall.Close(fd)
	}
	return fd, err
}
