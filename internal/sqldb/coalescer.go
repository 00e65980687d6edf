package sqldb

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/spans"
)

// Bounds of merged point reads.
const (
	coalesceKeys = 512
	// coalesceBatches are in flight at once to a server. An embedded engine
	// gets one: a second would only make both smaller.
	coalesceBatches = 2
	coalesceTimeout = 10 * time.Second
	// manyKeys is from how many keys on a read is merged with its like alone, so that
	// small ones pass it.
	manyKeys = 64
	// maxWaitingKeys bounds the keys that wait for a batch.
	maxWaitingKeys = 1 << 15
)

// A Coalescer merges point reads that come while others are in flight into
// one statement.
type Coalescer[V any] struct {
	db    *DB
	fetch func(ctx context.Context, r Reader, keys []string) ([]V, Position, error)
	mu    sync.Mutex
	lanes map[road]*lane[V]
}

// A road is where reads are merged: those of few keys to one database, or of many.
type road struct {
	reader *source
	many   bool
}

// NewCoalescer merges calls of fetch, which returns a value for each key, in
// order, and the position of the snapshot.
func NewCoalescer[V any](db *DB, fetch func(ctx context.Context, r Reader, keys []string) ([]V, Position, error)) *Coalescer[V] {
	return &Coalescer[V]{db: db, fetch: fetch, lanes: map[road]*lane[V]{}}
}

// Get reads the values of keys, all from one snapshot. ErrTooLarge is for values that do
// not fit one answer, ErrOverloaded for keys too many to wait.
func (c *Coalescer[V]) Get(ctx context.Context, fresh Freshness, keys []string) ([]V, Position, error) {
	var values []V
	var position Position
	ctx, span := c.db.beginRead(ctx, len(keys))
	err := c.db.Read(ctx, fresh, func(ctx context.Context, r Reader) (Position, error) {
		var err error
		// A Reader is always one of ours.
		values, position, err = c.lane(road{r.(*source), len(keys) > manyKeys}).get(ctx, keys)
		return position, err
	})
	endRead(span, err)
	return values, position, err
}

func (c *Coalescer[V]) lane(r road) *lane[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[r]
	if l == nil {
		l = &lane[V]{coalescer: c, reader: r.reader, wake: make(chan struct{}, coalesceBatches)}
		c.lanes[r] = l
		l.start()
	}
	return l
}

// A lane is the traffic on a road. Its workers live as long as the
// database is open: a new goroutine for each batch would have to grow its
// stack for the engine each time.
type lane[V any] struct {
	coalescer *Coalescer[V]
	reader    *source
	wake      chan struct{}

	mu      sync.Mutex // covers what follows, and lookups and batches
	waiting []*lookup[V]
	keys    int // of those that wait
	gone    int // of waiting, how many nobody waits for any more
	closed  bool
}

type lookup[V any] struct {
	keys     []string
	traced   *tracedRead // nil if it is not
	batch    *batch      // while somebody waits for it in one
	gone     bool        // nobody waits for it any more
	values   []V
	position Position
	err      error
	done     chan struct{}
}

// A batch is one statement under way, until nobody waits for it any more.
type batch struct {
	callers int
	cancel  context.CancelFunc
}

func (l *lane[V]) start() {
	workers := coalesceBatches
	if l.reader.engine.embedded {
		workers = 1
	}
	for range workers {
		l.coalescer.db.workers.Go(l.work)
	}
}

func (l *lane[V]) get(ctx context.Context, keys []string) ([]V, Position, error) {
	look := &lookup[V]{keys: keys, traced: l.coalescer.db.traced(ctx), done: make(chan struct{})}
	if err := l.join(look); err != nil {
		return nil, "", err
	}
	select {
	case l.wake <- struct{}{}:
	default: // all workers have been called
	}
	select {
	case <-look.done:
		return look.values, look.position, look.err
	case <-ctx.Done():
		l.leave(look)
		return nil, "", ended(ctx)
	}
}

func (l *lane[V]) join(look *lookup[V]) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrUnavailable
	case l.keys > 0 && l.keys+len(look.keys) > maxWaitingKeys:
		return ErrOverloaded
	}
	l.waiting = append(l.waiting, look)
	l.keys += len(look.keys)
	return nil
}

