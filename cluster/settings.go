package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// ErrInvalidConfig is wrapped by every error of New and Listen that a change of
// the Config would cure.
var ErrInvalidConfig = errors.New("invalid cluster setting")

// A SettingError is an ErrInvalidConfig that one setting is to blame for.
type SettingError struct {
	Setting string // as the command line spells it, without dashes in front
	Err     error  // what is wrong and what would be right; it holds no key
}

// Error is one line.
func (e *SettingError) Error() string {
	return fmt.Sprintf("%v: %s: %v", ErrInvalidConfig, e.Setting, e.Err)
}

// Unwrap makes errors.Is(err, ErrInvalidConfig) hold, and finds the cause.
func (e *SettingError) Unwrap() []error { return []error{ErrInvalidConfig, e.Err} }

// CheckSettings returns a *SettingError for the first setting that has not its form. It
// opens nothing, and it is the only rule: New goes by it, and whoever reads the settings
// asks it before there is anything that New needs. An empty NodeID is one to come.
func (cfg Config) CheckSettings() error {
	for _, c := range []struct {
		setting string
		err     error
	}{
		{"node-id", checkIDToCome(cfg.NodeID)},
		{"data-dir", checkDataDir(cfg.DataDir, cfg.Ephemeral)},
		{"cluster-name", checkName(cfg.Name)},
		{"gossip-addr", checkListen(cfg.GossipAddr)},
		{"raft-addr", checkListen(cfg.RaftAddr)},
		{"gossip-advertise", checkAdvertise(cfg.GossipAdvertise)},
		{"raft-advertise", checkAdvertise(cfg.RaftAdvertise)},
		{"join", checkSeeds(cfg.Join)},
		{"gossip-key", CheckGossipKeys(cfg.GossipKeys)},
	} {
		if c.err != nil {
			return &SettingError{c.setting, c.err}
		}
	}
	return nil
}

var (
	// A dot separates node from boot in a gossip name.
	idForm   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// CheckNodeID refuses what cannot name a node, or a start of one.
func CheckNodeID(id string) error {
	if !idForm.MatchString(id) {
		return fmt.Errorf("%q is not 1 to 64 letters, digits, dashes and underscores", id)
	}
	return nil
}

func checkIDToCome(id string) error {
	if id == "" {
		return nil
	}
	return CheckNodeID(id)
}

func checkDataDir(dir string, ephemeral bool) error {
	if dir == "" && !ephemeral {
		return errors.New("is empty; name a directory, or set ephemeral")
	}
	return nil
}

func checkName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q is not 1 to 64 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}

// CheckGossipKeys refuses keys that AES does not take. Its error holds none.
func CheckGossipKeys(keys [][]byte) error {
	for i, key := range keys {
		if n := len(key); n != 16 && n != 24 && n != 32 {
			return fmt.Errorf("key %d is %d bytes long; an AES key has 16, 24 or 32, for example from: openssl rand -base64 32", i+1, n)
		}
	}
	return nil
}

func checkListen(addr string) error {
	host, _, err := SplitHostPort(addr)
	if err == nil && host != "" {
		_, err = parseIP(host)
	}
	if err != nil {
		return fmt.Errorf("%w; use IP:PORT, such as 0.0.0.0:7946", err)
	}
	return nil
}

func checkAdvertise(addr string) error {
	_, _, err := parseAdvertise(addr)
	return err
}

// parseAdvertise splits what another node connects to, "ip" or "ip:port"; port is 0 if
// there is none, ip nil if addr is empty. So "$(POD_IP)" is right whatever the family
// of that address is.
func parseAdvertise(addr string) (ip net.IP, port int, err error) {
	if addr == "" {
		return nil, 0, nil
	}
	parsed, bare := netip.ParseAddr(addr)
	if bare != nil {
		var host string
		if host, port, err = SplitHostPort(addr); err == nil {
			parsed, err = parseIP(host)
		}
	}
	if parsed = parsed.Unmap(); err == nil && (parsed.IsUnspecified() || parsed.Zone() != "" || bare != nil && port == 0) {
		err = fmt.Errorf("%s is nothing that another node can reach", addr)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w; use this node's own IP or IP:PORT", err)
	}
	return parsed.AsSlice(), port, nil
}

func checkSeeds(seeds []string) error {
	for _, seed := range seeds {
		if _, _, err := splitSeed(seed); err != nil {
			return err
		}
	}
	return nil
}

// splitSeed splits a Join entry, which may be a bare IPv6 address; port is 0 if there is
// none.
func splitSeed(seed string) (host string, port int, err error) {
	host = seed
	if _, bare := netip.ParseAddr(seed); bare != nil && strings.Contains(seed, ":") {
		host, port, err = SplitHostPort(seed)
		if err == nil && port == 0 {
			return "", 0, fmt.Errorf("%q has port 0, at which nobody listens; use the port of the other node's gossip, or none for %d", seed, DefaultGossipPort)
		}
	}
	var ip netip.Addr
	if err == nil {
		ip, err = ParseHost(host)
	}
	switch {
	case err != nil:
	case ip.Unmap().IsUnspecified():
		err = fmt.Errorf("%q is every address and so no node's", seed)
	case ip.Zone() != "":
		err = fmt.Errorf("%q has a zone, which gossip does not know", seed)
	}
	if err != nil {
		return "", 0, fmt.Errorf("%w; name another node: host, HOST:PORT or a DNS name", err)
	}
	return host, port, nil
}

// SplitHostPort splits "host:port". Either may be what stands for a choice: an empty
// host, port 0.
func SplitHostPort(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not HOST:PORT", addr)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not HOST:PORT with a number from 0 to 65535 for its port", addr)
	}
	return host, int(n), nil
}

var (
	hostForm = regexp.MustCompile(`^[\pL\pM\pN._-]+$`)
	// ipLike is what no DNS name is: its last part has no letter (RFC 3696, 2). Looking it
	// up would fail for ever.
	ipLike = regexp.MustCompile(`^([^.]*\.)*[0-9]+$`)
)

// ParseHost checks a host, and returns its address if it is one; for a name that address
// is not valid.
func ParseHost(host string) (netip.Addr, error) {
	if ip, err := parseIP(host); err == nil || ipLike.MatchString(host) {
		return ip, err
	}
	if len(host) > 253 || !hostForm.MatchString(host) {
		return netip.Addr{}, fmt.Errorf("%q is neither a host's name nor an IP address", host)
	}
	return netip.Addr{}, nil
}

func parseIP(host string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%q is no IP address", host)
	}
	return ip, nil
}
