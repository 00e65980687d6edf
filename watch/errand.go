package watch

import (
	"context"

	"github.com/buntime/keyval/internal/sleep"
)

// An errand is what the database is asked for a stream that is behind. It takes
// the time that the database takes, while the reader is free: it comes back for
// the result, and tells its client meanwhile that the stream lives. While there is
// one, the stream's stretch belongs to it.
type errand struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error
	// take is the reader's part, when it is done.
	take func(error) error
}

// send begins an errand. take is called by the reader when run is done.
func (s *Stream) send(run func(context.Context) error, take func(error) error) error {
	if s.hub.life.Err() != nil {
		return ErrClosed
	}
	ctx, cancel := context.WithCancel(s.hub.life)
	e := &errand{cancel: cancel, done: make(chan struct{}), take: take}
	s.errand = e
	go func() {
		defer cancel()
		e.err = run(ctx)
		close(e.done)
		s.signal()
	}()
	return nil
}

// ask begins an errand to the database, for which the stream takes one of the
// hub's places. If it fails, or has nothing new, the stream asks again after a
// moment: its client would only come back with the same question.
func (s *Stream) ask(read func(context.Context) error, take func() error) error {
	return s.send(func(ctx context.Context) error {
		if err := s.behind.enter(ctx, s.hub); err != nil {
			return err
		}
		return s.hub.changes.catchUp(ctx, func() error { return read(ctx) })
	}, func(err error) error {
		s.failed = err
		if err != nil {
			s.hub.log.Debug("a watcher that is behind cannot be served yet", "error", err)
			return s.pause()
		}
		return take()
	})
}

// pause has the stream wait a moment before it asks again.
func (s *Stream) pause() error {
	return s.send(func(ctx context.Context) error {
		sleep.For(ctx, fetchAgain)
		return nil
	}, func(error) error { return nil })
}

// comeBack takes what the errand has brought, if it is done.
func (s *Stream) comeBack() (done bool, err error) {
	e := s.errand
	select {
	case <-e.done:
		s.errand = nil
		return true, e.take(e.err)
	default:
		return false, s.ended()
	}
}

// awaitErrand waits for the errand under way, if there is one. Its failure is the
// caller's.
func (s *Stream) awaitErrand(ctx context.Context) error {
	e := s.errand
	if e == nil {
		return nil
	}
	select {
	case <-e.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.errand = nil
	if e.err != nil {
		return e.err
	}
	return e.take(nil)
}

// dropErrand ends the errand under way and waits for its end.
func (s *Stream) dropErrand() {
	if s.errand == nil {
		return
	}
	s.errand.cancel()
	<-s.errand.done
	s.errand = nil
}

// ended is the error that has ended the stream.
func (s *Stream) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
