package httpapi

import (
	"io"
	"net"
	"strings"
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

// mustConnect returns both ends of a connection.
func mustConnect(t *testing.T) (client net.Conn, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return client, conn.(*net.TCPConn)
}

// keepWaiting lets the kernel wait, as it does of a connection that has answered.
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

// beginnings are the first bytes of connections.
var beginnings = map[string]struct {
	first         string
	prompt, ahead bool
}{
	"HTTP/2 by prior knowledge":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true, true},
	"the first byte of it":         {"P", true, true},
	"TLS":                          {"\x16\x03\x01", true, false},
	"HTTP/1.1":                     {"GET / HTTP/1.1\r\n", false, false},
	"HTTP/1.1 that is no preface":  {"PROPFIND / HTTP/1.1\r\n", false, false},
	"something that is no request": {"\x00", false, false},
}

func TestWhatIsReadOfHTTP2IsAcknowledgedAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range beginnings {
		_, conn := mustConnect(t)
		p := prompt{TCPConn: conn}
		keepWaiting(t, conn)
		p.begin([]byte(c.first))
		if got := waits(t, conn); got == c.prompt {
			t.Errorf("%s: the kernel waits: %v", name, got)
		}
	}
}

func TestWhatComesLaterIsAcknowledgedWhenItIsRead(t *testing.T) {
	t.Parallel()
	_, conn := mustConnect(t)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	a := acknowledging{strings.NewReader("later"), raw}
	for _, want := range []bool{false, true} { // the second time, nothing has come
		keepWaiting(t, conn)
		_, _ = a.Read(make([]byte, 10))
		if got := waits(t, conn); got != want {
			t.Errorf("the kernel waits: %v, want %v", got, want)
		}
	}
}

func TestWhatHasComeOfHTTP2IsReadAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range beginnings {
		client, conn := mustConnect(t)
		sent := c.first + "later"
		if _, err := io.WriteString(client, sent); err != nil {
			t.Fatal(err)
		}
		p := &prompt{TCPConn: conn}
		var got []byte
		read := func(n int) {
			piece := make([]byte, n)
			if _, err := io.ReadFull(p, piece); err != nil {
				t.Fatal(err)
			}
			got = append(got, piece...)
		}
		read(len(c.first))
		read(1)
		if ahead := unread(t, conn) == 0; ahead != c.ahead {
			t.Errorf("%s: all has been read: %v", name, ahead)
		}
		read(len(sent) - len(got))
		if string(got) != sent {
			t.Errorf("%s: got %q, want %q", name, got, sent)
		}
	}
}

// unread is how many bytes the kernel has of a connection.
func unread(t *testing.T, conn *net.TCPConn) (n int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if controlErr := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }); controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
	return n
}
