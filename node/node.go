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
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
	"github.com/buntime/keyval/watch"
)

// A Node is one running member of a cluster. Start makes it, Stop ends it.
type Node struct {
	cfg     Config
	log     *slog.Logger
	id      string
	boot    string
	started time.Time

	db       *sqldb.DB
	ownsDB   bool
	store    *kv.Store
	queue    *queue.Queue
	changes  *watch.Hub
	cluster  *cluster.Cluster
	joined   atomic.Bool // set once cluster may be rung
	api      *httpapi.Server
	listener net.Listener
	server   *http.Server

	serving  sync.WaitGroup
	failed   chan error
	stopping sync.Once
	stopped  chan struct{} // closed when the cluster has been left
	stopErr  error
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
		n.openDatabase,
		n.listen, // before the cluster, which tells others the address
		n.openQueue,
		n.openWatch,
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
	return &Node{cfg: cfg, log: cfg.Logger, boot: uuid.NewString(), started: time.Now(), failed: make(chan error, 1), stopped: make(chan struct{})}
}

// identify finds out who this node is.
func (n *Node) identify(context.Context) (err error) {
	n.id, err = identity(n.cfg)
	return err
}

// openDatabase opens and migrates it, unless another node of this process
// has.
func (n *Node) openDatabase(ctx context.Context) error {
	if n.db = n.cfg.Database; n.db == nil {
		db, err := OpenDatabase(ctx, n.cfg)
		if err != nil {
			return err
		}
		n.db, n.ownsDB = db, true
	}
	n.store = kv.New(n.db, kv.Config{MaxValueBytes: int(n.cfg.MaxValueBytes)})
	return nil
}

func (n *Node) openQueue(context.Context) (err error) {
	n.queue, err = queue.New(queue.Config{DB: n.db, Announce: n.announceQueues, Logger: n.log, Registerer: n.cfg.Registerer})
	return err
}

func (n *Node) openWatch(context.Context) error {
	n.changes = watch.New(watch.Config{
		DB: n.db, Store: n.store, Timeout: n.cfg.OperationTimeout, Logger: n.log, Registerer: n.cfg.Registerer})
	return nil
}

// OpenDatabase opens the database of cfg, for nodes that share it in one
// process.
func OpenDatabase(ctx context.Context, cfg Config) (*sqldb.DB, error) {
	db, err := sqldb.Open(ctx, sqldb.Config{
		PrimaryURL: cfg.LibsqlURL,
		ReplicaURL: cfg.LibsqlReplicaURL,
		Token:      cfg.LibsqlToken,
		MaxPending: cfg.MaxPendingWrites,
		Logger:     cfg.Logger,
		Registerer: cfg.Registerer,
	})
	switch {
	case errors.Is(err, sqldb.ErrForeignDatabase), errors.Is(err, sqldb.ErrNewerSchema):
		return nil, badSetting("libsql-url", "%v", err)
	case err != nil:
		return nil, fmt.Errorf("open the database %s: %w", RedactURL(cfg.LibsqlURL), err)
	}
	return db, nil
}

func (n *Node) listen(ctx context.Context) (err error) {
	n.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", n.cfg.HTTPAddr)
	if err != nil {
		return badSetting("http-addr", "cannot listen on %s: %v", n.cfg.HTTPAddr, cause(err))
	}
	return nil
}

// cause is the innermost error: the outer ones repeat the address.
func cause(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}

// serve begins to answer requests.
func (n *Node) serve(context.Context) error {
	tls, err := n.cfg.httpTLS()
	if err != nil {
		return err
	}
	if n.api, err = httpapi.New(n.apiConfig()); err != nil {
		return err
	}
	n.server = httpapi.NewServer(httpapi.ListenConfig{Handler: n.api, TLS: tls, Logger: n.log})
	n.serving.Go(func() {
		var err error
		if tls != nil {
			err = n.server.ServeTLS(n.listener, "", "")
		} else {
			err = n.server.Serve(n.listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			n.fail(fmt.Errorf("serve: %w", err))
		}
	})
	n.serving.Go(n.watchCluster)
	return nil
}

func (n *Node) announce() {
	n.log.Info("serving", "node", n.id, "url", n.URL(), "gossip", n.cluster.GossipAddr(), "raft", n.cluster.RaftAddr())
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

// ID is the node's name in the cluster.
func (n *Node) ID() string { return n.id }

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
