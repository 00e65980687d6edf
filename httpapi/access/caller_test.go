package access

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestTheCallerIsTheLastOneWhomNoTrustedProxyStandsFor(t *testing.T) {
	t.Parallel()
	proxies := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		proxies    Proxies
		connection string
		forwarded  []string
		want       string
	}{
		{nil, "192.0.2.1:1234", nil, "192.0.2.1/32"},
		{nil, "10.0.0.1:1234", []string{"198.51.100.7"}, "10.0.0.1/32"},
		{nil, "[2001:db8:1:2:3:4:5:6]:1234", nil, "2001:db8:1:2::/64"},
		{nil, "[fe80::1%eth0]:1234", nil, "fe80::/64"},
		{nil, "[::ffff:192.0.2.1]:1234", nil, "192.0.2.1/32"},
		{nil, "nowhere", nil, "invalid Prefix"},
		{proxies, "192.0.2.1:1234", []string{"198.51.100.7"}, "192.0.2.1/32"},
		{proxies, "10.0.0.1:1234", nil, "10.0.0.1/32"},
		{proxies, "10.0.0.1:1234", []string{"198.51.100.7"}, "198.51.100.7/32"},
		{proxies, "[::ffff:10.0.0.1]:1234", []string{"::ffff:198.51.100.7"}, "198.51.100.7/32"},
		{proxies, "10.0.0.1:1234", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7/32"},
		{proxies, "10.0.0.1:1234", []string{"203.0.113.9", "198.51.100.7 ,10.0.0.2"}, "198.51.100.7/32"},
		{proxies, "10.0.0.1:1234", []string{"198.51.100.7", "10.0.0.3,10.0.0.2"}, "198.51.100.7/32"},
		{proxies, "10.0.0.1:1234", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3/32"},
		{proxies, "10.0.0.1:1234", []string{"198.51.100.7:4711"}, "198.51.100.7/32"},
		{proxies, "[fd00::1]:1234", []string{"[2001:db8::1]:4711"}, "2001:db8::/64"},
		{proxies, "[fd00::1]:1234", []string{"[2001:db8::1]"}, "2001:db8::/64"},
		{proxies, "10.0.0.1:1234", []string{"198.51.100.7, unknown"}, "10.0.0.1/32"},
		{proxies, "10.0.0.1:1234", []string{"198.51.100.7, unknown, 10.0.0.2"}, "10.0.0.2/32"},
		{proxies, "10.0.0.1:1234", []string{""}, "10.0.0.1/32"},
		{proxies, "10.0.0.1:1234", []string{",,"}, "10.0.0.1/32"},
	} {
		r := &http.Request{RemoteAddr: c.connection, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := c.proxies.Caller(r).String(); got != c.want {
			t.Errorf("%s for %q, %d trusted: got %s, want %s", c.connection, c.forwarded, len(c.proxies), got, c.want)
		}
	}
}
