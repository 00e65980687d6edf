package node

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sqldb"
)

// Validate returns a *SettingError for the first setting that cannot be used,
// alone or together with another. It reads the files with certificates and tokens
// that the Config names, and nothing else.
func (c Config) Validate() error {
	for _, check := range []func() error{
		c.validateHTTP,
		c.validateAccess,
		c.validateDatabase,
		c.validateData,
		c.validateCluster,
		c.validateCertificates,
		c.validateProfiles,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) validateHTTP() error {
	if err := checkHTTPAddr(c.HTTPAddr); err != nil {
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
	if err := checkPublicURL(c.PublicURL); err != nil {
		return err
	}
	if c.MaxMemoryInFlight < MinMemoryInFlight {
		return badSetting("max-memory-in-flight", "%d is below %d (32MiB)", c.MaxMemoryInFlight, MinMemoryInFlight)
	}
	if err := c.validateConnections(); err != nil {
		return err
	}
	if err := c.validateLimits(); err != nil {
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
	if c.SlowOperation < 0 {
		return badSetting("slow-operation", "%v is negative; 0 turns the warnings off", c.SlowOperation)
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
	if c.KVConnectMaxValueBytes < 1 || c.KVConnectMaxValueBytes > KVConnectMaxValueBytesLimit {
		return badSetting("kvconnect-max-value-bytes", "%d is not from 1 to %d (2MiB)", c.KVConnectMaxValueBytes, KVConnectMaxValueBytesLimit)
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

func (c Config) validateCluster() error {
	if err := clusterError(c.clusterConfig(c.NodeID).CheckSettings()); err != nil {
		return err
	}
	if _, err := c.gossipKeys(); err != nil {
		return err
	}
	if c.GossipAddr == c.RaftAddr && !strings.HasSuffix(c.RaftAddr, ":0") {
		return badSetting("raft-addr", "%s is gossip-addr too; both listen on TCP, so give them different ports", c.RaftAddr)
	}
	return c.checkRaftIsReached()
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

func checkHTTPAddr(addr string) error {
	host, _, err := cluster.SplitHostPort(addr)
	if err != nil {
		return badSetting("http-addr", "%v, such as 127.0.0.1:8080", err)
	}
	if _, err := cluster.ParseHost(host); err != nil && host != "" {
		return badSetting("http-addr", "%v; use HOST:PORT, such as 127.0.0.1:8080", err)
	}
	return nil
}

// checkHTTPAdvertise is for people and programs, so it may be a name.
func checkHTTPAdvertise(addr string) error {
	host, port := strings.Trim(addr, "[]"), -1
	if _, _, err := net.SplitHostPort(addr); err == nil {
		if host, port, err = cluster.SplitHostPort(addr); err != nil {
			return badSetting("http-advertise", "%v", err)
		}
	}
	if ip, err := cluster.ParseHost(host); err != nil || ip.Unmap().IsUnspecified() || port == 0 {
		return badSetting("http-advertise", "%q is nothing that a client can connect to; use the HOST or HOST:PORT by which this node is reached", addr)
	}
	return nil
}

// checkDatabaseURL returns the scheme. A URL may hold a token, so it is never
// shown.
func checkDatabaseURL(setting, raw string) (scheme string, err error) {
	if problem := sqldb.URLProblem(raw); problem != "" {
		return "", badSetting(setting, "%s", problem)
	}
	u, _ := url.Parse(raw) // URLProblem has parsed it
	if u.Scheme != "file" {
		if _, err := cluster.ParseHost(u.Hostname()); err != nil {
			return "", badSetting(setting, "its host is neither a name nor an IP address")
		}
	}
	return u.Scheme, nil
}

// rootsToCome are the first segments of routes that docs/api.md promises.
var rootsToCome = []string{"indexes", "search"}

var basePathForm = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

func checkBasePath(path string) error {
	if !basePathForm.MatchString(path) {
		return badSetting("base-path", "%q is no path; begin it with / and end it without, such as /_/plugin-keyval", path)
	}
	if first := strings.Split(path, "/")[1]; slices.Contains(append(httpapi.RootNames(), rootsToCome...), first) {
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

// checkPublicURL wants what something can be put behind.
func checkPublicURL(public string) error {
	if public == "" {
		return nil
	}
	u, err := url.Parse(public)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(public, "{}*?#% ") {
		return badSetting("public-url", "%q is no URL to reach the API by; use SCHEME://HOST[:PORT][/PATH], such as https://kv.example", public)
	}
	return nil
}

func checkHost(host string) error {
	if _, err := cluster.ParseHost(host); err != nil {
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
