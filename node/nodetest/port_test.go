package nodetest_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/buntime/keyval/node/nodetest"
)

func TestAReservedPortCanBeListenedOnAgainAndAgain(t *testing.T) {
	t.Parallel()
	addr := nodetest.MustReserveAddr(t)
	for range 2 {
		if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial a port that nobody listens on: got %v, want %v", err, syscall.ECONNREFUSED)
		}
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
		} else {
			_ = conn.Close()
		}
		_ = listener.Close()
	}
}

func TestEveryReservedPortIsAnother(t *testing.T) {
	t.Parallel()
	reserved := make(map[string]bool)
	for range 50 {
		reserved[nodetest.MustReserveAddr(t)] = true
	}
	if len(reserved) != 50 {
		t.Errorf("50 reservations gave %d ports", len(reserved))
	}
}

func TestAReservedPortCanBeClosedTwice(t *testing.T) {
	t.Parallel()
	port, err := nodetest.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := "127.0.0.1:"+port.Number(), port.Addr(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for range 2 {
		if err := port.Close(); err != nil {
			t.Error(err)
		}
	}
}
