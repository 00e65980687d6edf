package watch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/spans"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// A Store reads the state that a stream or a poll begins with. *kv.Store is
// one.
type Store interface {
	Get(ctx context.Context, keys []kv.Key, opts kv.ReadOptions) ([]kv.Entry, kv.Versionstamp, error)
	List(ctx context.Context, sel kv.Selector, opts kv.ReadOptions) (kv.Page, error)
	Transaction(ctx context.Context, req kv.TransactionRequest) (kv.TransactionResult, error)
}

// Config is what a Hub needs.
type Config struct {
	// DB is the database whose change log is followed. Required.
	DB *sqldb.DB
	// Store reads its entries. Required.
	Store Store
	// Interval is how often the change log is read when nothing tells of a
	// commit; 0 means 1 s.
	Interval time.Duration
	// Timeout bounds one answer of the database to a client that starts or
	// polls; 0 means 30 s.
	Timeout time.Duration
	// Logger hears of failures of the tailer; nil discards.
	Logger *slog.Logger
	// Registerer gets the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
	// TracerProvider makes the spans of what is delivered; nil: none are made.
	TracerProvider trace.TracerProvider
}

// A Hub follows the change log for all streams of a node.
type Hub struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	changes *changelog
	commits commitTimes
	spans   spans.Tracer
	callers callers

	hint newest        // newest position that is said to exist
	wake chan struct{} // has room for one
	held account
	slow chan struct{} // a place for each stream that holds a stretch of the log

	life context.Context // ends with Close
	stop context.CancelFunc
	done chan struct{}

	// delivered tells, to the tailer, whether its last round of reading had
	// anything that somebody watches.
	delivered bool
	// lag is the tailer's, too.
	lag lag

	// passed is the position up to which all streams that are level have been
	// given what they watch.
	passed newest

	mu      sync.Mutex // covers what follows
	streams index
	window  window
	count   int
	left    time.Time // when the last stream went
	// position is how far the tailer has read, "" while it is parked: a new
	// stream is given what comes after it.
	position kv.Versionstamp
	starting chan struct{} // closed when the start under way is over; nil for none
}

const (
	// parkAfter is how long the tailer goes on when nobody watches: polls come
	// back.
	parkAfter = 15 * time.Second
	// maxSlow is how many streams may hold a stretch of the log at a time, of
	// stretchBytes each.
	maxSlow = 128
)

// New makes a Hub and starts its tailer. Close ends it.
func New(cfg Config) *Hub {
	if cfg.Interval == 0 {
		cfg.Interval = time.Second
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Hub{
		cfg: cfg, log: cfg.Logger,
		wake: make(chan struct{}, 1), slow: make(chan struct{}, maxSlow), done: make(chan struct{}),
		streams: newIndex(), spans: spans.From(cfg.TracerProvider, "watch"),
	}
	h.metrics = newMetrics(cfg.Registerer, h)
	h.changes = &changelog{db: cfg.DB, metrics: h.metrics, catchingUp: make(chan struct{}, catchUpReads)}
	h.life, h.stop = context.WithCancel(context.Background())
	cfg.DB.Call(statementNames)
	cfg.DB.OnCommit(h.committed)
	go func() {
		defer close(h.done)
		h.tail(h.life)
	}()
	return h
}

// Close ends all streams with ErrClosed and waits for the tailer. Twice is
// safe.
func (h *Hub) Close() {
	h.stop()
	<-h.done
	h.mu.Lock()
	defer h.mu.Unlock()
	h.endAllLocked(ErrClosed)
}

// Hint says that the database has come to a position: the cluster's doorbell.
// It does not block, and may be called with anything, in any order.
func (h *Hub) Hint(v kv.Versionstamp) {
	if h.hint.raise(v) {
		h.ring()
	}
}

// HintFrom is Hint by one who may be traced: what is delivered then is linked with that.
func (h *Hub) HintFrom(ctx context.Context, v kv.Versionstamp) {
	if h.spans.Records(ctx) {
		h.callers.note(v, trace.SpanContextFromContext(ctx))
	}
	h.Hint(v)
}

func (h *Hub) committed(ctx context.Context, p sqldb.Position) {
	v := kv.Versionstamp(p)
	h.commits.note(v, time.Now())
	h.HintFrom(ctx, v)
}

func (h *Hub) ring() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Position is how far the tailer has read. While nobody watches it reads
// nothing, and it is the newest position that the node knows of.
func (h *Hub) Position() kv.Versionstamp {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.position == "" {
		return h.hint.load()
	}
	return h.position
}

// behind is how many transactions the tailer knows of and has not read.
func (h *Hub) behind() uint64 { return between(h.Position(), h.hint.load()) }

// between is how many transactions there are after a position up to a newer one. How many
// an incarnation had before it ended is not known.
func between(position, newest kv.Versionstamp) uint64 {
	if newest <= position || newest.Incarnation() != position.Incarnation() {
		return 0
	}
	return newest.Transaction() - position.Transaction()
}

// attach enters a stream into the index. A live one is given everything after
// the position that attach returns; another one is behind. The first stream
// starts the tailer.
func (h *Hub) attach(ctx context.Context, s *Stream, live bool) (kv.Versionstamp, error) {
	for {
		h.mu.Lock()
		if h.life.Err() != nil {
			h.mu.Unlock()
			return "", ErrClosed
		}
		if h.position != "" {
			h.streams.add(s)
			h.count++
			s.live = live
			position := h.position
			h.mu.Unlock()
			return position, nil
		}
		started := h.starting
		if started == nil {
			started = make(chan struct{})
			h.starting = started
			h.mu.Unlock()
			err := h.start(ctx)
			close(started)
			if err != nil {
				return "", err
			}
			continue
		}
		h.mu.Unlock()
		select {
		case <-started:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// start gives a parked tailer a position, and the end of the log for clients
// that come back.
func (h *Hub) start(ctx context.Context) error {
	b, from, err := h.changes.recent(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starting = nil
	if err != nil {
		return err
	}
	h.position, h.window, h.left = b.end, window{start: from}, time.Now()
	h.window.add(b.changes)
	// Nobody is level yet. A replica may be behind what had passed before.
	h.passed.store(b.end)
	h.ring()
	return nil
}

// park tells whether the tailer has nothing to do, because nobody has watched
// for a while.
func (h *Hub) park() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.position != "" && h.count == 0 && time.Since(h.left) > parkAfter {
		h.position, h.window = "", window{}
	}
	return h.position == ""
}

func (h *Hub) detach(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams.remove(s)
	h.count--
	h.left = time.Now()
}

// endAllLocked ends all streams with an error.
func (h *Hub) endAllLocked(err error) {
	for _, watched := range []map[kv.Key][]*Stream{h.streams.exact, h.streams.prefixes} {
		for _, streams := range watched {
			for _, s := range streams {
				s.end(err)
			}
		}
	}
}

// Streams is how many streams and waiting polls are open.
func (h *Hub) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// bounded gives one answer of the database its time.
func (h *Hub) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, h.cfg.Timeout, kv.ErrTimeout)
}

// failure says what an error means to a client.
func failure(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return kv.ErrTimeout
	}
	return err
}
