// Package node puts the parts of keyval together into one node: it opens the
// database, joins the cluster, serves the API, and stops all of it in order.
package node

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/sqldb"
)

// The values of Config.DefaultConsistency.
const (
	ConsistencySession  = "session"
	ConsistencyStrong   = "strong"
	ConsistencyEventual = "eventual"
)

// MaxValueBytesLimit is the largest MaxValueBytes: 4 MiB, because libSQL takes
// no row above 5 MB.
const MaxValueBytesLimit = 4 << 20

// KVConnectMaxValueBytesLimit is the largest KVConnectMaxValueBytes: 2 MiB, which has a
// third more as it is stored.
const KVConnectMaxValueBytesLimit = 2 << 20

// MinMemoryInFlight is the smallest MaxMemoryInFlight: the largest body and something
// beside it.
const MinMemoryInFlight = 32 << 20

// Config is everything that a node is told from outside. Start from
// DefaultConfig: the zero Config is not valid.
//
// A field that is also a setting of the command line names it; Validate reports
// problems under that name.
type Config struct {
	// HTTPAddr (http-addr) is where the API listens, as HOST:PORT. An empty host
	// is every address of the machine, port 0 one that the kernel chooses.
	HTTPAddr string
	// HTTPAdvertise (http-advertise) is where /cluster says that the API is reached: HOST
	// or HOST:PORT, a name or an IP address, without a port HTTPAddr's. Empty: HTTPAddr's
	// address, or, if that is every address, the one that gossip advertises.
	HTTPAdvertise string
	// BasePath (base-path) is where the dialect of the original JavaScript client
	// is mounted. It begins with "/" and does not end with one.
	BasePath string
	// Compress (compress) lets answers from 1 KiB on be compressed for callers that
	// accept gzip.
	Compress bool
	// CORSOrigins (cors-origin) are the origins, such as https://app.example, whose
	// pages may call the API. Empty: same origin only. "*": any.
	CORSOrigins []string
	// AllowedHosts (allowed-host) are the names, apart from those of loopback, that
	// requests may have for Host where HTTPAddr is a loopback address. Elsewhere
	// every name is taken.
	AllowedHosts []string
	// PublicURL (public-url) is the http or https URL by which clients of KV Connect reach
	// this node or what balances its load, with the path that a proxy adds. Empty: they
	// take everything from the URL that they have asked.
	PublicURL string
	// TLSCert and TLSKey (tls-cert, tls-key) are PEM files. Both or none; none:
	// HTTP/1.1 and h2c without TLS.
	TLSCert, TLSKey string
	// TLSClientCA (tls-client-ca) is a PEM file with the authorities of clients'
	// certificates, which are optional and then tell who the client is. Empty: clients
	// are not asked for one. Only with TLSCert.
	TLSClientCA string
	// MaxMemoryInFlight (max-memory-in-flight) bounds the bytes that bodies of requests
	// and answers take at a time, beyond which requests are refused with 429. At least
	// MinMemoryInFlight.
	MaxMemoryInFlight int64
	// MaxConnections (max-connections) is how many connections the API has at a time;
	// those beyond are closed at once. 0: 20,000, or fewer where the process may open
	// fewer files.
	MaxConnections int
	// MaxConnectionsPerAddress (max-connections-per-address) is how many of them one
	// address may have, or one /64 of IPv6. 0: three quarters, because everybody may
	// come through one load balancer, and the rest is for who does not, such as a
	// health check.
	MaxConnectionsPerAddress int
	// RateLimitPerToken and RateLimitPerAddress (rate-limit-per-token,
	// rate-limit-per-address) are requests a second, of which a burst may have as many
	// as a second, but at least 10; those beyond are refused with 429. 0: no limit.
	RateLimitPerToken, RateLimitPerAddress float64
	// MaxRequests and MaxRequestsPerToken (max-requests, max-requests-per-token) are how
	// many requests may be under way at a time, apart from streams and long polls, and
	// from health checks, metrics, acks, nacks and extends, which have a quarter as much
	// each beside it. Those beyond are refused, the node's with 503, a token's with 429.
	// 0: no limit.
	MaxRequests, MaxRequestsPerToken int
	// MaxStreams and MaxStreamsPerToken (max-streams, max-streams-per-token) are how
	// many streams and long polls may be open. 0: no limit but that of connections.
	MaxStreams, MaxStreamsPerToken int
	// TrustedProxies (trusted-proxy) are networks or addresses of load balancers whose
	// X-Forwarded-For is believed. Empty: a caller's address is its connection's.
	TrustedProxies []string
	// DrainDelay (drain-delay) is how long a stopping node goes on serving while
	// /readyz already fails, so that the load balancer sees it. Zero: not at all.
	DrainDelay time.Duration
	// DrainTimeout (drain-timeout) is how long requests in flight may take to end
	// after the listener has closed. Positive.
	DrainTimeout time.Duration
	// AuthFile (auth-file) has the tokens of who may call the API, see
	// httpapi/access/authfile; it is read again when it changes. Empty: everybody may do
	// everything, so that HTTPAddr must be a loopback address.
	AuthFile string
	// Insecure (insecure) lets HTTPAddr be another address without AuthFile. Not with it.
	Insecure bool

	// LibsqlURL (libsql-url) is the primary: http, https, ws, wss or libsql for a
	// server, file:PATH for the embedded engine.
	LibsqlURL string
	// LibsqlReplicaURL (libsql-replica-url) is a server that reads go to. Empty:
	// the primary. Not with an embedded primary.
	LibsqlReplicaURL string
	// LibsqlToken (libsql-token) is the servers' authentication token. Empty: none.
	LibsqlToken string
	// OperationTimeout (operation-timeout) bounds one request's work in the
	// database. Positive.
	OperationTimeout time.Duration
	// MaxPendingWrites (max-pending-writes) is how many operations may wait for
	// the committer before the next one is refused with 429. Positive.
	MaxPendingWrites int
	// SlowOperation (slow-operation) is from how long on an operation, a group of them or
	// a statement is warned of in the log. 0: never. Not negative.
	SlowOperation time.Duration

	// NoGrouping (no-grouping) commits each operation in a transaction of its own and
	// answers each point read by a statement of its own. It is there to measure what
	// grouping saves, never for service. Unused with Database.
	NoGrouping bool

	// DefaultConsistency (default-consistency) is what a read under / gets when it
	// does not ask: session, strong or eventual.
	DefaultConsistency string
	// MaxValueBytes (max-value-bytes) is the largest value, in bytes of JSON.
	// 1 to MaxValueBytesLimit.
	MaxValueBytes int64
	// KVConnectMaxValueBytes (kvconnect-max-value-bytes) is the largest value over KV
	// Connect, in bytes of its encoding. 1 to KVConnectMaxValueBytesLimit.
	KVConnectMaxValueBytes int64
	// CleanupInterval (cleanup-interval) is the time between two sweeps of expired
	// entries and locks. Positive.
	CleanupInterval time.Duration
	// ChangelogRetention (changelog-retention) is how long a change can still be
	// resumed from. Positive.
	ChangelogRetention time.Duration
	// ChangelogMaxRows (changelog-max-rows) is the change log's hard limit; it wins
	// over ChangelogRetention. Positive.
	ChangelogMaxRows int64

	// NodeID (node-id) is this node's name in the cluster, for as long as it has
	// its data directory. Empty: a UUID, made once and kept in DataDir.
	NodeID string
	// DataDir (data-dir) holds the node's identity and raft's log. Made when it is
	// not there; unused with Ephemeral.
	DataDir string
	// Ephemeral (ephemeral) keeps nothing on disk: a new identity at every start.
	Ephemeral bool
	// ClusterName (cluster-name) is the label of every gossip packet: nodes of
	// another name are strangers.
	ClusterName string
	// GossipAddr (gossip-addr) is where gossip listens, as IP:PORT, over TCP and UDP.
	// No IP is every address of the machine.
	GossipAddr string
	// GossipAdvertise (gossip-advertise) is the IP or IP:PORT that other nodes reach
	// GossipAddr at, without a port that of GossipAddr. Empty: GossipAddr, or the
	// machine's private address if that is no single one.
	GossipAdvertise string
	// RaftAddr (raft-addr) is where raft listens, as IP:PORT or :PORT.
	RaftAddr string
	// RaftAdvertise (raft-advertise) is to RaftAddr what GossipAdvertise is to
	// GossipAddr.
	RaftAdvertise string
	// Join (join) are nodes to gossip with at first: host, HOST:PORT or a DNS name
	// with several addresses; without a port, GossipAddr's. Empty: a cluster of one.
	Join []string
	// GossipKeys (gossip-key) encrypt gossip: AES keys of 16, 24 or 32 bytes. The first
	// encrypts, all decrypt. Empty: gossip is in the clear.
	GossipKeys [][]byte
	// GossipKeyFile (gossip-key-file) is a file with such keys, which the node follows;
	// it takes the place of GossipKeys. Empty: none.
	GossipKeyFile string
	// RaftTLSCert, RaftTLSKey and RaftTLSCA (raft-tls-cert, raft-tls-key,
	// raft-tls-ca) are PEM files: nodes show each other the certificate and demand
	// one that the authority signed. All or none; none: raft without TLS.
	RaftTLSCert, RaftTLSKey, RaftTLSCA string
	// RaftTLSName (raft-tls-name) is a DNS name that the certificates of all nodes have,
	// and by which a node knows another one. Empty: it is known by the IP address that
	// it is reached at, which its certificate must have.
	RaftTLSName string

	// PprofAddr (pprof-addr) is where profiles of this process are served to everybody on
	// this machine, as HOST:PORT; the host is a loopback address or localhost, port 0 one
	// that the kernel chooses. Empty: nowhere.
	PprofAddr string

	// Database, if not nil, is an open database that nodes of one process share;
	// its owner closes it after them. Nil: the node opens LibsqlURL.
	Database *sqldb.DB
	// Reload has a node that Run runs read certificates and keys again, for each signal.
	// Nil: it does so only when their files change.
	Reload <-chan os.Signal
	// Version is reported by /cluster. Empty: "unknown".
	Version string
	// Stdout gets the line that says where a ready node serves. Nil: nowhere.
	Stdout io.Writer
	// AccessLog (access-log) has the Logger take a record for each request, when it ends.
	AccessLog bool
	// Logger takes the node's records. Nil: they are dropped.
	Logger *slog.Logger
	// Registerer and Gatherer are where metrics are registered and what
	// /metrics/prometheus shows. Both or none; nil: a registry of the node's own.
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer
	// TracerProvider makes spans, of requests and of what is done for them. Nil: none are
	// made.
	TracerProvider trace.TracerProvider
	// Propagator reads a caller's trace out of a request. Nil: W3C's traceparent.
	Propagator propagation.TextMapPropagator
}

// DefaultConfig is what `keyval serve` without any setting runs with: one node
// on loopback with an embedded database in the working directory.
func DefaultConfig() Config {
	return Config{
		HTTPAddr:           "127.0.0.1:8080",
		BasePath:           "/_/plugin-keyval",
		Compress:           true,
		MaxMemoryInFlight:  256 << 20,
		MaxRequests:        4096,
		MaxStreams:         20_000,
		DrainDelay:         2 * time.Second,
		DrainTimeout:       20 * time.Second,
		LibsqlURL:          "file:keyval.db",
		OperationTimeout:   30 * time.Second,
		MaxPendingWrites:   8192,
		SlowOperation:      time.Second,
		DefaultConsistency: ConsistencySession,
		MaxValueBytes:      1 << 20,

		KVConnectMaxValueBytes: 64 << 10,

		CleanupInterval:    60 * time.Second,
		ChangelogRetention: time.Hour,
		ChangelogMaxRows:   1_000_000,
		DataDir:            "./keyval-data",
		ClusterName:        "keyval",
		GossipAddr:         "127.0.0.1:7946",
		RaftAddr:           "127.0.0.1:7947",
	}
}
