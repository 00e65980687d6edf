package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// Watch is what the routes need of the node's watch. *watch.Hub implements it.
// Errors wrap the sentinels of errorTable. Methods are called concurrently.
type Watch interface {
	Open(context.Context, watch.Request) (*watch.Stream, error)
	PollKeys(context.Context, watch.KeysPoll) (watch.KeysChanged, error)
	PollPrefix(context.Context, watch.PrefixPoll) (watch.PrefixChanged, error)
}

const (
	// watchPing is how often a stream without events shows that it lives, and
	// tells its position.
	watchPing = 15 * time.Second
	// watchRetry is how long a reader is told to wait before it connects again.
	watchRetry = time.Second

	maxWatchKeys     = 1000
	maxWatchPrefixes = 100
)

// keysParam are lists of keys or prefixes in URL form; list is separated by
// commas, single is not.
type keysParam struct {
	list, single string
	doc          string
	most         int
	prefixes     bool
}

func (p keysParam) params() []param {
	return []param{
		{name: p.list, doc: p.doc + ", separated by commas.", schema: text(""), repeated: true},
		{name: p.single, doc: "One of them; may be repeated.", schema: text(""), repeated: true},
	}
}

// takenBy says which route takes these parameters.
func (p keysParam) takenBy(route string) map[string]string {
	return map[string]string{p.list: route, p.single: route}
}

// get returns all keys in the order in which they are given, lists first.
func (p keysParam) get(q query) ([]kv.Key, error) {
	var keys []kv.Key
	for _, raw := range p.elements(q) {
		parse := kv.ParseKeyPath
		if p.prefixes {
			parse = kv.ParsePrefixPath
		}
		k, err := parse(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.list, err)
		}
		keys = append(keys, k)
	}
	switch {
	case len(keys) == 0:
		return nil, invalidArgument("%s or %s is missing", p.list, p.single)
	case len(keys) > p.most:
		return nil, invalidArgument("there are %d %s, at most %d are allowed", len(keys), p.list, p.most)
	case p.prefixes && len(keys) > 1 && slices.Contains(keys, ""):
		// The empty prefix is everything: not what a comma too many means.
		return nil, invalidArgument("one of %d %s is empty", len(keys), p.list)
	}
	return keys, nil
}

func (p keysParam) elements(q query) []string {
	var all []string
	for _, list := range q[p.list] {
		all = append(all, strings.Split(list, ",")...)
	}
	return append(all, q[p.single]...)
}

var (
	watchKeys     = keysParam{list: "keys", single: "key", doc: "The keys, at most 1,000", most: maxWatchKeys}
	watchPrefixes = keysParam{list: "prefixes", single: "prefix", doc: "The prefixes, at most 100; an empty one by itself is everything", most: maxWatchPrefixes, prefixes: true}

	initialParam = boolParam{name: "initial", doc: "`false` leaves out the first event, with the state at the start. Default `true`."}
	sinceParam   = param{name: "since", schema: ref("Versionstamp"), doc: "Go on after this position instead of starting with the present state."}
	lastEventID  = param{name: "Last-Event-ID", schema: ref("Versionstamp"), doc: "The same as `since`; browsers send it when they connect again. If both are given, this one counts."}
)

// watchRoutes are those that tell of changes; none without a watch.
func (s *Server) watchRoutes() []route {
	if s.cfg.Watch == nil {
		return nil
	}
	stream := route{
		method: http.MethodGet, tag: "watch", scope: read, waits: true,
		doc: "Server-sent events: `event: change` with an array of entries, all that one operation changed of what is watched (deleted and expired ones with `null`s), and its versionstamp as `id`; " +
			"`event: ping` every 15 s without events, its `id` the newest position that the stream has passed; `event: reset` when the position of a running stream is lost: begin anew. " +
			"Every change is seen, or folded into a later one of the same key.",
		header:  []param{lastEventID, minVersionstamp},
		answers: []answerSpec{{status: 200, doc: "The stream.", contentType: eventStreamType, schema: text(""), headers: []param{versionstampAnswer}}},
		errors:  []api.Code{api.InvalidKey, api.PositionLost, api.Unavailable, api.Timeout},
	}
	keys, prefixes := stream, stream
	keys.pattern, keys.op, keys.summary, keys.serve = "/watch", "watch", "Follow keys", s.watchKeys
	keys.query = append(watchKeys.params(), initialParam.param(), sinceParam, consistencyParam.param())
	keys.elsewhere, prefixes.elsewhere = watchPrefixes.takenBy("/watch/prefix"), watchKeys.takenBy("/watch")
	prefixes.pattern, prefixes.op, prefixes.summary, prefixes.serve = "/watch/prefix", "watch_prefix", "Follow everything at or below prefixes", s.watchPrefix
	prefixes.query = append(watchPrefixes.params(), initialParam.param(), sinceParam, consistencyParam.param(), limitParam.param())
	return append([]route{keys, prefixes}, s.watchPollRoutes()...)
}

