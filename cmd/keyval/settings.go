package main

import (
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/node"
)

// The settings of a node, by group. A field's tags are the one place where its
// flag, environment variable, default and help are written; docs/configuration.md
// is checked against them. In the configuration file a setting has its flag's
// name in camelCase.

// settings is everything that serve can be told.
type settings struct {
	httpSettings     `group:"http"`
	accessSettings   `group:"http"`
	databaseSettings `group:"database"`
	dataSettings     `group:"data"`
	clusterSettings  `group:"cluster"`
	logSettings      `group:"log"`
	profileSettings  `group:"measuring"`
	groupingSettings `group:"measuring"`
	configFile
}

func settingGroups() []kong.Group {
	return []kong.Group{
		{Key: "http", Title: "HTTP:"},
		{Key: "database", Title: "Database:"},
		{Key: "data", Title: "Data:"},
		{Key: "cluster", Title: "Cluster:"},
		{Key: "log", Title: "Logs:"},
		{Key: "measuring", Title: "Measuring:"},
	}
}

type httpSettings struct {
	HTTPAddr                 string        `env:"KEYVAL_HTTP_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the API listens. No host: every address of the machine; port 0: one that the kernel chooses."`
	HTTPAdvertise            string        `env:"KEYVAL_HTTP_ADVERTISE" placeholder:"HOST[:PORT]" help:"Where /cluster says that the API is reached. Default: the address that it listens on; if that is every address, the one that gossip advertises."`
	BasePath                 string        `env:"KEYVAL_BASE_PATH" default:"/_/plugin-keyval" placeholder:"PATH" help:"Where the dialect of the original JavaScript client is mounted."`
	Compress                 bool          `env:"KEYVAL_COMPRESS" default:"true" negatable:"" help:"Compress answers from 1 KiB on for callers that accept gzip. --no-compress saves the processor where the network is fast."`
	CORSOrigin               []string      `name:"cors-origin" env:"KEYVAL_CORS_ORIGIN" placeholder:"ORIGIN" help:"Origins whose pages may call the API, such as https://app.example, or *. Repeatable. Default: same origin only."`
	AllowedHost              []string      `name:"allowed-host" env:"KEYVAL_ALLOWED_HOST" placeholder:"HOST" help:"Names that requests may have for Host on a loopback address, apart from localhost and its like; for a load balancer on this machine. Repeatable."`
	PublicURL                string        `name:"public-url" env:"KEYVAL_PUBLIC_URL" placeholder:"URL" url:"" help:"Where Deno and other clients of KV Connect reach this node, or its load balancer, with the path that a proxy adds, such as https://kv.example/db. Default: they take it from the URL that they open."`
	TLSCert                  string        `name:"tls-cert" env:"KEYVAL_TLS_CERT" placeholder:"FILE" help:"PEM file with the API's certificate chain. Default: no TLS."`
	TLSKey                   string        `name:"tls-key" env:"KEYVAL_TLS_KEY" placeholder:"FILE" help:"PEM file with the certificate's key."`
	TLSClientCA              string        `name:"tls-client-ca" env:"KEYVAL_TLS_CLIENT_CA" placeholder:"FILE" help:"PEM file with the authorities of clients' certificates, which are optional. Default: clients are not asked for one."`
	MaxMemoryInFlight        byteSize      `env:"KEYVAL_MAX_MEMORY_IN_FLIGHT" default:"268435456" placeholder:"SIZE" help:"How much bodies of requests and answers may take at a time before the next one is refused with 429, in bytes or with a unit; at least 32MiB, and at most half of GOMEMLIMIT where that is set."`
	MaxConnections           int           `env:"KEYVAL_MAX_CONNECTIONS" default:"0" placeholder:"N" help:"How many connections the API has at a time; those beyond are closed at once. 0: 20,000, or fewer where the process may open fewer files."`
	MaxConnectionsPerAddress int           `env:"KEYVAL_MAX_CONNECTIONS_PER_ADDRESS" default:"0" placeholder:"N" help:"How many of them one address may have, or one /64 of IPv6. 0: three quarters."`
	RateLimitPerToken        float64       `env:"KEYVAL_RATE_LIMIT_PER_TOKEN" default:"0" placeholder:"N" help:"How many requests a token may make in a second, and at once, there at least 10; those beyond are refused with 429. A token's own limits win. 0: no limit."`
	RateLimitPerAddress      float64       `env:"KEYVAL_RATE_LIMIT_PER_ADDRESS" default:"0" placeholder:"N" help:"The same for an address, or a /64 of IPv6, before its token is looked at; one that is not known costs ten requests. Behind a load balancer give --trusted-proxy, too. 0: no limit."`
	MaxRequests              int           `env:"KEYVAL_MAX_REQUESTS" default:"4096" placeholder:"N" help:"How many requests the node has under way at a time, apart from streams and long polls; those beyond are refused with 503. Acks, nacks and extends, and health and metrics, have a quarter as much each beside it. 0: no limit."`
	MaxRequestsPerToken      int           `env:"KEYVAL_MAX_REQUESTS_PER_TOKEN" default:"0" placeholder:"N" help:"How many of them one token may have; those beyond are refused with 429. A token's own limits win. 0: no limit."`
	MaxStreams               int           `env:"KEYVAL_MAX_STREAMS" default:"20000" placeholder:"N" help:"How many streams and long polls the node has open at a time; those beyond are refused with 503. 0: no limit but that of connections."`
	MaxStreamsPerToken       int           `env:"KEYVAL_MAX_STREAMS_PER_TOKEN" default:"0" placeholder:"N" help:"How many of them one token may have; those beyond are refused with 429. A token's own limits win. 0: no limit."`
	TrustedProxy             []string      `env:"KEYVAL_TRUSTED_PROXY" placeholder:"CIDR" help:"Networks or addresses of load balancers whose X-Forwarded-For is believed: limits then count the last address in it that is none of these. Repeatable. Default: the connection's address counts."`
	DrainDelay               time.Duration `env:"KEYVAL_DRAIN_DELAY" default:"2s" placeholder:"TIME" help:"How long a stopping node serves while /readyz already fails, for the load balancer to see it."`
	DrainTimeout             time.Duration `env:"KEYVAL_DRAIN_TIMEOUT" default:"20s" placeholder:"TIME" help:"How long requests in flight may take to end after that."`
}

