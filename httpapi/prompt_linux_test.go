package httpapi

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// waits tells whether the kernel waits before it acknowledges.
func waits(t *testing.T, conn *net.TCPConn) bool {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	quick := 0
	if controlErr := raw.Control(func(fd uintptr) {
		quick, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK)
	}); controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
	return quick == 0
}

// mustAccept is a connection whose kernel waits, as that of one which has answered does.
func mustAccept(t *testing.T) *net.TCPConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	tcp := conn.(*net.TCPConn)
	keepWaiting(t, tcp)
	return tcp
}

func keepWaiting(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if controlErr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
	}); controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
}

func TestWhatIsReadOfHTTP2IsAcknowledgedAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begins string
		prompt bool
	}{
		"HTTP/2 by prior knowledge":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true},
		"the first byte of it":         {"P", true},
		"TLS":                          {"\x16\x03\x01", true},
		"HTTP/1.1":                     {"GET / HTTP/1.1\r\n", false},
		"HTTP/1.1 that is no preface":  {"PROPFIND / HTTP/1.1\r\n", false},
		"something that is no request": {"\x00", false},
	} {
		conn := mustAccept(t)
		var p prompt
		for range 2 {
			p.read(conn, []byte(c.begins))
			if got := waits(t, conn); got == c.prompt {
				t.Errorf("%s: the kernel waits: %v", name, got)
			}
			keepWaiting(t, conn)
			p.read(conn, nil) // nothing has come
			if !waits(t, conn) {
				t.Errorf("%s: nothing has been read, and the kernel has been told", name)
			}
		}
	}
}
