package watches

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// Watch is what the routes need of the node's watch. *watch.Hub implements it.
// Errors wrap those of Room.Errors, wire.Errors or the database. Methods are called concurrently.
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

func (p keysParam) params() []route.Param {
	return []route.Param{
		{Name: p.list, Doc: p.doc + ", separated by commas.", Schema: route.Text(""), Repeated: true},
		{Name: p.single, Doc: "One of them; may be repeated.", Schema: route.Text(""), Repeated: true},
	}
}

// takenBy says which route takes these parameters.
func (p keysParam) takenBy(route string) map[string]string {
	return map[string]string{p.list: route, p.single: route}
}

// get returns all keys in the order in which they are given, lists first.
func (p keysParam) get(q route.Query) ([]kv.Key, error) {
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
		return nil, route.InvalidArgument("%s or %s is missing", p.list, p.single)
	case len(keys) > p.most:
		return nil, route.InvalidArgument("there are %d %s, at most %d are allowed", len(keys), p.list, p.most)
	case p.prefixes && len(keys) > 1 && slices.Contains(keys, ""):
		// The empty prefix is everything: not what a comma too many means.
		return nil, route.InvalidArgument("one of %d %s is empty", len(keys), p.list)
	}
	return keys, nil
}

func (p keysParam) elements(q route.Query) []string {
	var all []string
	for _, list := range q[p.list] {
		all = append(all, strings.Split(list, ",")...)
	}
	return append(all, q[p.single]...)
}

var (
	watchKeys     = keysParam{list: "keys", single: "key", doc: "The keys, at most 1,000", most: maxWatchKeys}
	watchPrefixes = keysParam{list: "prefixes", single: "prefix", doc: "The prefixes, at most 100; an empty one by itself is everything", most: maxWatchPrefixes, prefixes: true}

	initialParam = route.BoolParam{Name: "initial", Doc: "`false` leaves out the first event, with the state at the start. Default `true`."}
	sinceParam   = route.Param{Name: "since", Schema: route.Ref("Versionstamp"), Doc: "Go on after this position instead of starting with the present state."}
	lastEventID  = route.Param{Name: "Last-Event-ID", Schema: route.Ref("Versionstamp"), Doc: "The same as `since`; browsers send it when they connect again. If both are given, this one counts."}
)

// watchRoutes are those that tell of changes.
func (w *room) watchRoutes() []route.Route {
	stream := route.Route{
		Method: http.MethodGet, Tag: tagWatch, Scope: access.Watch, Waits: true,
		Doc: "Server-sent events: `event: change` with an array of entries, all that one operation changed of what is watched (deleted and expired ones with `null`s), and its versionstamp as `id`; " +
			"`event: ping` every 15 s without events, its `id` the newest position that the stream has passed; `event: reset` when the position of a running stream is lost: begin anew. " +
			"Every change is seen, or folded into a later one of the same key.",
		Header:  []route.Param{lastEventID, wire.MinVersionstamp},
		Answers: []route.Answer{{Status: 200, Doc: "The stream.", ContentType: route.EventStream, Schema: route.Text(""), Headers: []route.Param{wire.VersionstampAnswer}}},
		Errors:  []api.Code{api.InvalidKey, api.PositionLost, api.Unavailable, api.Timeout},
	}
	keys, prefixes := stream, stream
	keys.Pattern, keys.Op, keys.Summary, keys.Serve = "/watch", "watch", "Follow keys", w.watchKeys
	keys.Query = append(watchKeys.params(), initialParam.Param(), sinceParam, wire.ConsistencyParam.Param())
	keys.Elsewhere, prefixes.Elsewhere = watchPrefixes.takenBy("/watch/prefix"), watchKeys.takenBy("/watch")
	prefixes.Pattern, prefixes.Op, prefixes.Summary, prefixes.Serve = "/watch/prefix", "watch_prefix", "Follow everything at or below prefixes", w.watchPrefix
	prefixes.Query = append(watchPrefixes.params(), initialParam.Param(), sinceParam, wire.ConsistencyParam.Param(), wire.LimitParam.Param())
	return append([]route.Route{keys, prefixes}, w.watchPollRoutes()...)
}