// accessSettings are who may call the API.
type accessSettings struct {
	AuthFile string `env:"KEYVAL_AUTH_FILE" placeholder:"FILE" help:"JSON file with the tokens of who may call the API and what each may do, made by keyval token new and read again when it changes. Default: everybody may do everything, which needs a loopback address or --insecure."`
	Insecure bool   `env:"KEYVAL_INSECURE" help:"Serve without tokens also where other machines reach the API."`
}

type databaseSettings struct {
	LibsqlURL        string        `name:"libsql-url" env:"LIBSQL_URL" default:"file:keyval.db" placeholder:"URL" url:"" help:"The primary: http, https, ws, wss or libsql for a server, file:PATH for the embedded engine."`
	LibsqlReplicaURL string        `name:"libsql-replica-url" env:"LIBSQL_REPLICA_URL" placeholder:"URL" url:"" help:"A server that reads go to. Default: the primary."`
	LibsqlToken      string        `env:"LIBSQL_TOKEN" placeholder:"TOKEN" secret:"" help:"The servers' authentication token. Better set in the environment: a command line can be seen by everyone on the machine."`
	OperationTimeout time.Duration `env:"KEYVAL_OPERATION_TIMEOUT" default:"30s" placeholder:"TIME" help:"Bound of one request's work in the database."`
	MaxPendingWrites int           `env:"KEYVAL_MAX_PENDING_WRITES" default:"8192" placeholder:"N" help:"How many operations may wait to be committed before the next one is refused with 429."`
	SlowOperation    time.Duration `env:"KEYVAL_SLOW_OPERATION" default:"1s" placeholder:"TIME" help:"From how long on an operation, a group of them or a statement is warned of in the log, with its name and plan. 0: never."`
}

type dataSettings struct {
	DefaultConsistency     string        `env:"KEYVAL_DEFAULT_CONSISTENCY" default:"session" enum:"session,strong,eventual" placeholder:"LEVEL" help:"What a read under / gets when it does not ask: session, strong or eventual."`
	MaxValueBytes          byteSize      `env:"KEYVAL_MAX_VALUE_BYTES" default:"1048576" placeholder:"SIZE" help:"Largest value, in bytes of JSON or with a unit such as 512KiB or 2MB; from 1 to 4MiB."`
	KVConnectMaxValueBytes byteSize      `name:"kvconnect-max-value-bytes" env:"KEYVAL_KVCONNECT_MAX_VALUE_BYTES" default:"65536" placeholder:"SIZE" help:"Largest value that Deno may write, in bytes of its encoding or with a unit; from 1 to 2MiB. The clients that exist allow no more than 64KiB."`
	CleanupInterval        time.Duration `env:"KEYVAL_CLEANUP_INTERVAL" default:"60s" placeholder:"TIME" help:"Time between two sweeps of expired entries and locks."`
	ChangelogRetention     time.Duration `env:"KEYVAL_CHANGELOG_RETENTION" default:"1h" placeholder:"TIME" help:"How long a change can still be resumed from."`
	ChangelogMaxRows       int64         `env:"KEYVAL_CHANGELOG_MAX_ROWS" default:"1000000" placeholder:"N" help:"The change log's hard limit; it wins over the retention."`
}

