package access

import (
	"net/http"
	"net/netip"
	"strings"
)

// AddressOf is what one caller has: an IPv4 address, or of IPv6 a network of the size
// that one customer has at least.
func AddressOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // bits fit; of no address it is none
	return prefix
}

// Proxies are the networks of load balancers whose word for where a request comes from
// is taken.
type Proxies []netip.Prefix

// Caller is the address that a request comes from: the connection's, or, if that is a
// proxy's, the last one of X-Forwarded-For that is not. What stands before it may have
// been sent by anybody.
func (p Proxies) Caller(r *http.Request) netip.Prefix {
	connection, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	addr := connection.Addr().Unmap()
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		for rest := lines[i]; rest != ""; {
			if !p.trust(addr) {
				return AddressOf(addr)
			}
			var last string
			rest, last = cutLast(rest)
			next, ok := forwarded(last)
			if !ok {
				return AddressOf(addr) // of the last one who is known to say the truth
			}
			addr = next
		}
	}
	return AddressOf(addr)
}

func (p Proxies) trust(addr netip.Addr) bool {
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// cutLast is a list without its last element, and that one.
func cutLast(list string) (rest, last string) {
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		return list[:i], list[i+1:]
	}
	return "", list
}

// forwarded is an address of X-Forwarded-For; some proxies add the port.
func forwarded(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	withPort, err := netip.ParseAddrPort(text)
	return withPort.Addr().Unmap().WithZone(""), err == nil
}
