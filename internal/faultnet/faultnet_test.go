package faultnet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// pair returns a connection from host a to host b, whose end echoes.
func pair(t *testing.T, n *Net) net.Conn {
	t.Helper()
	l, err := n.Host("b").Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(c, c)
		_ = c.Close()
	}()
	c, err := n.Host("a").Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = c.Close(), l.Close()
		<-done
	})
	return c
}

func TestAPartitionHoldsConnectionsUntilItHeals(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	n := New(1)
	c := pair(t, n)
	n.Partition([]string{"a"}, []string{"b"})
	_ = c.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write across a partition = %v, want the deadline", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := n.Host("a").Dial(ctx, c.RemoteAddr().String()); err == nil {
		t.Error("dialled across a partition")
	}
	n.Heal()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write([]byte("y")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1)
	if _, err := io.ReadFull(c, got); err != nil || got[0] != 'y' {
		t.Errorf("read after healing = %q, %v, want y", got, err)
	}
}

func TestPacketsAreLostDoubledAndDelayedAsToldBySeed(t *testing.T) {
	// count is how many of 100 packets arrive, most at most.
	count := func(seed uint64, p Packets, most int) int {
		n := New(seed)
		a, err := n.Host("a").ListenPacket("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Close() }()
		b, err := n.Host("b").ListenPacket("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = b.Close() }()
		n.SetPackets(p)
		for range 100 {
			if _, err := a.WriteTo([]byte("x"), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		if p.Delay == 0 {
			// What was sent has arrived in order, so that this packet is the last.
			n.SetPackets(Packets{})
			if _, err := a.WriteTo([]byte("end"), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		got, buf := 0, make([]byte, 10)
		_ = b.SetReadDeadline(time.Now().Add(time.Minute))
		for got < most || p.Delay == 0 {
			size, _, err := b.ReadFrom(buf)
			if err != nil || string(buf[:size]) == "end" {
				break
			}
			got++
		}
		return got
	}
	if got := count(1, Packets{}, 100); got != 100 {
		t.Errorf("without faults %d packets arrived, want 100", got)
	}
	if got := count(1, Packets{Drop: 1}, 0); got != 0 {
		t.Errorf("with every packet lost %d arrived", got)
	}
	if got := count(1, Packets{Duplicate: 1, Delay: 10 * time.Millisecond}, 200); got != 200 {
		t.Errorf("with every packet doubled %d arrived, want 200", got)
	}
	half := Packets{Drop: 0.5}
	first, second := count(7, half, 100), count(7, half, 100)
	if first != second || first < 25 || first > 75 {
		t.Errorf("half lost by one seed: %d, then %d; want the same, near 50", first, second)
	}
}
