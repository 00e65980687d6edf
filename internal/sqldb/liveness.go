package sqldb

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// slowAfter is how long a call to a server may take before the node looks whether
	// the server lives.
	slowAfter = 2 * time.Second
	// silentAfter is how long it then has for the least question: more than it takes on
	// a busy machine.
	silentAfter = 3 * time.Second
	// lookPause is how often a silent server is asked again.
	lookPause = 250 * time.Millisecond
)

// errUnsent is ErrSilent for what was refused because that is known already.
var errUnsent error = &unsentError{}

type unsentError struct{}

func (*unsentError) Error() string { return ErrSilent.Error() }
func (*unsentError) Unwrap() error { return ErrSilent }

// A liveness finds out that a server has fallen silent: it is frozen, or was cut off
// without a word. That a call takes long is no sign of it, since statements may; so the
// server is then asked the least question, on a connection of its own. If neither that
// is answered nor anything else meanwhile, who waits for the server is told so, and who
// comes is refused at once, until it has answered the question.
//
// Its methods may be called on nil, which is that of a database that is no server.
type liveness struct {
	ask                    func(context.Context) error
	slowAfter, silentAfter time.Duration
	log                    *slog.Logger

	answers atomic.Int64 // counts the calls that were answered
	since   atomic.Int64 // when the first call was made that was not, after the last that was; 0 if there is none
	silent  atomic.Bool

	mu sync.Mutex // covers what follows
	// looked is closed when the look under way has found out; nil while there is none.
	looked chan struct{}
	// silence is closed while the server is silent.
	silence chan struct{}

	life context.Context
	stop context.CancelFunc
	done sync.WaitGroup
}

func newLiveness(cfg Config, log *slog.Logger, ask func(context.Context) error) *liveness {
	l := &liveness{ask: ask, slowAfter: cfg.SlowAfter, silentAfter: cfg.SilentAfter, log: log, silence: make(chan struct{})}
	l.life, l.stop = context.WithCancel(context.Background())
	return l
}

// close ends the looking.
func (l *liveness) close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.stop() // from now on nothing begins
	l.mu.Unlock()
	l.done.Wait()
}

// patience is how long it takes to be found silent.
func (l *liveness) patience() time.Duration { return l.slowAfter + l.silentAfter }

func (l *liveness) isSilent() bool { return l != nil && l.silent.Load() }

// Silence is closed while the primary is known to be silent. It is never closed for an
// embedded database.
func (db *DB) Silence() <-chan struct{} {
	l := db.writer.liveness
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.silence
}

// call makes a call to the server. It ends with ErrSilent when the server is found
// silent meanwhile.
func (l *liveness) call(ctx context.Context, f func(context.Context) error) error {
	if l == nil {
		return f(ctx)
	}
	if l.isSilent() {
		return errUnsent
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := time.AfterFunc(l.slowAfter, func() { l.watch(ctx, cancel) })
	defer slow.Stop()
	begun := time.Now()
	err := f(ctx)
	switch {
	case err == nil, answered(err):
		l.answers.Add(1)
		l.since.Store(0)
	case errors.Is(context.Cause(ctx), ErrSilent):
		return context.Cause(ctx)
	case ctx.Err() != nil:
		l.givenUp(begun)
	}
	return err
}

// givenUp notes a call whose caller did not wait for the answer. Silence is to be found
// out though nobody waits for long.
func (l *liveness) givenUp(begun time.Time) {
	l.since.CompareAndSwap(0, begun.UnixNano())
	if since := l.since.Load(); since != 0 && time.Since(time.Unix(0, since)) >= l.slowAfter {
		l.look()
	}
}

// watch looks after a call that takes long, until it ends.
func (l *liveness) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	for ctx.Err() == nil {
		select {
		case <-l.look():
		case <-ctx.Done():
			return
		}
		if l.isSilent() {
			cancel(ErrSilent)
			return
		}
		select {
		case <-time.After(l.slowAfter):
		case <-ctx.Done():
		}
	}
}

// look finds out whether the server lives. What it returns is closed when that is known.
func (l *liveness) look() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.life.Err() != nil:
		return l.life.Done()
	case l.isSilent():
		return l.silence
	case l.looked == nil:
		l.looked = make(chan struct{})
		l.done.Go(l.find)
	}
	return l.looked
}

// find asks the server and, if it is silent, goes on to ask until it is not.
func (l *liveness) find() {
	if l.lives() || l.life.Err() != nil {
		l.found(false)
		return
	}
	l.found(true)
	l.log.Error("the primary does not answer; writes and reads of it are refused until it does")
	for !l.lives() {
		select {
		case <-time.After(lookPause):
		case <-l.life.Done():
			return
		}
	}
	l.log.Info("the primary answers again")
	l.answersAgain()
}

func (l *liveness) found(silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent.Store(silent)
	if silent {
		close(l.silence)
	}
	close(l.looked)
	l.looked = nil
}

func (l *liveness) answersAgain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent.Store(false)
	l.silence = make(chan struct{})
}

// lives asks once. Any answer will do, also one to somebody else.
func (l *liveness) lives() bool {
	ctx, cancel := context.WithTimeout(l.life, l.silentAfter)
	defer cancel()
	before := l.answers.Load()
	err := l.ask(ctx)
	return err == nil || ctx.Err() == nil && !neverSent(err) || l.answers.Load() != before
}

// Within gives a question that the node asks for itself, or for many callers, a time of
// its own. When that is over the database is unavailable: only the end of a caller's own
// time is a timeout.
func Within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, ErrSilent)
}

// ended is what it means that a context has ended.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrUnavailable) {
		return cause
	}
	return ctx.Err()
}
