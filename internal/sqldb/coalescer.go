package sqldb

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Bounds of merged point reads.
const (
	coalesceKeys = 512
	// coalesceBatches are in flight at once to a server. An embedded engine
	// gets one: a second would only make both smaller.
	coalesceBatches = 2
	coalesceTimeout = 10 * time.Second
)

// A Coalescer merges point reads that come while others are in flight into
// one statement.
type Coalescer[V any] struct {
	db    *DB
	fetch func(ctx context.Context, r Reader, keys []string) ([]V, Position, error)
	mu    sync.Mutex
	lanes map[*source]*lane[V]
}

// NewCoalescer merges calls of fetch, which returns a value for each key, in
// order, and the position of the snapshot.
func NewCoalescer[V any](db *DB, fetch func(ctx context.Context, r Reader, keys []string) ([]V, Position, error)) *Coalescer[V] {
	return &Coalescer[V]{db: db, fetch: fetch, lanes: map[*source]*lane[V]{}}
}

// Get reads the values of keys, all from one snapshot if there are at most
// 512 of them that fit one answer.
func (c *Coalescer[V]) Get(ctx context.Context, fresh Freshness, keys []string) ([]V, Position, error) {
	var values []V
	var position Position
	err := c.db.Read(ctx, fresh, func(ctx context.Context, r Reader) (Position, error) {
		var err error
		values, position, err = c.lane(r.(*source)).get(ctx, keys) // a Reader is always one of ours
		return position, err
	})
	return values, position, err
}

func (c *Coalescer[V]) lane(r *source) *lane[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[r]
	if l == nil {
		l = &lane[V]{coalescer: c, reader: r, wake: make(chan struct{}, coalesceBatches)}
		c.lanes[r] = l
		l.start()
	}
	return l
}

// A lane is the traffic to one database. Its workers live as long as the
// database is open: a new goroutine for each batch would have to grow its
// stack for the engine each time.
type lane[V any] struct {
	coalescer *Coalescer[V]
	reader    *source
	wake      chan struct{}

	mu      sync.Mutex // covers what follows
	waiting []*lookup[V]
	closed  bool
}

type lookup[V any] struct {
	keys     []string
	values   []V
	position Position
	err      error
	done     chan struct{}
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
	look := &lookup[V]{keys: keys, done: make(chan struct{})}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, "", ErrUnavailable
	}
	l.waiting = append(l.waiting, look)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // all workers have been called
	}
	select {
	case <-look.done:
		return look.values, look.position, look.err
	case <-ctx.Done():
		return nil, "", ended(ctx)
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
		for batch := l.take(); len(batch) > 0; batch = l.take() {
			l.read(batch)
		}
	}
}

func (l *lane[V]) take() []*lookup[V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, keys := 0, 0
	for n < len(l.waiting) && (n == 0 || keys+len(l.waiting[n].keys) <= coalesceKeys) {
		keys += len(l.waiting[n].keys)
		n++
	}
	batch := l.waiting[:n:n]
	if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
	return batch
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

// read answers a batch. One whose answer is too large is read in halves.
func (l *lane[V]) read(batch []*lookup[V]) {
	var keys []string
	for _, look := range batch {
		keys = append(keys, look.keys...)
	}
	ctx, cancel := Within(context.Background(), coalesceTimeout)
	defer cancel()
	l.coalescer.db.metrics.coalesced.Observe(float64(len(keys)))
	values, position, err := l.coalescer.fetch(ctx, l.reader, keys)
	if errors.Is(err, ErrTooLarge) && len(batch) > 1 {
		l.read(batch[:len(batch)/2])
		l.read(batch[len(batch)/2:])
		return
	}
	for _, look := range batch {
		if err == nil {
			look.values, values = values[:len(look.keys):len(look.keys)], values[len(look.keys):]
		}
		look.position, look.err = position, err
		close(look.done)
	}
}
