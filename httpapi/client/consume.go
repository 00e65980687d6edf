package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// Handler does the work of one message. A nil error acknowledges it; any other
// error, or a panic, gives it back to be delivered again after its next backoff
// step, or makes it a dead letter after its last attempt. RetryIn and Permanent
// wrap an error to say otherwise.
//
// The context outlives the one given to Consume by the grace period. It ends
// early, with a cause that errors.Is api.LockLost, when the lock could not be
// renewed: then another consumer may be at the same message. It continues the trace of
// the message, if that has one.
type Handler func(ctx context.Context, m api.Message) error

// errStopped is the cause of a handler's context that ended with the grace period.
var errStopped = errors.New("consumer stopped")

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent wraps a handler's error to say that no other attempt can succeed: the
// message becomes a dead letter at once.
func Permanent(err error) error { return &permanentError{err} }

type retryInError struct {
	err   error
	delay time.Duration
}

func (e *retryInError) Error() string { return e.err.Error() }
func (e *retryInError) Unwrap() error { return e.err }

// RetryIn wraps a handler's error to have the next attempt after delay instead of
// the message's backoff step.
func RetryIn(delay time.Duration, err error) error { return &retryInError{err, delay} }

// Consume handles messages of queue until ctx ends and then returns nil. It
// returns an error only if the server refuses to hand out messages, for a reason
// that another try would not change, such as a missing scope.
//
// It asks for messages by long polls and not by the event stream, for the sake of
// flow control: each poll asks for exactly as many messages as there are idle
// handlers, so none waits with its lock running; a lost connection costs one
// answer and not a window of them; and every poll may go to another node.
//
// At the end of ctx it takes no more messages, lets the running handlers finish
// for the grace period, then cancels their context and waits for them, without
// limit: a handler must heed its context. A message whose handler is cut off so
// is given back for delivery at once, which has cost it an attempt. A poll that
// is cut off at the very moment of its answer leaves messages behind that come
// back when their lock expires.
func (c *Client) Consume(ctx context.Context, queue string, handler Handler, opts ...ConsumeOption) error {
	w := newWorker(c, queue, handler, opts)
	if err := w.validate(); err != nil {
		return err
	}
	// Handlers live on for the grace period.
	running, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	err := w.poll(ctx, running)
	grace := time.AfterFunc(w.grace, func() { cut(errStopped) })
	defer grace.Stop()
	w.handlers.Wait()
	return err
}

// ConsumeOption is a setting of Consume: Concurrency, Grace, Lock or Wait.
type ConsumeOption interface{ applyConsume(*worker) }

// Concurrency is how many messages are handled at once; the default is 1.
type Concurrency int

// Grace is how long running handlers may go on when Consume is told to stop; the
// default is 10 s.
type Grace time.Duration

func (o Concurrency) applyConsume(w *worker) { w.concurrency = int(o) }
func (o Grace) applyConsume(w *worker)       { w.grace = time.Duration(o) }
func (o Lock) applyConsume(w *worker)        { w.lock = time.Duration(o) }
func (o Wait) applyConsume(w *worker)        { w.wait = time.Duration(o) }

// worker is one call of Consume.
type worker struct {
	client  *Client
	queue   string
	handler Handler
	log     *slog.Logger

	concurrency       int
	lock, grace, wait time.Duration

	idle     chan struct{} // holds a token for each handler that may be started
	handlers sync.WaitGroup
}

func newWorker(c *Client, queue string, handler Handler, opts []ConsumeOption) *worker {
	w := &worker{
		client: c, queue: queue, handler: handler,
		log:         c.log.With("queue", queue),
		concurrency: 1, lock: 30 * time.Second, grace: 10 * time.Second, wait: 20 * time.Second,
	}
	for _, opt := range opts {
		opt.applyConsume(w)
	}
	return w
}

func (w *worker) validate() error {
	switch {
	case w.handler == nil:
		return errors.New("keyval: consume: the handler is nil")
	case w.concurrency < 1:
		return fmt.Errorf("keyval: consume: concurrency is %d, want at least 1", w.concurrency)
	case w.lock < 10*time.Millisecond:
		return fmt.Errorf("keyval: consume: the lock is %v, want at least 10ms", w.lock)
	case w.grace < 0 || w.wait < 0:
		return errors.New("keyval: consume: the grace period or the wait is negative")
	}
	return nil
}