type clusterSettings struct {
	NodeID          string   `name:"node-id" env:"KEYVAL_NODE_ID" placeholder:"NAME" help:"This node's name: 1 to 64 letters, digits, dashes and underscores. Default: made once and kept in the data directory."`
	DataDir         string   `env:"KEYVAL_DATA_DIR" default:"./keyval-data" placeholder:"DIR" help:"Holds the node's identity and raft's log."`
	Ephemeral       bool     `env:"KEYVAL_EPHEMERAL" help:"Keep nothing on disk: a new identity at every start."`
	ClusterName     string   `env:"KEYVAL_CLUSTER_NAME" default:"keyval" placeholder:"NAME" help:"Label of every gossip packet: nodes of another name are strangers."`
	GossipAddr      string   `env:"KEYVAL_GOSSIP_ADDR" default:"127.0.0.1:7946" placeholder:"[IP]:PORT" help:"Where gossip listens, over TCP and UDP. No IP: every address of the machine."`
	GossipAdvertise string   `env:"KEYVAL_GOSSIP_ADVERTISE" placeholder:"IP[:PORT]" help:"Where other nodes reach it. Default: the address that it listens on."`
	RaftAddr        string   `env:"KEYVAL_RAFT_ADDR" default:"127.0.0.1:7947" placeholder:"[IP]:PORT" help:"Where raft listens. No IP: every address of the machine."`
	RaftAdvertise   string   `env:"KEYVAL_RAFT_ADVERTISE" placeholder:"IP[:PORT]" help:"Where other nodes reach it. Default: the address that it listens on."`
	Join            []string `env:"KEYVAL_JOIN" placeholder:"HOST" help:"Nodes to gossip with at first: host, HOST:PORT or a DNS name. Repeatable. Default: a cluster of one."`
	GossipKey       []string `env:"KEYVAL_GOSSIP_KEY" placeholder:"BASE64" secret:"" help:"AES keys of 16, 24 or 32 bytes; the first encrypts, all decrypt. Default: gossip is in the clear."`
	GossipKeyFile   string   `env:"KEYVAL_GOSSIP_KEY_FILE" placeholder:"FILE" help:"File with these keys, one a line."`
	RaftTLSCert     string   `name:"raft-tls-cert" env:"KEYVAL_RAFT_TLS_CERT" placeholder:"FILE" help:"PEM file with this node's certificate, for TLS between nodes in both directions. Default: no TLS."`
	RaftTLSKey      string   `name:"raft-tls-key" env:"KEYVAL_RAFT_TLS_KEY" placeholder:"FILE" help:"PEM file with the certificate's key."`
	RaftTLSCA       string   `name:"raft-tls-ca" env:"KEYVAL_RAFT_TLS_CA" placeholder:"FILE" help:"PEM file with the authority that signs the nodes' certificates."`
	RaftTLSName     string   `name:"raft-tls-name" env:"KEYVAL_RAFT_TLS_NAME" placeholder:"NAME" help:"DNS name in the certificates of all nodes by which they know each other, where addresses change. Default: the address at which raft is reached."`
}

type logSettings struct {
	LogLevel  string `env:"KEYVAL_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"Least important level that is logged: debug, info, warn or error."`
	LogFormat string `env:"KEYVAL_LOG_FORMAT" default:"auto" enum:"auto,text,json" placeholder:"FORMAT" help:"Format of the log on stderr: text, json, or auto, which is text on a terminal and else json."`
	AccessLog bool   `env:"KEYVAL_ACCESS_LOG" help:"Log every request when it ends, at level info, with its route's template and never its path."`
}

type profileSettings struct {
	PprofAddr string `env:"KEYVAL_PPROF_ADDR" placeholder:"HOST:PORT" help:"Where profiles of this process are served for go tool pprof, to everybody on this machine: a loopback address or localhost; port 0: one that the kernel chooses. Default: nowhere."`
}

// prepare has allocations noted in time for a profile of them.
func (s profileSettings) prepare(p process) {
	if s.PprofAddr != "" && p.sampleMemory != nil {
		p.sampleMemory()
	}
}

// groupingSettings are serve's alone: who develops has no use for them.
type groupingSettings struct {
	NoGrouping bool `env:"KEYVAL_NO_GROUPING" help:"Give each operation a transaction of its own and each point read a statement of its own, to measure what grouping saves. Never for service."`
}

type configFile struct {
	Config string `env:"KEYVAL_CONFIG" placeholder:"FILE" help:"Settings as JSON with comments, or a buntime.jsonc that has them."`
}

