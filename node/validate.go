package node

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate returns a *SettingError for the first setting that cannot be used,
// alone or together with another. It reads the certificate files that the
// Config names, and nothing else.
func (c Config) Validate() error {
	for _, check := range []func() error{
		c.validateHTTP,
		c.validateDatabase,
		c.validateData,
		c.validateIdentity,
		c.validateAddresses,
		c.validateGossipKeys,
		c.validateCertificates,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) validateHTTP() error {
	if err := checkAddr("http-addr", c.HTTPAddr); err != nil {
		return err
	}
	if c.HTTPAdvertise != "" {
		if err := checkHTTPAdvertise(c.HTTPAdvertise); err != nil {
			return err
		}
	}
	if err := checkBasePath(c.BasePath); err != nil {
		return err
	}
	for _, origin := range c.CORSOrigins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	for _, host := range c.AllowedHosts {
		if err := checkHost(host); err != nil {
			return err
		}
	}
	if c.MaxMemoryInFlight < MinMemoryInFlight {
		return badSetting("max-memory-in-flight", "%d is below %d (32MiB)", c.MaxMemoryInFlight, MinMemoryInFlight)
	}
	if err := c.validateConnections(); err != nil {
		return err
	}
	if c.DrainDelay < 0 {
		return badSetting("drain-delay", "%v is negative; use 0 to close at once", c.DrainDelay)
	}
	return checkPositive("drain-timeout", c.DrainTimeout)
}

func (c Config) validateConnections() error {
	if c.MaxConnections < 0 {
		return badSetting("max-connections", "%d is below 0; use 0 for as many as suit this process", c.MaxConnections)
	}
	if c.MaxConnectionsPerAddress < 0 {
		return badSetting("max-connections-per-address", "%d is below 0; use 0 for three quarters of max-connections", c.MaxConnectionsPerAddress)
	}
	return nil
}

func (c Config) validateDatabase() error {
	primary, err := checkDatabaseURL("libsql-url", c.LibsqlURL)
	if err != nil {
		return err
	}
	if c.LibsqlReplicaURL != "" {
		replica, err := checkDatabaseURL("libsql-replica-url", c.LibsqlReplicaURL)
		if err != nil {
			return err
		}
		if primary == "file" || replica == "file" {
			return badSetting("libsql-replica-url", "an embedded database (file:) has no replica; leave it out, or set libsql-url and libsql-replica-url to servers")
		}
	}
	if err := checkPositive("operation-timeout", c.OperationTimeout); err != nil {
		return err
	}
	if c.MaxPendingWrites < 1 {
		return badSetting("max-pending-writes", "%d is below 1", c.MaxPendingWrites)
	}
	return nil
}

func (c Config) validateData() error {
	levels := []string{ConsistencySession, ConsistencyStrong, ConsistencyEventual}
	if !slices.Contains(levels, c.DefaultConsistency) {
		return badSetting("default-consistency", "%q is none of %s", c.DefaultConsistency, strings.Join(levels, ", "))
	}
	if c.MaxValueBytes < 1 || c.MaxValueBytes > MaxValueBytesLimit {
		return badSetting("max-value-bytes", "%d is not from 1 to %d (4MiB)", c.MaxValueBytes, MaxValueBytesLimit)
	}
	if err := checkPositive("cleanup-interval", c.CleanupInterval); err != nil {
		return err
	}
	if err := checkPositive("changelog-retention", c.ChangelogRetention); err != nil {
		return err
	}
	if c.ChangelogMaxRows < 1 {
		return badSetting("changelog-max-rows", "%d is below 1", c.ChangelogMaxRows)
	}
	return nil
}

func (c Config) validateIdentity() error {
	if c.NodeID != "" && !isName(c.NodeID) {
		return badSetting("node-id", "%q is not 1 to 64 letters, digits, dots, dashes and underscores", c.NodeID)
	}
	if c.DataDir == "" && !c.Ephemeral {
		return badSetting("data-dir", "is empty; name a directory, or set ephemeral")
	}
	if !isName(c.ClusterName) {
		return badSetting("cluster-name", "%q is not 1 to 64 letters, digits, dots, dashes and underscores", c.ClusterName)
	}
	return nil
}

func (c Config) validateAddresses() error {
	bind := []struct{ setting, addr string }{{"gossip-addr", c.GossipAddr}, {"raft-addr", c.RaftAddr}}
	for _, b := range bind {
		if err := checkIPAddr(b.setting, b.addr); err != nil {
			return err
		}
	}
	advertise := []struct{ setting, addr string }{{"gossip-advertise", c.GossipAdvertise}, {"raft-advertise", c.RaftAdvertise}}
	for _, a := range advertise {
		if a.addr == "" {
			continue
		}
		if err := checkAdvertise(a.setting, a.addr); err != nil {
			return err
		}
	}
	if c.GossipAddr == c.RaftAddr && !strings.HasSuffix(c.RaftAddr, ":0") {
		return badSetting("raft-addr", "%s is gossip-addr too; both listen on TCP, so give them different ports", c.RaftAddr)
	}
	if err := c.checkRaftIsReached(); err != nil {
		return err
	}
	for _, seed := range c.Join {
		if err := checkSeed(seed); err != nil {
			return err
		}
	}
	return nil
}

// checkRaftIsReached refuses a node that others meet in gossip and cannot call.
func (c Config) checkRaftIsReached() error {
	gossip, gossipAddr := announced("gossip", c.GossipAddr, c.GossipAdvertise)
	raft, raftAddr := announced("raft", c.RaftAddr, c.RaftAdvertise)
	if onLoopback(raftAddr) && !onLoopback(gossipAddr) {
		return badSetting(raft, "%s is reached from this machine only, but %s is %s; use an address that the other nodes reach, as they reach gossip's", raftAddr, gossip, gossipAddr)
	}
	return nil
}

// announced is the setting that says where others reach a part of this node.
func announced(part, addr, advertise string) (setting, value string) {
	if advertise != "" {
		return part + "-advertise", advertise
	}
	return part + "-addr", addr
}

func onLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr // it has no port
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func (c Config) validateGossipKeys() error {
	for i, key := range c.GossipKeys {
		if n := len(key); n != 16 && n != 24 && n != 32 {
			return badSetting("gossip-key", "key %d is %d bytes long; an AES key has 16, 24 or 32, for example from: openssl rand -base64 32", i+1, n)
		}
	}
	return nil
}

func checkAddr(setting, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return badSetting(setting, "%q is not HOST:PORT, such as 127.0.0.1:8080", addr)
	}
	if _, err := netip.ParseAddr(host); err != nil && looksLikeIP(host) {
		return badSetting(setting, "%q is no IP address; use HOST:PORT, such as 127.0.0.1:8080", host)
	}
	return checkPort(setting, port)
}

