package route

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/buntime/keyval/httpapi/access"
)

// Config is what New needs.
type Config struct {
	// OperationTimeout bounds a request's work in the database. Positive.
	OperationTimeout time.Duration
	// Compress lets answers from 1 KiB on be compressed for callers that accept gzip.
	Compress bool
	// MaxMemoryInFlight bounds the bytes that bodies and answers take at a time. Zero:
	// 256 MiB.
	MaxMemoryInFlight int64
	// Patience is how long a reader may take nothing. Zero: 30 seconds.
	Patience time.Duration
	// Admit refuses a request, whoever sends it, before anything of it is read. Nil: it
	// refuses none.
	Admit func(*Route, *http.Request) error
	// Authority knows who may call what else. Nil: everybody may call everything.
	Authority *access.Authority
	// Redeem is what the bearer of a ticket may. Nil: there are no tickets.
	Redeem func(ctx context.Context, ticket string) (*access.Grant, error)
	// RedeemData is what the bearer of a request's credentials may, where data tokens are
	// among them. Nil: no route takes those.
	RedeemData func(ctx context.Context, header http.Header, certificate string) (*access.Grant, error)
	// Gate refuses what is too much before anything of a request's body is read. Nil:
	// nothing is. Proxies are those whose word for the caller's address is taken.
	Gate    *access.Gate
	Proxies access.Proxies
	// Errors are the errors of what all rooms call: see Frame.Know.
	Errors []ErrorRow
	// AccessLog has the Logger take a record for each request, when it ends.
	AccessLog bool
	// Logger takes one record for each failure of ours. Required.
	Logger *slog.Logger
	// Registerer takes the metrics. Required.
	Registerer prometheus.Registerer
	// TracerProvider makes the spans of requests; nil: none are made.
	TracerProvider trace.TracerProvider
	// Propagator reads the caller's trace out of a request; nil: W3C's traceparent.
	Propagator propagation.TextMapPropagator
}

// A Frame is what all calls have in common.
type Frame struct {
	cfg     Config
	errors  []ErrorRow
	metrics *metrics
	tracing tracing
	buffers bufferPool
	memory  *budget
	// failures bounds how many of them are warned of, refusals how many are in the audit.
	failures *rate.Limiter
	refusals *rate.Limiter

	draining atomic.Bool
	// waits ends when routes that wait must return.
	waits    context.Context
	endWaits context.CancelFunc
}

// New makes a frame. It starts nothing.
func New(cfg Config) (*Frame, error) {
	if cfg.MaxMemoryInFlight == 0 {
		cfg.MaxMemoryInFlight = defaultMemoryInFlight
	}
	if cfg.Patience == 0 {
		cfg.Patience = SlowGrace
	}
	if cfg.Authority == nil {
		cfg.Authority = new(access.Authority)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	f := &Frame{
		cfg: cfg, errors: slices.Concat(accessErrors, cfg.Errors), metrics: m, tracing: newTracing(cfg.TracerProvider, cfg.Propagator),
		memory: newBudget(cfg.MaxMemoryInFlight), failures: newFailureLimit(), refusals: rate.NewLimiter(rate.Every(refusalPause), loggedRefusals),
	}
	f.waits, f.endWaits = context.WithCancel(context.Background())
	return f, errors.Join(f.memory.register(cfg.Registerer), f.registerDraining(cfg.Registerer))
}

// registerDraining shows whether the node drains.
func (f *Frame) registerDraining(to prometheus.Registerer) error {
	return to.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "keyval_http_draining",
		Help: "1 from the moment on that the node has been told to stop, 0 before.",
	}, func() float64 {
		if f.Draining() {
			return 1
		}
		return 0
	}))
}

// Drain marks the node as draining and asks HTTP/1 clients to close their
// connections. Requests are still served.
func (f *Frame) Drain() { f.draining.Store(true) }

// Draining tells whether the node drains.
func (f *Frame) Draining() bool { return f.draining.Load() }

// EndWaits ends the contexts of all routes that wait, now and from now on.
func (f *Frame) EndWaits() { f.endWaits() }

// Waits is the context of what waits, whoever it waits for.
func (f *Frame) Waits() context.Context { return f.waits }

// Logger takes records about what no call answers for.
func (f *Frame) Logger() *slog.Logger { return f.cfg.Logger }