// poll takes messages and starts handlers until ctx ends.
func (w *worker) poll(ctx, running context.Context) error {
	w.idle = make(chan struct{}, w.concurrency)
	for range w.concurrency {
		w.idle <- struct{}{}
	}
	failures := backoff{policy: w.client.retry}
	for {
		free := w.claim(ctx)
		if free == 0 {
			return nil
		}
		messages, err := w.client.Dequeue(ctx, w.queue, Max(free), Wait(w.wait), Lock(w.lock))
		w.release(free - len(messages))
		// Messages in hand are handled even if ctx has just ended: there is no way
		// to give one back that does not cost it an attempt.
		for _, m := range messages {
			w.start(running, m)
		}
		switch {
		case err == nil:
			failures.failed = 0
		case ctx.Err() != nil:
			return nil
		case permanent(err):
			return err
		default:
			w.log.LogAttrs(ctx, slog.LevelWarn, "cannot take messages", slog.Any("err", err))
			failures.waitForEver(ctx, retryAfterOf(err), 0)
		}
	}
}

// claim waits for an idle handler and takes all that are idle by then, as many as
// one request may ask for. It returns 0 when ctx has ended.
func (w *worker) claim(ctx context.Context) int {
	select {
	case <-w.idle:
	case <-ctx.Done():
		return 0
	}
	if ctx.Err() != nil {
		return 0
	}
	free := 1
	for free < maxMessages {
		select {
		case <-w.idle:
			free++
		default:
			return free
		}
	}
	return free
}

func (w *worker) release(n int) {
	for range n {
		w.idle <- struct{}{}
	}
}

func (w *worker) start(running context.Context, m api.Message) {
	w.handlers.Go(func() {
		defer w.release(1)
		w.handle(running, m)
	})
}

// handle runs the handler on m and tells the server how it ended.
func (w *worker) handle(running context.Context, m api.Message) {
	running, span := w.client.startHandling(running, m)
	ctx, cancel := context.WithCancelCause(running)
	renewal := make(chan struct{})
	go func() {
		defer close(renewal)
		w.keepLocked(ctx, m, cancel)
	}()
	err := w.run(ctx, m)
	cut := context.Cause(ctx)
	cancel(nil)
	<-renewal
	w.settle(running, m, err, cut)
	endHandling(span, err)
}

// run calls the handler and makes its panic an error.
func (w *worker) run(ctx context.Context, m api.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			w.log.LogAttrs(ctx, slog.LevelError, "handler panicked",
				slog.String("id", m.ID), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	return w.handler(ctx, m)
}

// keepLocked renews m's lock until ctx ends, and cancels it when the lock is lost
// or, as far as this side knows, has expired.
func (w *worker) keepLocked(ctx context.Context, m api.Message, cancel context.CancelCauseFunc) {
	expires := time.Now().Add(w.lock)
	for sleep(ctx, min(w.lock/3, time.Until(expires))) {
		sent := time.Now()
		err := w.extendUntil(ctx, m, expires)
		switch {
		case err == nil:
			expires = sent.Add(w.lock)
		case ctx.Err() != nil:
			return
		case errors.Is(err, api.LockLost):
			cancel(fmt.Errorf("message %s: %w", m.ID, err))
			return
		case !time.Now().Before(expires):
			cancel(fmt.Errorf("message %s: %w: it could not be renewed in time: %w", m.ID, api.LockLost, err))
			return
		}
	}
}

// extendUntil gives up when the lock that is to be renewed has expired.
func (w *worker) extendUntil(ctx context.Context, m api.Message, expires time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, expires)
	defer cancel()
	_, err := w.client.Extend(ctx, m, w.lock)
	return err
}

// settle acknowledges m or gives it back. The running context may have ended, but
// what the handler did must be told all the same.
func (w *worker) settle(running context.Context, m api.Message, err, cut error) {
	if err != nil && errors.Is(cut, api.LockLost) {
		w.log.LogAttrs(running, slog.LevelWarn, "lost the lock of a message", slog.String("id", m.ID), slog.Any("err", cut))
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(running), w.lock)
	defer cancel()
	if err == nil {
		err = w.client.Ack(ctx, m)
	} else {
		w.log.LogAttrs(ctx, slog.LevelWarn, "handler failed",
			slog.String("id", m.ID), slog.Int("attempts", m.Attempts), slog.Any("err", err))
		err = w.client.Nack(ctx, m, nackOptions(err, cut)...)
	}
	if err != nil {
		// The message comes back when its lock expires.
		w.log.LogAttrs(ctx, slog.LevelWarn, "cannot settle a message", slog.String("id", m.ID), slog.Any("err", err))
	}
}

// nackOptions says how a message goes back whose handler failed with err.
func nackOptions(err, cut error) []NackOption {
	opts := []NackOption{Reason(err)}
	var permanent *permanentError
	var retryIn *retryInError
	switch {
	case errors.As(err, &permanent):
		opts = append(opts, DeadLetter())
	case errors.As(err, &retryIn):
		opts = append(opts, RetryAfter(retryIn.delay))
	case errors.Is(cut, errStopped):
		// Not the message's fault: let another consumer have it now.
		opts = append(opts, RetryAfter(0))
	}
	return opts
}