func checkIPAddr(setting, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return badSetting(setting, "%q is not IP:PORT, such as 0.0.0.0:7946", addr)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" {
		return badSetting(setting, "%q is no IP address; use IP:PORT, such as 0.0.0.0:7946", host)
	}
	return checkPort(setting, port)
}

// checkAdvertise refuses what another node cannot connect to. A port may be missing: then
// it is the listener's. So "$(POD_IP)" is right whatever the family of that address is.
func checkAdvertise(setting, addr string) error {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		if err := checkIPAddr(setting, addr); err != nil {
			return err
		}
		both, err := netip.ParseAddrPort(addr)
		if ip = both.Addr(); err != nil || both.Port() == 0 {
			ip = netip.IPv6Unspecified()
		}
	}
	if ip.IsUnspecified() {
		return badSetting(setting, "%s is nothing that another node can connect to; use this node's own IP or IP:PORT", addr)
	}
	return nil
}

// checkHTTPAdvertise is for people and programs, so it may be a name.
func checkHTTPAdvertise(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = strings.Trim(addr, "[]"), "1"
	}
	ip, err := netip.ParseAddr(host)
	if err == nil && ip.IsUnspecified() || err != nil && !hostForm.MatchString(host) || err != nil && looksLikeIP(host) || port == "0" {
		return badSetting("http-advertise", "%q is nothing that a client can connect to; use the HOST or HOST:PORT by which this node is reached", addr)
	}
	return checkPort("http-advertise", port)
}

