package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// Event is what one operation changed of what is watched, or at the beginning the
// state that the watch starts from.
type Event struct {
	// Versionstamp is the position of this event: a watch with it as Since
	// continues after it.
	Versionstamp api.Versionstamp
	// Entries are the changed keys. A deleted or expired one does not exist. It
	// is empty for progress, see WatchOptions.
	Entries []api.Entry
}

// WatchOptions are the settings of a Watcher. The zero value is that of
// Client.Watch.
type WatchOptions struct {
	// Since continues after a position, with no initial state.
	Since api.Versionstamp
	// SkipInitial begins with the first change instead of the current state.
	SkipInitial bool
	// Limit bounds the initial entries of a prefix, 1 to 1,000; 0 means 100. A
	// prefix with more of them is followed all the same.
	Limit int
	// Progress yields an event without entries for each ping, some every 15 s.
	// A consumer that keeps its position has a newer one with it when nothing
	// that it watches changes, and so does not lose it to compaction.
	Progress bool
	// IdleTimeout is how long a stream may be silent before it is given up and
	// made anew; 0 means 45 s, three pings.
	IdleTimeout time.Duration
}

// Watcher watches with options. It holds no resources.
type Watcher struct {
	client  *Client
	options WatchOptions
}

// Watcher returns a Watcher with these options.
func (c *Client) Watcher(options WatchOptions) *Watcher {
	if options.IdleTimeout <= 0 {
		options.IdleTimeout = 45 * time.Second
	}
	return &Watcher{client: c, options: options}
}

// Watch follows up to 1,000 keys. The first event holds all of them as they are;
// each one after it holds what one operation changed, in commit order. Changes
// that follow each other quickly may be folded into the last of them.
//
// The stream reconnects, to another node if need be, and resumes where it was, so
// that nothing is missed and nothing comes twice. It ends when the consumer breaks
// out of the loop, and with an error when ctx ends (its error), when the server
// refuses it, when it could never be established within the retry policy, or with
// one that errors.Is api.PositionLost when it was away for longer than the change
// log reaches back: then read the state anew.
//
// The loop's body runs on the goroutine that reads the stream. A slow one loses
// nothing but is told later.
func (c *Client) Watch(ctx context.Context, keys ...api.Key) iter.Seq2[Event, error] {
	return c.Watcher(WatchOptions{}).Watch(ctx, keys...)
}

// WatchPrefix is Watch for everything at or below the prefixes. The first event
// holds up to 100 entries, and is missing if there are none.
func (c *Client) WatchPrefix(ctx context.Context, prefixes ...api.Key) iter.Seq2[Event, error] {
	return c.Watcher(WatchOptions{}).WatchPrefix(ctx, prefixes...)
}

// Watch is Client.Watch with options.
func (w *Watcher) Watch(ctx context.Context, keys ...api.Key) iter.Seq2[Event, error] {
	return w.follow(ctx, "watch", "/watch", "keys", keys)
}

// WatchPrefix is Client.WatchPrefix with options.
func (w *Watcher) WatchPrefix(ctx context.Context, prefixes ...api.Key) iter.Seq2[Event, error] {
	return w.follow(ctx, "watch prefix", "/watch/prefix", "prefixes", prefixes)
}

func (w *Watcher) follow(ctx context.Context, op, path, parameter string, keys []api.Key) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		list, err := keyList(keys)
		if err != nil {
			yield(Event{}, fmt.Errorf("keyval: %s: %w", op, err))
			return
		}
		query := url.Values{parameter: {list}}
		if w.options.SkipInitial {
			query.Set("initial", "false")
		}
		if w.options.Limit != 0 {
			query.Set("limit", strconv.Itoa(w.options.Limit))
		}
		s := &subscription{
			client:   w.client,
			options:  w.options,
			call:     call{op: op, method: http.MethodGet, path: path, query: query, reads: true},
			position: w.options.Since,
		}
		if err := s.run(ctx, yield); err != nil {
			yield(Event{}, fmt.Errorf("keyval: %s: %w", op, err))
		}
	}
}

// keyList is the form of a list of keys in a query.
func keyList(keys []api.Key) (string, error) {
	if len(keys) == 0 {
		return "", errors.New("no keys")
	}
	paths := make([]string, len(keys))
	for i, key := range keys {
		path, err := key.Path()
		if err == nil && path == "" {
			err = errors.New("it has no parts")
		}
		if err != nil {
			return "", fmt.Errorf("key %d: %w", i+1, err)
		}
		paths[i] = path
	}
	return strings.Join(paths, ","), nil
}

// errSilent is the cause for which a stream is given up.
var errSilent = errors.New("the stream was silent for too long")

// errConsumerDone ends a subscription whose consumer has left its loop.
var errConsumerDone = errors.New("consumer done")

