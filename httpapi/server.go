package httpapi

import (
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/semaphore"
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
	// inFlight bounds the bytes of large answers.
	inFlight *semaphore.Weighted
	// snapshots are the sections of the JSON of GET /metrics.
	snapshots map[string]func(context.Context) (any, error)

	draining atomic.Bool
	// waits ends when routes that wait must return.
	waits    context.Context
	endWaits context.CancelFunc
	idle     idleStreams
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
		inFlight: semaphore.NewWeighted(maxInFlightBytes),
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
// it does not know: EndWaits itself waits for them, up to a second.
func (s *Server) EndWaits() {
	s.endWaits()
	s.idle.drain()
}

// ListenConfig is what NewServer makes an http.Server from.
type ListenConfig struct {
	Handler http.Handler
	// TLS is nil for plain HTTP/1.1 and h2c on the same port.
	TLS *tls.Config
	// ReadTimeout bounds the reading of a request, header and body. It does not
	// end streams. Zero: one minute.
	ReadTimeout time.Duration
	// Logger takes what net/http has to say about connections. Nil: nothing.
	Logger *slog.Logger
}

// NewServer makes an http.Server for the API: HTTP/1.1 and HTTP/2, the latter also
// without TLS, which clients with prior knowledge use. There is no write timeout,
// because streams have no end; slow readers are dealt with where answers are
// written.
func NewServer(cfg ListenConfig) *http.Server {
	const maxHeaderBytes = 1 << 20 // a thousand keys in the query of GET /watch
	server := &http.Server{
		Handler:           cfg.Handler,
		TLSConfig:         cfg.TLS,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       cfg.ReadTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 1000},
	}
	if server.ReadTimeout == 0 {
		server.ReadTimeout = time.Minute
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	if cfg.Logger != nil {
		server.ErrorLog = slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug)
	}
	return server
}