// leave is for a lookup whose caller has gone: it is not read any more.
func (l *lane[V]) leave(look *lookup[V]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-look.done:
		return
	default:
	}
	if look.batch != nil {
		look.leaveBatch()
		return
	}
	l.keys -= len(look.keys)
	look.keys, look.gone = nil, true
	if l.gone++; l.gone > len(l.waiting)/2 {
		l.waiting = slices.DeleteFunc(l.waiting, func(look *lookup[V]) bool { return look.gone })
		l.gone = 0
	}
}

// work reads batch after batch until the database is closed.
func (l *lane[V]) work() {
	for {
		select {
		case <-l.coalescer.db.ended:
			l.close()
			return
		case <-l.wake:
		}
		for l.readNext() {
		}
	}
}

// readNext answers the next batch, if anybody waits. Before that it lets those go on who
// are about to join: over HTTP/2, whose requests come one by one, they would be read one by
// one otherwise.
func (l *lane[V]) readNext() bool {
	runtime.Gosched()
	ctx, cancel := Within(context.Background(), coalesceTimeout)
	defer cancel()
	lookups := l.take(&batch{cancel: cancel})
	if len(lookups) == 0 {
		return false
	}
	l.read(ctx, lookups)
	return true
}

// take puts those who wait into a batch, as many as fit: one where nothing is grouped.
// Its keys stay together even then, because they are to be from one snapshot.
func (l *lane[V]) take(b *batch) []*lookup[V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lookups []*lookup[V]
	n, keys := 0, 0
	for ; n < len(l.waiting); n++ {
		look := l.waiting[n]
		if len(lookups) > 0 && (l.coalescer.db.noGrouping || keys+len(look.keys) > coalesceKeys) {
			break
		}
		l.waiting[n] = nil // so that it is not held any longer
		if look.gone {
			l.gone--
			continue
		}
		keys += len(look.keys)
		look.batch = b
		lookups = append(lookups, look)
	}
	if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
	l.keys -= keys
	b.callers = len(lookups)
	return lookups
}

// close refuses who waits and who comes later.
func (l *lane[V]) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, look := range l.waiting {
		look.err = ErrUnavailable
		close(look.done)
	}
	l.waiting, l.closed = nil, true
}

// read answers lookups. Those whose answer is too large are read in halves, as are those of
// which one makes the reading panic.
func (l *lane[V]) read(ctx context.Context, lookups []*lookup[V]) {
	var keys []string
	for _, look := range lookups {
		keys = append(keys, look.keys...)
	}
	l.coalescer.db.metrics.coalesced.Observe(float64(len(keys)))
	ctx, span := l.trace(ctx, lookups, len(keys))
	values, position, err := l.fetch(ctx, keys)
	endRead(span, err)
	if len(lookups) > 1 && (errors.Is(err, ErrTooLarge) || isPanic(err)) {
		l.read(ctx, lookups[:len(lookups)/2])
		l.read(ctx, lookups[len(lookups)/2:])
		return
	}
	l.coalescer.db.tellOfPanic("read", err)
	for _, look := range lookups {
		if err == nil {
			look.values, values = values[:len(look.keys):len(look.keys)], values[len(look.keys):]
		}
		look.position, look.err = position, err
		close(look.done)
	}
	l.answered(lookups)
}

// trace begins the span of a reading, if any of those whom it is for is traced: below the
// first one that is, and linked both ways with each of them.
func (l *lane[V]) trace(ctx context.Context, lookups []*lookup[V], keys int) (context.Context, spans.Span) {
	var span spans.Span
	for _, look := range lookups {
		if look.traced == nil {
			continue
		}
		if !span.On() {
			ctx, span = l.coalescer.db.beginMerged(trace.ContextWithSpan(ctx, look.traced.span), len(lookups), keys)
		}
		span.Join(look.traced.span)
	}
	return ctx, span
}

// fetch reads the values of keys.
func (l *lane[V]) fetch(ctx context.Context, keys []string) (_ []V, _ Position, err error) {
	defer contain(&err)
	return l.coalescer.fetch(ctx, l.reader, keys)
}

// answered notes that those have left a batch for whom it has been read.
func (l *lane[V]) answered(lookups []*lookup[V]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, look := range lookups {
		look.leaveBatch()
	}
}

// leaveBatch ends a batch with the last one who waits for it.
func (look *lookup[V]) leaveBatch() {
	b := look.batch
	if b == nil {
		return // it has left before
	}
	look.batch = nil
	if b.callers--; b.callers == 0 {
		b.cancel()
	}
}
