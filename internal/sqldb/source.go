package sqldb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// A source is a database to read from.
type source struct {
	name     string
	engine   *engine
	liveness *liveness // nil for what is no server, as is asker, by which it asks
	asker    *engine
	metrics  *metrics
	breaker  breaker
	damage   damage
	log      *slog.Logger
	// large bounds the statements under way whose answers may be large:
	// sqld holds at most 32 MB of answers for everybody.
	large *semaphore.Weighted
	// plain is the same database over HTTP, nil for an embedded one; it is
	// used once the server has refused WebSockets.
	plain   *engine
	refused atomic.Bool
	asked   atomic.Int64 // statements
}

// largeReads is how many statements with answers of up to MaxAnswer a node
// has under way at one database.
const largeReads = 4

// MaxAnswer is how many bytes of values a statement may select: base64 makes
// it 5.6 MB of the 10 MB that sqld sends.
const MaxAnswer = 4 << 20

// MaxPiece is how many bytes of values a statement should select that is one of many
// in a transaction. A server forgets a stream that has been idle for 10 s, and it is
// idle while a slow machine decodes what the last statement has selected.
const MaxPiece = 1 << 20

func newSource(name string, e, plain *engine, m *metrics, log *slog.Logger) *source {
	return &source{name: name, engine: e, plain: plain, metrics: m, log: log,
		damage: damage{lasting: e.embedded}, large: semaphore.NewWeighted(largeReads)}
}

// query runs one reading statement.
func (s *source) query(ctx context.Context, st Stmt) ([]Row, error) {
	if s.damage.known() {
		return nil, ErrCorrupt
	}
	s.asked.Add(1)
	var rows []Row
	err := s.liveness.call(ctx, func(ctx context.Context) (err error) {
		rows, err = s.ask(ctx, st)
		return err
	})
	s.metrics.roundTrips.WithLabelValues(s.name, outcomeOf(err)).Inc()
	return rows, s.failed(ctx, err)
}

// ask asks the engine that the server speaks with.
func (s *source) ask(ctx context.Context, st Stmt) ([]Row, error) {
	if s.refused.Load() {
		return s.plain.query(ctx, st)
	}
	rows, err := s.engine.query(ctx, st)
	if s.plain != nil && refusesWebSockets(err) {
		s.refused.Store(true)
		return s.plain.query(ctx, st)
	}
	return rows, err
}

// refusesWebSockets tells whether the server is there but speaks only HTTP.
func refusesWebSockets(err error) bool {
	return err != nil && strings.Contains(err.Error(), "expected handshake response status code 101")
}

func (s *source) close() error {
	s.liveness.close()
	if s.asker != nil {
		_ = s.asker.close()
	}
	if s.plain != nil {
		_ = s.plain.close()
	}
	return s.engine.close()
}

// failed says what an error of the database means to a caller.
func (s *source) failed(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ended(ctx)
	}
	if err = failure(fmt.Errorf("%s: %w", s.name, &readError{err})); errors.Is(err, ErrCorrupt) {
		s.isCorrupt(err)
	}
	return err
}

// isCorrupt remembers it, and says so once.
func (s *source) isCorrupt(err error) {
	switch {
	case !s.damage.found():
	case s.damage.lasting:
		s.log.Error("the database is corrupt; nothing is read or written any more", "database", s.name, "error", err)
	default:
		s.log.Error("the database is corrupt; nothing is read from it or written to it for ten seconds, then it is tried again", "database", s.name, "error", err)
	}
}

// A breaker leaves a database alone for a while after it has failed.
type breaker struct {
	mu     sync.Mutex
	until  time.Time // failed: nobody asks before
	pause  time.Duration
	behind time.Time // works, but is behind: who needs fresh data does not ask before

	asking atomic.Bool // whether it lives
}

const (
	breakerFirst = 250 * time.Millisecond
	breakerMost  = 5 * time.Second
)

// open tells whether the database is to be left alone. anyAge is for a read
// that takes it as it is.
func (b *breaker) open(anyAge bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	return now.Before(b.until) || !anyAge && now.Before(b.behind)
}

// fail opens the breaker, for longer each time. Many reads fail together:
// they count once. It tells whether the database worked before.
func (b *breaker) fail() (worked bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.until) {
		return false
	}
	worked = b.pause == 0
	b.pause = min(max(2*b.pause, breakerFirst), breakerMost)
	b.until = time.Now().Add(b.pause)
	return worked
}

// fellBehind notes that the database works, but is behind.
func (b *breaker) fellBehind(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.behind = time.Now().Add(d)
}

// succeed closes the breaker and tells whether the database had failed before.
func (b *breaker) succeed() (failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	failed = b.pause > 0
	b.pause, b.until = 0, time.Time{}
	return failed
}