// subscription is one watch over all of its connections.
type subscription struct {
	client  *Client
	options WatchOptions
	call    call
	// position is after all that the consumer has been given. "" means that the
	// stream begins with the current state, each time until that has been seen.
	position    api.Versionstamp
	established bool
	attempts    backoff
	retry       time.Duration // that the server asked for
}

// run connects again and again. It returns nil when the consumer is done.
func (s *subscription) run(ctx context.Context, yield func(Event, error) bool) error {
	s.attempts = backoff{policy: s.client.retry, start: time.Now()}
	for {
		err := s.connect(ctx, func(e Event) bool { return yield(e, nil) })
		switch {
		case errors.Is(err, errConsumerDone):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case permanent(err):
			return err
		case s.established && s.position == "" && s.options.SkipInitial:
			return fmt.Errorf("%w: the stream broke before it told its position: %w", api.PositionLost, err)
		case s.established:
			s.client.log.LogAttrs(ctx, slog.LevelDebug, "watch lost its stream",
				slog.String("position", string(s.position)), slog.Any("err", err))
			s.attempts.waitForEver(ctx, retryAfterOf(err), s.retry)
		case !s.attempts.wait(ctx, retryAfterOf(err)):
			return err
		}
	}
}

// connect opens one stream and reads it to its end, which is always an error.
func (s *subscription) connect(ctx context.Context, give func(Event) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(s.options.IdleTimeout, func() { cancel(errSilent) })
	defer watchdog.Stop()

	resp, err := s.open(ctx)
	if err != nil {
		return causeOf(ctx, err)
	}
	defer resp.Body.Close()
	s.established = true
	if s.position == "" && s.options.SkipInitial {
		s.advance(resp.Header.Get(api.HeaderVersionstamp))
	}
	in := newEventReader(&watchedReader{resp.Body, watchdog, s.options.IdleTimeout}, maxAnswerBytes)
	for {
		event, err := in.next()
		s.retry = in.retry
		if err != nil {
			return causeOf(ctx, err)
		}
		s.attempts.failed = 0
		if err := s.take(event, give); err != nil {
			return err
		}
	}
}

// open asks for the stream, resumed if there is a position.
func (s *subscription) open(ctx context.Context) (*http.Response, error) {
	call := s.call
	call.header = http.Header{"Accept": {"text/event-stream"}}
	if s.position != "" {
		call.header.Set("Last-Event-ID", string(s.position))
	}
	resp, err := s.client.open(ctx, call)
	if err != nil {
		return nil, err
	}
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		resp.Body.Close()
		return nil, &malformedError{fmt.Errorf("a stream of type %.80q", kind)}
	}
	return resp, nil
}

// take passes one event of the stream on.
func (s *subscription) take(event serverEvent, give func(Event) bool) error {
	switch event.name {
	case api.EventChange:
		return s.takeChange(event, give)
	case api.EventPing:
		moved := s.advance(event.id)
		if s.options.Progress && moved && !give(Event{Versionstamp: s.position}) {
			return errConsumerDone
		}
	case api.EventReset:
		return resetError(event.data)
	}
	return nil // a kind of event that newer servers send
}

func (s *subscription) takeChange(event serverEvent, give func(Event) bool) error {
	if !isVersionstamp(event.id) {
		return &malformedError{fmt.Errorf("a change with the id %.80q", event.id)}
	}
	if !s.advance(event.id) {
		return nil // was given out on an earlier connection
	}
	change := Event{Versionstamp: s.position}
	if err := json.Unmarshal(event.data, &change.Entries); err != nil {
		return &malformedError{err}
	}
	if !give(change) {
		return errConsumerDone
	}
	return nil
}

// advance moves the position to the id of an event and reports whether that is
// news. What is no versionstamp never becomes a position: it would be sent back.
func (s *subscription) advance(id string) bool {
	next := api.Versionstamp(id)
	if !isVersionstamp(id) || next <= s.position {
		return false
	}
	s.position = next
	if s.client.session != nil {
		s.client.session.seen(next)
	}
	return true
}

func isVersionstamp(s string) bool {
	return len(s) == 20 && strings.Trim(s, "0123456789abcdef") == ""
}

// resetError is what a server says on a live stream instead of 410.
func resetError(data []byte) error {
	var body api.ErrorBody
	if json.Unmarshal(data, &body) != nil || body.Message == "" {
		body.Message = "the server has reset the stream"
	}
	return &api.Error{
		Code: api.PositionLost, Message: body.Message, Oldest: body.Oldest,
		Status: api.PositionLost.Status(),
	}
}

// causeOf replaces the error of a request that this side has given up.
func causeOf(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// watchedReader lets the watchdog run only while it waits for the server, not
// while the consumer takes its time.
type watchedReader struct {
	in       io.Reader
	watchdog *time.Timer
	timeout  time.Duration
}

func (r *watchedReader) Read(p []byte) (int, error) {
	r.watchdog.Reset(r.timeout)
	n, err := r.in.Read(p)
	r.watchdog.Stop()
	return n, err
}
