package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/keys"
	"github.com/buntime/keyval/httpapi/operate"
	"github.com/buntime/keyval/httpapi/queues"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/search"
	"github.com/buntime/keyval/httpapi/watches"
	"github.com/buntime/keyval/kv"
)

// What rooms need of a node, under the names that Config has for it.
type (
	// Store is the database behind the key routes.
	Store = keys.Store
	// Queue is the node's access to the queues.
	Queue = queues.Queue
	// Watch follows the change log.
	Watch = watches.Watch
	// Indexes are the full-text indexes.
	Indexes = search.Indexes
	// Cluster is what a node knows of the others.
	Cluster = operate.Cluster
	// Check is one condition of readiness.
	Check = operate.Check
	// Limits are how much may be asked at a time, and how fast.
	Limits = access.GateConfig
)

// Config is what New needs.
type Config struct {
	// Store is the database. Required.
	Store keys.Store
	// Queue is the node's access to the queues; nil: there are none, and enqueue
	// is refused.
	Queue Queue
	// Watch follows the change log; nil: there are no watch routes.
	Watch Watch
	// Indexes are the full-text indexes; nil: there are none, and no routes for them.
	Indexes Indexes
	// IndexCounts is what GET /cluster tells about the indexes; nil: nothing.
	IndexCounts func(context.Context) *api.ClusterIndexes
	// Cluster is what GET /cluster tells about the other nodes; nil: a node that
	// knows no other.
	Cluster Cluster
	// Node is what GET /cluster tells about this node.
	Node api.ClusterNode
	// Positions is how far this node knows the database and has read it; nil:
	// GET /cluster tells none.
	Positions func() api.Positions
	// Checks must all pass for GET /readyz to answer 200.
	Checks []operate.Check

	// Authority knows who may do what; nil: everybody may do everything.
	Authority *access.Authority
	// TicketKey is the secret with which the nodes of a cluster sign tickets; nil: one of
	// this handler's own.
	TicketKey func(context.Context) ([]byte, error)

	// PublicURL is where clients of KV Connect reach this node, or what balances its load;
	// "" where they find it beside what they have asked.
	PublicURL string
	// KVConnectMaxValueBytes is the largest value over KV Connect. Zero: Deno's 64 KiB.
	KVConnectMaxValueBytes int
	// DataTokenLife is how long KV Connect's data tokens can be used. Zero: a day.
	DataTokenLife time.Duration

	// BasePath is where the dialect of the original JavaScript client is mounted,
	// such as "/_/plugin-keyval"; "" for nowhere.
	BasePath string
	// DefaultConsistency is what a read under "/" gets when it does not ask.
	DefaultConsistency kv.Consistency
	// OperationTimeout bounds a request's work in the database. Positive.
	OperationTimeout time.Duration
	// MaxValueBytes is the largest value, in bytes of JSON. Positive.
	MaxValueBytes int
	// Compress lets answers from 1 KiB on be compressed for callers that accept gzip.
	Compress bool
	// MaxMemoryInFlight bounds the bytes that bodies and answers take at a time. Zero:
	// 256 MiB.
	MaxMemoryInFlight int64
	// Limits refuse what is more than they say; their Registerer is Config's. Zero: none.
	Limits Limits
	// TrustedProxies are networks of load balancers, whose X-Forwarded-For is believed.
	// Empty: a caller's address is its connection's.
	TrustedProxies []netip.Prefix
	// Patience is how long a reader may take nothing. Zero: 30 seconds.
	Patience time.Duration
	// CORSOrigins are the origins, such as https://app.example, whose pages may
	// call the API; "*" for any. Empty: same origin only.
	CORSOrigins []string
	// Loopback says that the listener has a loopback address: then a request whose
	// Host is no loopback name is refused, unless AllowedHosts has its name. Such a
	// request comes from a page whose name an attacker has pointed here.
	Loopback     bool
	AllowedHosts []string

	// AccessLog has the Logger take a record for each request, when it ends.
	AccessLog bool
	// Logger takes one record for each failure of ours. Nil: they are dropped.
	Logger *slog.Logger
	// Registerer takes the metrics, Gatherer is what GET /metrics/prometheus
	// shows. Nil: a registry of the handler's own.
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer
	// TracerProvider makes the spans of requests; nil: none are made.
	TracerProvider trace.TracerProvider
	// Propagator reads the caller's trace out of a request; nil: W3C's traceparent.
	Propagator propagation.TextMapPropagator
	// Snapshots are sections of the JSON of GET /metrics beside those of the rooms.
	Snapshots map[string]route.Section
}

// Validate names the first field that New could not work with.
func (c Config) Validate() error {
	switch {
	case c.Store == nil:
		return errors.New("httpapi: Config.Store is nil")
	case c.OperationTimeout <= 0:
		return fmt.Errorf("httpapi: Config.OperationTimeout is %v, want more than 0", c.OperationTimeout)
	case c.MaxValueBytes <= 0:
		return fmt.Errorf("httpapi: Config.MaxValueBytes is %d, want more than 0", c.MaxValueBytes)
	case c.MaxMemoryInFlight < 0:
		return fmt.Errorf("httpapi: Config.MaxMemoryInFlight is %d, want more than 0", c.MaxMemoryInFlight)
	case (c.Registerer == nil) != (c.Gatherer == nil):
		return errors.New("httpapi: Config.Registerer and Config.Gatherer must be given together")
	}
	return validateBasePath(c.BasePath)
}

func validateBasePath(path string) error {
	if path == "" {
		return nil
	}
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") || strings.ContainsAny(path, "{}*?#% ") {
		return fmt.Errorf("httpapi: Config.BasePath is %q, want a path that begins with / and does not end with it", path)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Authority == nil {
		c.Authority = new(access.Authority)
	}
	if c.TicketKey == nil {
		c.TicketKey = ownTicketKey()
	}
	if c.Registerer == nil {
		registry := prometheus.NewRegistry()
		c.Registerer, c.Gatherer = registry, registry
	}
	return c
}
