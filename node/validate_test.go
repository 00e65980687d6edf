package node

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

func TestTheDefaultConfigIsValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func TestTheZeroConfigIsNotValid(t *testing.T) {
	if err := (Config{}).Validate(); err == nil {
		t.Error("got no error")
	}
}

func TestValidateAcceptsWhatOperatorsNeed(t *testing.T) {
	tests := map[string]func(*Config){
		"every address, port of the kernel": func(c *Config) { c.HTTPAddr, c.Insecure = ":0", true },
		"advertised without ports": func(c *Config) {
			c.GossipAdvertise, c.RaftAdvertise, c.HTTPAdvertise = "fd00::1", "fd00::1", "fd00::1"
		},
		"every address": func(c *Config) {
			c.HTTPAddr, c.GossipAddr, c.RaftAddr, c.Insecure = ":8080", ":7946", ":7947", true
		},
		"advertised by name":              func(c *Config) { c.HTTPAdvertise = "kv-1.example:443" },
		"names that look like no address": func(c *Config) { c.Join = []string{"kv1", "1.kv", "3com.example:7946"} },
		"IPv6":                            func(c *Config) { c.HTTPAddr, c.GossipAddr, c.RaftAddr = "[::1]:8080", "[::]:7946", "[::]:7947" },
		"kernel's ports for both":         func(c *Config) { c.GossipAddr, c.RaftAddr = "127.0.0.1:0", "127.0.0.1:0" },
		"same port, other address":        func(c *Config) { c.GossipAddr, c.RaftAddr = "127.0.0.1:7946", "127.0.0.2:7946" },
		"advertised addresses":            func(c *Config) { c.GossipAdvertise, c.RaftAdvertise = "10.0.0.1:7946", "[fd00::1]:7947" },
		"hosts":                           func(c *Config) { c.AllowedHosts = []string{"kv.example", "KV_1.internal", "192.0.2.1", "2001:db8::1"} },
		"origins":                         func(c *Config) { c.CORSOrigins = []string{"https://a.example", "http://localhost:3000", "*"} },
		"no drain delay":                  func(c *Config) { c.DrainDelay = 0 },
		"servers":                         func(c *Config) { c.LibsqlURL, c.LibsqlReplicaURL = "https://a", "ws://b:8080" },
		"libsql scheme":                   func(c *Config) { c.LibsqlURL = "libsql://a.turso.io?authToken=x" },
		"absolute file":                   func(c *Config) { c.LibsqlURL = "file:///var/lib/keyval.db" },
		"seeds":                           func(c *Config) { c.Join = []string{"a", "a.b.example:7946", "10.0.0.1", "[::1]:7946", "::1"} },
		"node id":                         func(c *Config) { c.NodeID = "keyval-0_x" },
		"no disk":                         func(c *Config) { c.Ephemeral, c.DataDir = true, "" },
		"keys to rotate":                  func(c *Config) { c.GossipKeys = [][]byte{make([]byte, 32), make([]byte, 16), make([]byte, 24)} },
		"largest value":                   func(c *Config) { c.MaxValueBytes = MaxValueBytesLimit },
		"other base path":                 func(c *Config) { c.BasePath = "/kv" },
		"raft advertised beside gossip":   func(c *Config) { c.GossipAddr, c.RaftAdvertise = "0.0.0.0:7946", "10.0.0.1:7947" },
		"gossip on loopback":              func(c *Config) { c.RaftAddr = "0.0.0.0:7947" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			change(&cfg)
			if err := cfg.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestValidateNamesTheSettingThatCannotBe(t *testing.T) {
	tests := []struct {
		setting string
		change  func(*Config)
	}{
		{"http-addr", func(c *Config) { c.HTTPAddr = "localhost" }},
		{"http-addr", func(c *Config) { c.HTTPAddr = "localhost:http" }},
		{"http-addr", func(c *Config) { c.HTTPAddr = "localhost:65536" }},
		{"http-addr", func(c *Config) { c.HTTPAddr = ":8080" }},
		{"http-addr", func(c *Config) { c.HTTPAddr = "[::]:8080" }},
		{"http-addr", func(c *Config) { c.HTTPAddr = "192.0.2.1:8080" }},
		{"auth-file", func(c *Config) { c.AuthFile = "missing.jsonc" }},
		{"insecure", func(c *Config) { c.AuthFile, c.Insecure = "missing.jsonc", true }},
		{"base-path", func(c *Config) { c.BasePath = "" }},
		{"base-path", func(c *Config) { c.BasePath = "/" }},
		{"base-path", func(c *Config) { c.BasePath = "kv" }},
		{"base-path", func(c *Config) { c.BasePath = "/kv/" }},
		{"base-path", func(c *Config) { c.BasePath = "/{kv}" }},
		{"base-path", func(c *Config) { c.BasePath = "/keys/x" }},
		{"cors-origin", func(c *Config) { c.CORSOrigins = []string{"a.example"} }},
		{"cors-origin", func(c *Config) { c.CORSOrigins = []string{"*", "https://a.example/"} }},
		{"cors-origin", func(c *Config) { c.CORSOrigins = []string{"null"} }},
		{"cors-origin", func(c *Config) { c.CORSOrigins = []string{"https://*.example"} }},
		{"allowed-host", func(c *Config) { c.AllowedHosts = []string{"kv.example", "kv.example:8080"} }},
		{"allowed-host", func(c *Config) { c.AllowedHosts = []string{"https://kv.example"} }},
		{"allowed-host", func(c *Config) { c.AllowedHosts = []string{"*"} }},
		{"drain-delay", func(c *Config) { c.DrainDelay = -time.Second }},
		{"drain-timeout", func(c *Config) { c.DrainTimeout = 0 }},
		{"libsql-url", func(c *Config) { c.LibsqlURL = "" }},
		{"libsql-url", func(c *Config) { c.LibsqlURL = "keyval.db" }},
		{"libsql-url", func(c *Config) { c.LibsqlURL = "file:" }},
		{"libsql-url", func(c *Config) { c.LibsqlURL = "http://:8080" }},
		{"libsql-url", func(c *Config) { c.LibsqlURL = "postgres://a" }},
		{"libsql-replica-url", func(c *Config) { c.LibsqlURL, c.LibsqlReplicaURL = "http://a", "b" }},
		{"libsql-replica-url", func(c *Config) { c.LibsqlURL, c.LibsqlReplicaURL = "http://a", "file:b.db" }},
		{"libsql-replica-url", func(c *Config) { c.LibsqlReplicaURL = "http://b" }},
		{"operation-timeout", func(c *Config) { c.OperationTimeout = 0 }},
		{"max-memory-in-flight", func(c *Config) { c.MaxMemoryInFlight = MinMemoryInFlight - 1 }},
		{"max-connections", func(c *Config) { c.MaxConnections = -1 }},
		{"max-connections-per-address", func(c *Config) { c.MaxConnectionsPerAddress = -1 }},
		{"max-pending-writes", func(c *Config) { c.MaxPendingWrites = 0 }},
		{"default-consistency", func(c *Config) { c.DefaultConsistency = "Strong" }},
		{"max-value-bytes", func(c *Config) { c.MaxValueBytes = 0 }},
		{"max-value-bytes", func(c *Config) { c.MaxValueBytes = MaxValueBytesLimit + 1 }},
		{"cleanup-interval", func(c *Config) { c.CleanupInterval = 0 }},
		{"changelog-retention", func(c *Config) { c.ChangelogRetention = -1 }},
		{"changelog-max-rows", func(c *Config) { c.ChangelogMaxRows = 0 }},
		{"node-id", func(c *Config) { c.NodeID = "a b" }},
		{"node-id", func(c *Config) { c.NodeID = "a.b" }},
		{"node-id", func(c *Config) { c.NodeID = strings.Repeat("a", 65) }},
		{"data-dir", func(c *Config) { c.DataDir = "" }},
		{"cluster-name", func(c *Config) { c.ClusterName = "" }},
		{"gossip-addr", func(c *Config) { c.GossipAddr = "localhost:7946" }},
		{"raft-advertise", func(c *Config) { c.RaftAdvertise = ":7947" }},
		{"raft-addr", func(c *Config) { c.RaftAddr = c.GossipAddr }},
		{"raft-addr", func(c *Config) { c.GossipAddr = "0.0.0.0:7946" }},
		{"raft-addr", func(c *Config) { c.GossipAddr, c.RaftAddr = "[::]:7946", "[::1]:7947" }},
		{"raft-addr", func(c *Config) { c.GossipAdvertise = "10.0.0.1:7946" }},
		{"raft-advertise", func(c *Config) { c.GossipAdvertise, c.RaftAdvertise = "10.0.0.1", "127.0.0.1" }},
		{"raft-advertise", func(c *Config) {
			c.GossipAddr, c.RaftAddr, c.RaftAdvertise = "10.0.0.1:7946", "10.0.0.1:7947", "127.0.0.1:7947"
		}},
		{"gossip-advertise", func(c *Config) { c.GossipAdvertise = "0.0.0.0:7946" }},
		{"gossip-advertise", func(c *Config) { c.GossipAdvertise = "::" }},
		{"gossip-advertise", func(c *Config) { c.GossipAdvertise = "node.example:7946" }},
		{"raft-advertise", func(c *Config) { c.RaftAdvertise = "10.0.0.1:0" }},
		{"join", func(c *Config) { c.Join = []string{"a", ""} }},
		{"join", func(c *Config) { c.Join = []string{"http://a:7946"} }},
		{"join", func(c *Config) { c.Join = []string{"a:99999"} }},
		{"join", func(c *Config) { c.Join = []string{":7946"} }},
		{"join", func(c *Config) { c.Join = []string{"host:0"} }},
		{"join", func(c *Config) { c.Join = []string{"0.0.0.0"} }},
		{"join", func(c *Config) { c.Join = []string{"0.0.0.0:7946"} }},
		{"join", func(c *Config) { c.Join = []string{"::"} }},
		{"join", func(c *Config) { c.Join = []string{"[::]:7946"} }},
		{"join", func(c *Config) { c.Join = []string{"300.1.1.1"} }},
		{"join", func(c *Config) { c.Join = []string{"10.0.0.1.5:7946"} }},
		{"join", func(c *Config) { c.Join = []string{"10.1"} }},
		{"http-addr", func(c *Config) { c.HTTPAddr = "300.1.1.1:8080" }},
		{"http-advertise", func(c *Config) { c.HTTPAdvertise = "0.0.0.0:8080" }},
		{"http-advertise", func(c *Config) { c.HTTPAdvertise = "[::]:8080" }},
		{"http-advertise", func(c *Config) { c.HTTPAdvertise = "kv.example:0" }},
		{"http-advertise", func(c *Config) { c.HTTPAdvertise = "http://kv.example" }},
		{"http-advertise", func(c *Config) { c.HTTPAdvertise = "300.1.1.1" }},
		{"libsql-url", func(c *Config) { c.LibsqlURL = "http://300.1.1.1:8080" }},
		{"gossip-key", func(c *Config) { c.GossipKeys = [][]byte{make([]byte, 16), make([]byte, 20)} }},
		{"tls-key", func(c *Config) { c.TLSCert = "cert.pem" }},
		{"tls-cert", func(c *Config) { c.TLSKey = "key.pem" }},
		{"raft-tls-cert", func(c *Config) { c.RaftTLSCA = "ca.pem" }},
	}
	for _, test := range tests {
		cfg := DefaultConfig()
		test.change(&cfg)
		err := cfg.Validate()
		if !errors.Is(err, ErrBadSetting) {
			t.Errorf("%s: got %v, want a bad setting", test.setting, err)
			continue
		}
		bad, _ := errors.AsType[*SettingError](err)
		if bad.Setting != test.setting {
			t.Errorf("got %v, want %s", err, test.setting)
		}
		if strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("more than one line: %q", err)
		}
	}
}

func TestADatabaseURLIsNotRepeatedInItsError(t *testing.T) {
	for _, url := range []string{"hush", "htp://hush@db", "http://hush@", "http://a:hush%zz@db", "file:?hush"} {
		cfg := DefaultConfig()
		cfg.LibsqlURL = url
		err := cfg.Validate()
		if err == nil {
			t.Errorf("%s: got no error", url)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}

func TestASettingErrorIsOneLineWithSource(t *testing.T) {
	tests := []struct {
		err  SettingError
		want string
	}{
		{SettingError{"join", "flag --join", "is bad"}, "join (flag --join): is bad"},
		{SettingError{Setting: "join", Problem: "is bad"}, "join: is bad"},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// A name may lead anywhere, which turns out when it is listened on.
func TestANameThatHasLedToOtherMachinesIsRefused(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1": false, "::1": false, "192.0.2.1": true, "::": true} {
		cfg := DefaultConfig()
		cfg.HTTPAddr = "kv.example:8080"
		if err := cfg.Validate(); err != nil {
			t.Errorf("before it is listened on: %v", err)
		}
		err := newNode(cfg).checkListener(&net.TCPAddr{IP: net.ParseIP(addr)})
		bad, refused := errors.AsType[*SettingError](err)
		if refused != want || refused && bad.Setting != "http-addr" {
			t.Errorf("%s: got %v, want refused %t", addr, err, want)
		}
	}
}
