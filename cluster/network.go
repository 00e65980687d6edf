package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/hashicorp/go-sockaddr"
)

// Network opens the sockets of one node. Tests put faults behind it. Methods are
// called concurrently; addresses are "host:port".
type Network interface {
	// Listen opens a TCP listener.
	Listen(addr string) (net.Listener, error)
	// ListenPacket opens a UDP socket.
	ListenPacket(addr string) (net.PacketConn, error)
	// Dial connects over TCP and gives up when ctx ends.
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

type systemNetwork struct{}

func (systemNetwork) Listen(addr string) (net.Listener, error) {
	return net.Listen(OfFamily("tcp", addr), addr)
}

func (systemNetwork) ListenPacket(addr string) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(context.Background(), OfFamily("udp", addr), addr)
}

// OfFamily is the network, "tcp" or "udp", to listen on at an address. All IPv4 addresses,
// 0.0.0.0, are to Go those of IPv6 as well, and are shown as such.
func OfFamily(network, addr string) string {
	host, _, _ := net.SplitHostPort(addr)
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return network + "4"
	}
	return network
}

func (systemNetwork) Dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// listenGossip binds TCP and UDP to one port. A port that the kernel chose for TCP
// may be taken for UDP: then another is tried.
func listenGossip(network Network, addr string) (net.Listener, net.PacketConn, error) {
	host, port, err := SplitHostPort(addr)
	if err != nil {
		return nil, nil, err
	}
	tries := 1
	if port == 0 {
		tries = 10
	}
	for range tries {
		var tcp net.Listener
		if tcp, err = network.Listen(addr); err != nil {
			break
		}
		bound := strconv.Itoa(tcp.Addr().(*net.TCPAddr).Port)
		var udp net.PacketConn
		if udp, err = network.ListenPacket(net.JoinHostPort(host, bound)); err == nil {
			return tcp, udp, nil
		}
		_ = tcp.Close()
	}
	return nil, nil, cannotListen("gossip-addr", addr, err)
}

func listenRaft(network Network, addr string) (net.Listener, error) {
	l, err := network.Listen(addr)
	if err != nil {
		return nil, cannotListen("raft-addr", addr, err)
	}
	return l, nil
}

func cannotListen(setting, addr string, err error) error {
	return &SettingError{setting, fmt.Errorf("cannot listen on %s: %w", addr, err)}
}

// advertised decides the address that others use: what the setting says, else what
// is bound, else (bound to a wildcard) a private address of this machine.
func advertised(setting, value string, bound net.Addr) (*net.TCPAddr, error) {
	at := bound.(*net.TCPAddr)
	ip, port, err := parseAdvertise(value)
	if err != nil {
		return nil, &SettingError{setting, err}
	}
	if port == 0 {
		port = at.Port
	}
	if ip == nil && !at.IP.IsUnspecified() {
		ip = at.IP
	}
	if ip == nil {
		if ip = privateIP(at.IP); ip == nil {
			return nil, &SettingError{setting, errors.New("cannot be guessed, because the node listens on all addresses and has no private one: set it")}
		}
	}
	if ip4 := ip.To4(); ip4 != nil {
		ip = ip4
	}
	return &net.TCPAddr{IP: ip, Port: port}, nil
}

// privateIP is an address of this machine by which others reach who listens on all
// addresses of bound's family; nil if there is none.
func privateIP(bound net.IP) net.IP {
	private, err := sockaddr.GetPrivateInterfaces()
	if err == nil && bound.To4() != nil {
		private, _ = sockaddr.FilterIfByType(private, sockaddr.TypeIPv4)
	}
	for _, one := range private {
		if ip := sockaddr.ToIPAddr(one.SockAddr); ip != nil {
			return *(*ip).NetIP()
		}
	}
	return nil
}

// reachable is an address that a listener of this node has, as others know it: with the
// host that it was given, or, if that is every address, with ours.
func reachable(addr string, ours net.IP) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = ours.String()
	}
	return net.JoinHostPort(host, port)
}
