package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/sleep"
)

// cleanUpTime is how long removing what was made may take, and keyTime how much longer for
// each key.
const cleanUpTime, keyTime = 30 * time.Second, 20 * time.Microsecond

// cleanUpPause is between a try that failed and the next one.
const cleanUpPause = 500 * time.Millisecond

// clean removes what was made. It has a time of its own, since that of the series may be over,
// and tries again while it lasts: a server that was overloaded, or is starting again, does
// what it is asked a little later.
func (s series) clean(ctx context.Context) error {
	told := &cleaningTold{Observer: s.Observer, Cleaning: Cleaning{ByHand: s.byHand()}}
	told.of(nil, ctx.Err() != nil)
	defer told.whenEnded(ctx)()
	patience := cleanUpTime + time.Duration(s.Settings.Keys)*keyTime
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for wrong := error(nil); ; told.of(wrong, false) {
		err := s.workload.Clean(ctx)
		if err == nil {
			return nil
		}
		wrong = trouble(ctx, wrong, err, patience)
		if !isRefusal(err) {
			sleep.For(ctx, cleanUpPause)
		}
		if isRefusal(err) || ctx.Err() != nil {
			return fmt.Errorf("%w: %w; %s", ErrNotCleaned, wrong, s.byHand())
		}
	}
}

// cleaningTold is what an Observer is told of a cleaning, by who cleans and by who is impatient.
type cleaningTold struct {
	Observer
	mu sync.Mutex // covers Cleaning, and calls of the Observer
	Cleaning
}

// of tells what is wrong, nil for what was wrong before, or of an interruption.
func (c *cleaningTold) of(wrong error, interrupted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Trouble = cmp.Or(wrong, c.Trouble)
	c.Interrupted = c.Interrupted || interrupted
	c.Observer.Cleaning(c.Cleaning)
}

// whenEnded tells of the end of ctx, unless that is old or stop is called before.
func (c *cleaningTold) whenEnded(ctx context.Context) (stop func()) {
	if ctx.Err() != nil {
		return func() {}
	}
	over, telling := make(chan struct{}), sync.WaitGroup{}
	telling.Go(func() {
		select {
		case <-ctx.Done():
			c.of(nil, true)
		case <-over:
		}
	})
	return func() { close(over); telling.Wait() }
}

// trouble is what to say of a try that failed: when time is up, what was wrong before tells
// more.
func trouble(ctx context.Context, before, err error, patience time.Duration) error {
	switch {
	case ctx.Err() == nil || !errors.Is(err, ctx.Err()):
		return err
	case before != nil:
		return before
	}
	return fmt.Errorf("no answer within %v", patience.Round(time.Second))
}

// isRefusal says whether the same request will be refused again.
func isRefusal(err error) bool {
	refused, ok := errors.AsType[*api.Error](err)
	return ok && refused.Status < http.StatusInternalServerError && refused.Code != api.TooManyRequests
}