func checkPort(setting, port string) error {
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return badSetting(setting, "port %q is no number from 0 to 65535", port)
	}
	return nil
}

func checkSeed(seed string) error {
	host, port, err := net.SplitHostPort(seed)
	if err != nil {
		host, port = seed, "0"
	}
	if port == "0" && err == nil {
		return badSetting("join", "%q has port 0, at which nobody listens; use the port of the other node's gossip, or none for 7946", seed)
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && ip.IsUnspecified():
		return badSetting("join", "%q is every address and so no node's; name another node: host, HOST:PORT or a DNS name", seed)
	case err != nil && looksLikeIP(host):
		return badSetting("join", "%q is no IP address; name another node: host, HOST:PORT or a DNS name", host)
	// Only an IP address has colons of its own.
	case err != nil && (host == "" || strings.ContainsAny(host, "/: \t\n")):
		return badSetting("join", "%q is not host, HOST:PORT or a DNS name", seed)
	}
	return checkPort("join", port)
}

// ipLike is what no DNS name is: its last part has no letter (RFC 3696, 2).
var ipLike = regexp.MustCompile(`^([^.]*\.)*[0-9]+$`)

// looksLikeIP tells of what is no IP address whether it was meant as one: looking it up
// as a name would fail for ever.
func looksLikeIP(host string) bool { return ipLike.MatchString(host) }

// checkDatabaseURL returns the scheme. A URL may hold a token, so it is never
// part of the message.
func checkDatabaseURL(setting, raw string) (scheme string, err error) {
	const forms = "use http://HOST:PORT (also https, ws, wss, libsql) or file:PATH"
	u, err := url.Parse(raw)
	if err != nil {
		return "", badSetting(setting, "is no URL; %s", forms)
	}
	switch u.Scheme {
	case "file":
		if u.Opaque == "" && u.Path == "" {
			return "", badSetting(setting, "file: names no file; use file:PATH")
		}
	case "http", "https", "ws", "wss", "libsql":
		if u.Hostname() == "" {
			return "", badSetting(setting, "names no host; %s", forms)
		}
		if _, err := netip.ParseAddr(u.Hostname()); err != nil && looksLikeIP(u.Hostname()) {
			return "", badSetting(setting, "its host is no IP address; %s", forms)
		}
	default:
		return "", badSetting(setting, "has no scheme that is known; %s", forms)
	}
	return u.Scheme, nil
}

// rootRoutes are the first segments of the routes under /, which a base path
// would hide.
var rootRoutes = []string{
	"atomic", "cluster", "docs", "healthz", "indexes", "keys", "metrics",
	"openapi.json", "queue", "readyz", "search", "transaction", "watch",
}

var basePathForm = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

func checkBasePath(path string) error {
	if !basePathForm.MatchString(path) {
		return badSetting("base-path", "%q is no path; begin it with / and end it without, such as /_/plugin-keyval", path)
	}
	if first := strings.Split(path, "/")[1]; slices.Contains(rootRoutes, first) {
		return badSetting("base-path", "%q would hide the route /%s", path, first)
	}
	return nil
}

func checkOrigin(origin string) error {
	if origin == "*" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != origin || strings.Contains(u.Host, "*") {
		return badSetting("cors-origin", "%q is no origin; use SCHEME://HOST[:PORT] without a path, such as https://app.example, or *", origin)
	}
	return nil
}

// hostForm is a name or an IP address, without a port.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err != nil && !hostForm.MatchString(host) {
		return badSetting("allowed-host", "%q is no host; use a name or an IP address without scheme and port, such as kv.example", host)
	}
	return nil
}

func checkPositive(setting string, d time.Duration) error {
	if d <= 0 {
		return badSetting(setting, "%v is not above 0; use a time such as 30s", d)
	}
	return nil
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func isName(s string) bool { return nameForm.MatchString(s) }