func (w *room) watchKeys(ctx context.Context, c *route.Call) error {
	keys, err := watchKeys.get(c.Query)
	if err != nil {
		return err
	}
	return w.watch(ctx, c, watch.Request{Keys: keys})
}

func (w *room) watchPrefix(ctx context.Context, c *route.Call) error {
	prefixes, err := watchPrefixes.get(c.Query)
	if err != nil {
		return err
	}
	limit, err := wire.Limit(c.Query)
	if err != nil {
		return err
	}
	return w.watch(ctx, c, watch.Request{Keys: prefixes, Prefixes: true, Limit: limit})
}

// watch opens a stream and feeds it.
func (w *room) watch(ctx context.Context, c *route.Call, req watch.Request) error {
	initial, given, err := initialParam.Get(c.Query)
	if err != nil {
		return err
	}
	req.Initial = initial || !given
	if req.Read, err = wire.ReadOptions(c, w.DefaultConsistency, ""); err != nil {
		return err
	}
	if req.Since, err = since(c); err != nil {
		return err
	}
	req.Reserve = func(entries []kv.Entry) error { return c.Claim(wire.EntriesBytes(entries)) }
	events, err := w.Watch.For(c.Grant).Open(ctx, req)
	if err != nil {
		return err
	}
	wire.SetVersionstamp(c, events.Start())
	first := c.HandAnswer()
	end := func() { events.Close(); first.Release() }
	err = w.Streams.ServeIdle(ctx, c, func(ctx context.Context, stream *sse.Stream) error {
		defer end()
		if err := stream.Retry(watchRetry); err != nil {
			return err
		}
		return feedChanges(ctx, stream, events, first)
	})
	if errors.Is(err, route.Draining) {
		end()
	}
	return err
}

// since is the position to go on after, "" for none.
func since(c *route.Call) (kv.Versionstamp, error) {
	raw, name := c.Request.Header.Get(lastEventID.Name), lastEventID.Name
	if raw == "" {
		var given bool
		if raw, given = c.Query.Text(sinceParam.Name); !given {
			return "", nil
		}
		name = sinceParam.Name
	}
	v, err := kv.ParseVersionstamp(raw)
	if err != nil {
		return "", route.InvalidArgument("%s is %q, want 20 lower-case hex digits", name, route.Clip(raw))
	}
	return v, nil
}

// feedChanges writes events to the stream until its reader has gone, the
// node drains, or the position is lost. What the first one holds is released once it is
// written.
func feedChanges(ctx context.Context, stream *sse.Stream, events *watch.Stream, first *route.Share) error {
	for {
		e, err := events.Next(ctx, watchPing)
		lost, isLost := errors.AsType[*watch.LostError](err)
		switch {
		case isLost:
			return stream.Send(renderReset(lost))
		case err != nil:
			return nil // the reader has gone, or the node drains
		case e == nil:
			err = stream.Event(api.EventPing, string(events.Passed()), nil)
		default:
			if err = stream.Send(e.Rendered(renderChange)); err == nil {
				events.Wrote(e)
				first.Release()
			}
		}
		if err != nil {
			return err
		}
	}
}

// renderChange is done once for all streams that see the same.
func renderChange(e *watch.Event) []byte {
	return sse.RenderEvent(api.EventChange, string(e.Versionstamp), wire.EntriesBytes(e.Entries), func(dst []byte) []byte {
		return wire.AppendEntries(dst, e.Entries)
	})
}

// renderReset ends a stream. Its empty id makes a browser forget the one that it
// has, so that it begins anew when it connects again.
func renderReset(lost *watch.LostError) []byte {
	data := route.AppendJSON(nil, api.ErrorBody{
		Code: api.PositionLost, Message: lost.Error(), Oldest: api.Versionstamp(lost.Oldest)})
	return append(sse.AppendField(sse.AppendField(sse.AppendField(nil, "event", api.EventReset), "id", ""), "data", data), '\n')
}
