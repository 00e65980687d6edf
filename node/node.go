package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/spans"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
	"github.com/buntime/keyval/queue"
	"github.com/buntime/keyval/watch"
)

// A Node is one running member of a cluster. Start makes it, Stop ends it.
type Node struct {
	cfg     Config
	log     *slog.Logger
	spans   spans.Tracer
	id      string
	boot    string
	started time.Time

	db      *sqldb.DB
	ownsDB  bool
	noRoom  atomic.Bool // the database cannot be opened for want of room
	store   *kv.Store
	queue   *queue.Queue
	changes *watch.Hub
	indexes *search.Indexes
	// indexWork is sent to when there may be an index to go on with.
	indexWork chan struct{}
	cluster   *cluster.Cluster
	joined    atomic.Bool // set once cluster may be rung
	api       *httpapi.Server
	listener  net.Listener
	tls       *liveTLS     // nil serves without
	secrets   *secrets     // nil until the node listens
	server    *http.Server // nil until something is served
	door      doorway
	keeper    *doorkeeper // nil lets everybody in
	profiler  *profiler   // nil serves no profiles

	serving  sync.WaitGroup
	failed   chan error
	stopping sync.Once
	stopped  chan struct{} // closed when the cluster has been left
	stopErr  error
	metrics  *nodeMetrics
}

// Start brings a node up, in this order, and returns when it is ready to
// serve. ctx bounds the starting. After an error nothing is left running.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := newNode(cfg)
	for _, step := range []func(context.Context) error{
		n.identify,
		n.admitTokens,
		n.listen,        // before the cluster, which tells others the address
		n.serveProfiles, // before all that may take long
		n.openSecrets,
		n.openDatabase, // which may take long: meanwhile /readyz says so
		n.openQueue,
		n.openWatch,
		n.openIndexes,
		n.registerMetrics,
		n.joinCluster,
		n.serve,
	} {
		if err := step(ctx); err != nil {
			n.abandon(ctx)
			return nil, err
		}
	}
	n.announce()
	return n, nil
}

func newNode(cfg Config) *Node {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Registerer == nil {
		registry := prometheus.NewRegistry()
		cfg.Registerer, cfg.Gatherer = registry, registry
	}
	if cfg.Version == "" {
		cfg.Version = "unknown"
	}
	return &Node{cfg: cfg, log: cfg.Logger, spans: spans.From(cfg.TracerProvider, "node"), boot: uuid.NewString(), started: time.Now(), metrics: newNodeMetrics(), failed: make(chan error, 1), indexWork: make(chan struct{}, 1), stopped: make(chan struct{})}
}

// identify finds out who this node is.
func (n *Node) identify(context.Context) (err error) {
	n.id, err = identity(n.cfg)
	return err
}

func (n *Node) openQueue(context.Context) (err error) {
	n.queue, err = queue.New(queue.Config{DB: n.db, Announce: n.announceQueues, Logger: n.log, Registerer: n.cfg.Registerer, TracerProvider: n.cfg.TracerProvider})
	return err
}

func (n *Node) openWatch(context.Context) error {
	n.changes = watch.New(watch.Config{
		DB: n.db, Store: n.store, Timeout: n.cfg.OperationTimeout, Logger: n.log, Registerer: n.cfg.Registerer,
		TracerProvider: n.cfg.TracerProvider})
	return nil
}

// listen takes the address, and looks at what answering on it needs.
func (n *Node) listen(ctx context.Context) (err error) {
	read, err := n.cfg.httpTLS()
	if err != nil {
		return err
	}
	if read != nil {
		n.tls = new(liveTLS)
		n.tls.current.Store(read)
	}
	n.listener, err = new(net.ListenConfig).Listen(ctx, cluster.OfFamily("tcp", n.cfg.HTTPAddr), n.cfg.HTTPAddr)
	if err == nil {
		if err := n.checkListener(n.listener.Addr()); err != nil {
			return err
		}
		return n.limitConnections()
	}
	return cannotUse("http-addr", err, "cannot listen on %s: %v", n.cfg.HTTPAddr, cause(err))
}

// serve begins to answer requests.
func (n *Node) serve(context.Context) (err error) {
	if n.api, err = httpapi.New(n.apiConfig()); err != nil {
		return err
	}
	n.open(n.api)
	n.serving.Go(n.watchCluster)
	n.serving.Go(n.passOnIndexWork)
	return nil
}

// open answers requests with handler from now on.
func (n *Node) open(handler http.Handler) {
	n.door.lead(handler)
	if n.server != nil {
		return // it serves already, and meets the new handler
	}
	listen := httpapi.ListenConfig{Handler: &n.door, OperationTimeout: n.cfg.OperationTimeout, Logger: n.log}
	if n.tls != nil {
		listen.TLS = n.tls.server()
	}
	n.server = httpapi.NewServer(listen)
	n.serving.Go(func() {
		var err error
		if n.tls != nil {
			err = n.server.ServeTLS(n.listener, "", "")
		} else {
			err = n.server.Serve(n.listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			n.fail(fmt.Errorf("serve: %w", err))
		}
	})
}

// A doorway is where requests come in before what they lead to is there.
type doorway struct{ to atomic.Pointer[http.Handler] }

func (d *doorway) lead(to http.Handler) { d.to.Store(&to) }

func (d *doorway) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*d.to.Load()).ServeHTTP(w, r) }

func (n *Node) announce() {
	n.log.Info("serving", "node", n.id, "url", n.URL(), "gossip", n.cluster.GossipAddr(), "raft", n.cluster.RaftAddr(),
		"database", RedactURL(n.cfg.LibsqlURL))
	if n.cfg.Stdout != nil {
		_, _ = fmt.Fprintf(n.cfg.Stdout, "keyval: serving on %s\n", n.URL())
	}
}

// URL is the address of the API.
func (n *Node) URL() string {
	scheme := "http"
	if n.cfg.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + n.listener.Addr().String()
}

// GossipAddr is what others join.
func (n *Node) GossipAddr() string { return n.cluster.GossipAddr() }

// Failed delivers the error that ends the node, if there is one.
func (n *Node) Failed() <-chan error { return n.failed }

func (n *Node) fail(err error) {
	select {
	case n.failed <- err:
	default:
	}
}