// nodeConfig is the checked configuration. Its errors name where a bad value is from.
func (s settings) nodeConfig(from *layers) (node.Config, error) {
	cfg := node.DefaultConfig()
	for _, list := range []struct {
		setting string
		items   []string
	}{{"join", s.Join}, {"cors-origin", s.CORSOrigin}, {"allowed-host", s.AllowedHost}, {"trusted-proxy", s.TrustedProxy}, {"gossip-key", s.GossipKey}} {
		if err := from.checkList(list.setting, list.items); err != nil {
			return node.Config{}, err
		}
	}
	s.httpSettings.apply(&cfg)
	s.accessSettings.apply(&cfg)
	s.databaseSettings.apply(&cfg)
	s.dataSettings.apply(&cfg)
	if err := s.clusterSettings.apply(&cfg, from); err != nil {
		return node.Config{}, err
	}
	cfg.AccessLog = s.AccessLog
	cfg.PprofAddr, cfg.NoGrouping = s.PprofAddr, s.NoGrouping
	cfg.Version = version()
	return cfg, from.validate(cfg)
}

func (s httpSettings) apply(cfg *node.Config) {
	cfg.HTTPAddr, cfg.HTTPAdvertise = s.HTTPAddr, s.HTTPAdvertise
	cfg.BasePath = s.BasePath
	cfg.Compress = s.Compress
	cfg.CORSOrigins = trimmed(s.CORSOrigin)
	cfg.AllowedHosts = trimmed(s.AllowedHost)
	cfg.PublicURL = strings.TrimRight(s.PublicURL, "/")
	cfg.MaxMemoryInFlight = int64(s.MaxMemoryInFlight)
	cfg.MaxConnections, cfg.MaxConnectionsPerAddress = s.MaxConnections, s.MaxConnectionsPerAddress
	cfg.RateLimitPerToken, cfg.RateLimitPerAddress = s.RateLimitPerToken, s.RateLimitPerAddress
	cfg.MaxRequests, cfg.MaxRequestsPerToken = s.MaxRequests, s.MaxRequestsPerToken
	cfg.MaxStreams, cfg.MaxStreamsPerToken = s.MaxStreams, s.MaxStreamsPerToken
	cfg.TrustedProxies = trimmed(s.TrustedProxy)
	cfg.TLSCert, cfg.TLSKey, cfg.TLSClientCA = s.TLSCert, s.TLSKey, s.TLSClientCA
	cfg.DrainDelay, cfg.DrainTimeout = s.DrainDelay, s.DrainTimeout
}

func (s accessSettings) apply(cfg *node.Config) {
	cfg.AuthFile, cfg.Insecure = s.AuthFile, s.Insecure
}

func (s databaseSettings) apply(cfg *node.Config) {
	cfg.LibsqlURL, cfg.LibsqlReplicaURL = s.LibsqlURL, s.LibsqlReplicaURL
	cfg.LibsqlToken = s.LibsqlToken
	cfg.OperationTimeout = s.OperationTimeout
	cfg.MaxPendingWrites = s.MaxPendingWrites
	cfg.SlowOperation = s.SlowOperation
}

func (s dataSettings) apply(cfg *node.Config) {
	cfg.DefaultConsistency = s.DefaultConsistency
	cfg.MaxValueBytes = int64(s.MaxValueBytes)
	cfg.KVConnectMaxValueBytes = int64(s.KVConnectMaxValueBytes)
	cfg.CleanupInterval = s.CleanupInterval
	cfg.ChangelogRetention, cfg.ChangelogMaxRows = s.ChangelogRetention, s.ChangelogMaxRows
}

func (s clusterSettings) apply(cfg *node.Config, from *layers) error {
	keys, err := s.gossipKeys(from)
	if err != nil {
		return err
	}
	cfg.NodeID, cfg.DataDir, cfg.Ephemeral = s.NodeID, s.DataDir, s.Ephemeral
	cfg.ClusterName = s.ClusterName
	cfg.GossipAddr, cfg.GossipAdvertise = s.GossipAddr, s.GossipAdvertise
	cfg.RaftAddr, cfg.RaftAdvertise = s.RaftAddr, s.RaftAdvertise
	cfg.Join = trimmed(s.Join)
	cfg.GossipKeys, cfg.GossipKeyFile = keys, s.GossipKeyFile
	cfg.RaftTLSCert, cfg.RaftTLSKey, cfg.RaftTLSCA = s.RaftTLSCert, s.RaftTLSKey, s.RaftTLSCA
	cfg.RaftTLSName = s.RaftTLSName
	return nil
}

// trimmed is a list as people write it in one variable: with spaces, and a comma
// at the end.
func trimmed(list []string) []string {
	var items []string
	for _, item := range list {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
