package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/spans"
	"github.com/buntime/keyval/internal/sqldb"
)

// Config is what New needs.
type Config struct {
	// DB is the database. Required. It must outlive the Queue.
	DB *sqldb.DB
	// Announce is told of queues that have new or finished messages, for the
	// dispatchers of other nodes: see Queue.Notify. It must not block, and
	// may be called by several goroutines at once. Nil: nobody is told.
	Announce func(queues []string)
	// LookInterval is how often the database is asked for messages that
	// nothing is heard of, in one statement for all who wait; 0 means 2 s.
	LookInterval time.Duration
	// Logger hears of messages that could not be given back; nil discards.
	Logger *slog.Logger
	// Registerer gets the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
	// TracerProvider makes spans of what is sent, received and settled, below those of
	// requests; nil makes none. What a message knows of its sender is kept without it.
	TracerProvider trace.TracerProvider
}

// Validate names the first field that New could not work with.
func (c Config) Validate() error {
	switch {
	case c.DB == nil:
		return errors.New("queue: Config.DB is nil")
	case c.LookInterval < 0:
		return fmt.Errorf("queue: Config.LookInterval is %v, want 0 or more", c.LookInterval)
	}
	return nil
}

// A Queue is one node's access to all queues of a database. It is safe for
// concurrent use; all nodes' Queues on one database share its messages.
type Queue struct {
	db         *sqldb.DB
	log        *slog.Logger
	announce   func([]string)
	metrics    *metrics
	tracer     spans.Tracer
	sampler    sampler
	dispatcher *dispatcher
}

// New makes a Queue and starts its dispatcher, which Close stops.
func New(cfg Config) (*Queue, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.LookInterval == 0 {
		cfg.LookInterval = 2 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Announce == nil {
		cfg.Announce = func([]string) {}
	}
	cfg.DB.Call(statementNames)
	q := &Queue{db: cfg.DB, log: cfg.Logger, announce: cfg.Announce, tracer: spans.From(cfg.TracerProvider, "queue")}
	q.metrics = newMetrics(q)
	q.dispatcher = newDispatcher(q, cfg.LookInterval)
	q.metrics.register(cfg.Registerer)
	return q, nil
}

// Close answers everyone who waits with nothing, and gives back what has been
// taken for nobody. Listeners must still be closed by those who opened them.
// Twice is safe.
func (q *Queue) Close() { q.dispatcher.close() }

// Notify tells this node that queues may have new or finished messages which
// another node has committed. It is a hint: too many of them, in any order, do
// no harm, and without any the same is found by a look once in a while. It does
// not block.
func (q *Queue) Notify(queues ...string) { q.dispatcher.notify(queues) }

// NotifyAll is Notify for whatever queues there are.
func (q *Queue) NotifyAll() { q.dispatcher.notifyAll() }

// arrived tells this node and others that a message of the queue will be ready
// in delay milliseconds.
func (q *Queue) arrived(name string, delay int64) {
	q.dispatcher.arrived(name, delay)
	q.announce([]string{name})
}

// A delivery is one that has ended, of whichever message.
type delivery struct {
	queue, id string
	receipt   receipt
}

// finished tells whoever had the message out that its delivery has ended: a
// listener of this node, or one of another.
func (q *Queue) finished(d delivery) {
	if q.finishedElsewhere(d) {
		q.announce([]string{d.queue})
	}
}

// finishedElsewhere is finished but for the announcement, and tells whether that is
// needed.
func (q *Queue) finishedElsewhere(d delivery) bool {
	return !q.dispatcher.finished(d) && d.receipt.byListener()
}
