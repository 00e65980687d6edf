package node

import (
	"net/netip"
	"slices"
	"testing"
)

func TestATrustedProxyIsANetworkOrAnAddress(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.TrustedProxies = []string{"10.0.0.0/8", "192.0.2.1", "::ffff:192.0.2.2", "fd00::/8", "2001:db8::1"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32"),
		netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("2001:db8::1/128"),
	}
	if got := cfg.trustedProxies(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
