package httpapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/time/rate"
)

// Server is the REST API as an http.Handler.
type Server struct {
	cfg     Config
	table   []route
	mux     *chi.Mux
	handler http.Handler // mux behind CORS
	origins origins
	hosts   hosts
	// document is OpenAPI, made when it is first asked for.
	document func() ([]byte, error)
	metrics  *metrics
	tracing  tracing
	buffers  bufferPool
	// failures bounds how many of them are warned of.
	failures *rate.Limiter
	// patience is how long a reader may take nothing.
	patience time.Duration
	// memory bounds the bytes of bodies and answers.
	memory *budget
	// snapshots are the sections of the JSON of GET /metrics.
	snapshots map[string]func(context.Context) (any, error)

	draining atomic.Bool
	// waits ends when routes that wait must return.
	waits    context.Context
	endWaits context.CancelFunc
	streams  streams
}

// New makes the handler of the whole API. It starts nothing; close it with Drain
// and EndWaits so that streams end.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, mux: chi.NewMux(), metrics: m, tracing: newTracing(cfg.TracerProvider), failures: newFailureLimit(),
		memory: newBudget(cfg.MaxMemoryInFlight), patience: slowGrace,
	}
	if err := s.memory.register(cfg.Registerer); err != nil {
		return nil, err
	}
	s.origins, s.hosts = newOrigins(cfg.CORSOrigins), newHosts(cfg.AllowedHosts)
	s.waits, s.endWaits = context.WithCancel(context.Background())
	s.snapshots = maps.Clone(cfg.Snapshots)
	if cfg.Queue != nil {
		if s.snapshots == nil {
			s.snapshots = map[string]func(context.Context) (any, error){}
		}
		s.snapshots["queue"] = s.queueSnapshot
	}
	s.mux.Use(routeBySentPath)
	s.table = s.routes()
	s.document = sync.OnceValues(s.describe)
	s.mux.NotFound(s.unmatched(s.notFound))
	s.mux.MethodNotAllowed(s.unmatched(s.methodNotAllowed))
	for _, d := range s.dialects() {
		s.mount(s.mux, d)
	}
	s.handler = s.origins.cors(s.mux)
	return s, nil
}

func (s *Server) dialects() []*dialect {
	all := []*dialect{{}}
	if s.cfg.BasePath != "" {
		all = append(all, &dialect{base: s.cfg.BasePath, original: true})
	}
	return all
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Drain makes GET /readyz fail and asks HTTP/1 clients to close their
// connections. Requests are still served.
func (s *Server) Drain() { s.draining.Store(true) }

// EndWaits ends all streams and long polls, now and from now on. Call it before
// http.Server.Shutdown, which would wait for them, except for those streams that
// it does not know: EndWaits itself waits for streams, up to a second, and then cuts
// off those that are stuck in a write.
func (s *Server) EndWaits() {
	s.endWaits()
	s.streams.drain()
}

// ListenConfig is what NewServer makes an http.Server from.
type ListenConfig struct {
	Handler http.Handler
	// TLS is nil for plain HTTP/1.1 and h2c on the same port.
	TLS *tls.Config
	// ReadTimeout bounds the reading of a request, header and body. It does not
	// end streams. Zero: one minute.
	ReadTimeout time.Duration
	// OperationTimeout is the Handler's, and how long it may take to answer what has
	// been read. Zero: 30 seconds.
	OperationTimeout time.Duration
	// WriteGrace is how long a reader may take nothing of what the Handler writes
	// without saying so. Zero: 30 seconds.
	WriteGrace time.Duration
	// Logger takes what net/http has to say about connections. Nil: nothing.
	Logger *slog.Logger
}

// maxStreams is how many requests one HTTP/2 connection may have under way: as many as
// browsers and other servers expect, RFC 9113, 6.5.2, and not so many that one
// connection is as good as a thousand.
const maxStreams = 100

// NewServer makes an http.Server for the API: HTTP/1.1 and HTTP/2, the latter also
// without TLS, which clients with prior knowledge use. Slow readers are dealt with where
// answers are written; the server's own timeout is for what is written elsewhere, and is
// longer than any request takes.
func NewServer(cfg ListenConfig) *http.Server {
	const maxHeaderBytes = 1 << 20 // a thousand keys in the query of GET /watch
	cfg.ReadTimeout, cfg.OperationTimeout = cmp.Or(cfg.ReadTimeout, time.Minute), cmp.Or(cfg.OperationTimeout, 30*time.Second)
	grace := cmp.Or(cfg.WriteGrace, slowGrace)
	server := &http.Server{
		Handler:           cfg.Handler,
		TLSConfig:         cfg.TLS,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       cfg.ReadTimeout,
		WriteTimeout:      cfg.ReadTimeout + cfg.OperationTimeout + grace,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
		// The write timeout is HTTP/2's for streams; a connection through which nothing
		// goes at all has another.
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: grace},
		ConnContext: withConn,
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	if cfg.Logger != nil {
		server.ErrorLog = slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug)
	}
	return server
}

// connKey is where a request's context has its connection.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}
