package node

import (
	"math"
	"net/netip"
)

func (c Config) validateLimits() error {
	for _, rate := range []struct {
		setting string
		value   float64
	}{
		{"rate-limit-per-token", c.RateLimitPerToken},
		{"rate-limit-per-address", c.RateLimitPerAddress},
	} {
		if !(rate.value >= 0) || math.IsInf(rate.value, 1) {
			return badSetting(rate.setting, "%v is no number of requests a second; use one such as 100 or 0.5, or 0 for no limit", rate.value)
		}
	}
	for _, bound := range []struct {
		setting string
		value   int
	}{
		{"max-requests", c.MaxRequests},
		{"max-requests-per-token", c.MaxRequestsPerToken},
		{"max-streams", c.MaxStreams},
		{"max-streams-per-token", c.MaxStreamsPerToken},
	} {
		if bound.value < 0 {
			return badSetting(bound.setting, "%d is below 0; use 0 for no limit", bound.value)
		}
	}
	for _, proxy := range c.TrustedProxies {
		if _, err := parseNetwork(proxy); err != nil {
			return badSetting("trusted-proxy", "%q is no network; use one such as 10.0.0.0/8, or the IP address of a proxy", proxy)
		}
	}
	return nil
}

// parseNetwork reads a network, or an address as one of itself.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return addr.Prefix(addr.BitLen())
	}
	return netip.ParsePrefix(text)
}

// trustedProxies are those of a valid Config.
func (c Config) trustedProxies() []netip.Prefix {
	var networks []netip.Prefix
	for _, proxy := range c.TrustedProxies {
		network, _ := parseNetwork(proxy) // Validate has seen it
		networks = append(networks, network)
	}
	return networks
}
