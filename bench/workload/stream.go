package workload

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// errStreamEnded is why no event will come of a stream.
var errStreamEnded = errors.New("the stream has ended")

// stream is a watch of one key, and who waits for what it tells.
type stream struct {
	key    api.Key
	opened chan struct{} // closed when it has told its first state, or has ended

	mu      sync.Mutex // covers all below
	waiting []*waiting
	ended   error
}

// waiting is a write whose event is to come. It is registered before it is sent: the event
// may be there before the answer, and that knows the versionstamp.
type waiting struct {
	arrived chan arrival // has room for one

	versionstamp string    // of the commit; empty until its answer is there
	early        []arrival // what has come until then
}

// arrival is an event, or that none will come.
type arrival struct {
	versionstamp string
	at           time.Time
	err          error
}

// follow reads the stream until ctx ends or the server refuses it.
func (s *stream) follow(ctx context.Context, c *client.Client) {
	isOpen := false
	err := errStreamEnded
	for e, failed := range c.Watch(ctx, s.key) {
		if failed != nil {
			err = failed
			break
		}
		s.arrive(arrival{versionstamp: string(e.Versionstamp), at: time.Now()})
		if !isOpen {
			isOpen = true
			close(s.opened)
		}
	}
	s.end(err)
	if !isOpen {
		close(s.opened)
	}
}

// waitOpen waits until the stream has told its first state: what is written from now on
// comes as an event.
func (s *stream) waitOpen(ctx context.Context) error {
	select {
	case <-s.opened:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// end tells whoever waits, or will, that nothing comes any more.
func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err
	for _, w := range s.waiting {
		w.arrived <- arrival{at: time.Now(), err: err}
	}
	s.waiting = nil
}

// arrive hands an event to those whose write it tells of: a stream folds writes of the same
// key into the last of them, so it is every one that is not later.
func (s *stream) arrive(a arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(w *waiting) bool {
		if w.versionstamp == "" {
			w.early = append(w.early, a)
			return false
		}
		if a.versionstamp < w.versionstamp {
			return false
		}
		w.arrived <- a
		return true
	})
}

// expect registers a write that is about to be sent.
func (s *stream) expect(w *waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.versionstamp, w.early = "", w.early[:0]
	if s.ended != nil {
		w.arrived <- arrival{at: time.Now(), err: s.ended}
		return
	}
	s.waiting = append(s.waiting, w)
}

// committed says which event a write waits for, which may have come already.
func (s *stream) committed(w *waiting, versionstamp string) error {
	if versionstamp == "" {
		return errMalformed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.versionstamp = versionstamp
	i := slices.IndexFunc(w.early, func(a arrival) bool { return a.versionstamp >= versionstamp })
	if i < 0 {
		return nil
	}
	if at := slices.Index(s.waiting, w); at >= 0 {
		s.waiting = slices.Delete(s.waiting, at, at+1)
		w.arrived <- w.early[i]
	}
	return nil
}

// forget ends the waiting, whatever came of it.
func (s *stream) forget(w *waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(other *waiting) bool { return other == w })
	select {
	case <-w.arrived:
	default:
	}
}