func (s *Server) watchKeys(ctx context.Context, c *call) error {
	keys, err := watchKeys.get(c.query)
	if err != nil {
		return err
	}
	return s.watch(ctx, c, watch.Request{Keys: keys})
}

func (s *Server) watchPrefix(ctx context.Context, c *call) error {
	prefixes, err := watchPrefixes.get(c.query)
	if err != nil {
		return err
	}
	limit, err := limitParam.get(c.query)
	if err != nil {
		return err
	}
	return s.watch(ctx, c, watch.Request{Keys: prefixes, Prefixes: true, Limit: int(min(limit, maxListLimit))})
}

// watch opens a stream and feeds it.
func (s *Server) watch(ctx context.Context, c *call, req watch.Request) error {
	initial, given, err := initialParam.get(c.query)
	if err != nil {
		return err
	}
	req.Initial = initial || !given
	if req.Read, err = c.readOptions(); err != nil {
		return err
	}
	if req.Since, err = c.since(); err != nil {
		return err
	}
	req.Reserve = func(entries []kv.Entry) error { return c.claim(entriesBytes(entries)) }
	events, err := s.cfg.Watch.Open(ctx, req)
	if err != nil {
		return err
	}
	c.setVersionstamp(events.Start())
	first := c.answer.hand()
	end := func() { events.Close(); first.release() }
	err = c.serveIdle(ctx, func(ctx context.Context, stream *eventStream) error {
		defer end()
		if err := stream.retry(watchRetry); err != nil {
			return err
		}
		return feedChanges(ctx, stream, events, first)
	})
	if errors.Is(err, errDraining) {
		end()
	}
	return err
}

// since is the position to go on after, "" for none.
func (c *call) since() (kv.Versionstamp, error) {
	raw, name := c.r.Header.Get(lastEventID.name), lastEventID.name
	if raw == "" {
		var given bool
		if raw, given = c.query.text(sinceParam.name); !given {
			return "", nil
		}
		name = sinceParam.name
	}
	v, err := kv.ParseVersionstamp(raw)
	if err != nil {
		return "", invalidArgument("%s is %q, want 20 lower-case hex digits", name, clip(raw))
	}
	return v, nil
}

// feedChanges writes events to the stream until its reader has gone, the
// node drains, or the position is lost. What the first one holds is released once it is
// written.
func feedChanges(ctx context.Context, stream *eventStream, events *watch.Stream, first *share) error {
	for {
		e, err := events.Next(ctx, watchPing)
		lost, isLost := errors.AsType[*watch.LostError](err)
		switch {
		case isLost:
			return stream.send(renderReset(lost))
		case err != nil:
			return nil // the reader has gone, or the node drains
		case e == nil:
			err = stream.event(api.EventPing, string(events.Passed()), nil)
		default:
			if err = stream.send(e.Rendered(renderChange)); err == nil {
				events.Wrote(e)
				first.release()
			}
		}
		if err != nil {
			return err
		}
	}
}

// renderChange is done once for all streams that see the same.
func renderChange(e *watch.Event) []byte {
	return renderEvent(api.EventChange, string(e.Versionstamp), entriesBytes(e.Entries), func(dst []byte) []byte {
		return appendEntries(dst, e.Entries)
	})
}

// renderReset ends a stream. Its empty id makes a browser forget the one that it
// has, so that it begins anew when it connects again.
func renderReset(lost *watch.LostError) []byte {
	data := appendJSON(nil, api.ErrorBody{
		Code: api.PositionLost, Message: lost.Error(), Oldest: api.Versionstamp(lost.Oldest)})
	return append(appendField(appendField(appendField(nil, "event", api.EventReset), "id", ""), "data", data), '\n')
}
