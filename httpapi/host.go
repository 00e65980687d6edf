package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
)

// hosts are the names under which a node on loopback is called, apart from those of
// loopback itself; in lower case.
type hosts []string

func newHosts(allowed []string) hosts {
	var h hosts
	for _, name := range allowed {
		h = append(h, hostName(name))
	}
	return h
}

// errForeignHost refuses a name that somebody else has pointed at loopback.
var errForeignHost error = &route.Refusal{Code: api.Misdirected, Text: "this node listens on a loopback address and does not know the host in the request; use localhost, or start the node with --allowed-host"}

// check refuses a Host, with or without a port, that is no name of loopback and not
// allowed. A request without one (HTTP/1.0) comes from no browser.
func (h hosts) check(host string) error {
	if name := hostName(host); name == "" || isLoopback(name) || slices.Contains(h, name) {
		return nil
	}
	return errForeignHost
}

// hostName is a Host without port, brackets and final dot, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isLoopback tells whether a name leads to this machine whatever a name server says
// (RFC 6761, 6.3).
func isLoopback(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// admit refuses a request that a page has sent which has no business here.
func (s *Server) admit(r *route.Route, req *http.Request) error {
	if s.cfg.Loopback && r.Scope != access.Open {
		if err := s.hosts.check(req.Host); err != nil {
			return err
		}
	}
	if r.Changes {
		return s.origins.check(req)
	}
	return nil
}
