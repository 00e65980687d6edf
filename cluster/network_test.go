package cluster

import (
	"net"
	"testing"
)

func TestAllIPv4AddressesAreNoIPv6Address(t *testing.T) {
	t.Parallel()
	tcp, udp, err := listenGossip(systemNetwork{}, "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = tcp.Close(), udp.Close() }()
	for _, addr := range []net.Addr{tcp.Addr(), udp.LocalAddr()} {
		if host, _, _ := net.SplitHostPort(addr.String()); host != "0.0.0.0" {
			t.Errorf("it listens on %s %s, want 0.0.0.0", addr.Network(), addr)
		}
	}
	at, err := advertised("gossip-advertise", "", tcp.Addr())
	if err != nil {
		t.Skipf("this machine has no private address: %v", err)
	}
	if at.IP.To4() == nil {
		t.Errorf("it advertises %s, which nobody has asked for", at)
	}
}

func TestAnAddressIsAdvertisedWithThePortOfTheListener(t *testing.T) {
	t.Parallel()
	bound := &net.TCPAddr{IP: net.IPv4zero, Port: 7946}
	for setting, want := range map[string]string{
		"10.0.0.1": "10.0.0.1:7946", "10.0.0.1:1": "10.0.0.1:1", "fd00::1": "[fd00::1]:7946", "[fd00::1]:1": "[fd00::1]:1",
	} {
		got, err := advertised("gossip-advertise", setting, bound)
		if err != nil || got.String() != want {
			t.Errorf("%s: got %v and %v, want %s", setting, got, err, want)
		}
	}
}
