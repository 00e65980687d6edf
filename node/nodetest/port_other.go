//go:build !linux

package nodetest

import (
	"fmt"
	"net"
)

// ReservePort asks the kernel for a port and gives it back at once: outside
// Linux nothing keeps it for us, and another process may take it.
func ReservePort() (*Port, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	defer listener.Close()
	return &Port{addr: listener.Addr().String()}, nil
}
