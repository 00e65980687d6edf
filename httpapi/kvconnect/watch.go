package kvconnect

import (
	"context"
	"errors"
	"time"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

const (
	frames = "application/octet-stream"
	// pingAfter is how often a stream without changes shows that it lives.
	pingAfter = 5 * time.Second
)

func (r *room) watchRoute(e endpoint) route.Route {
	w := r.dataRoute(e, "watch")
	w.Scope, w.Waits, w.Summary = access.Watch, true, "Follow keys"
	w.Doc = "Frames, each a length of four bytes, the least one first, and a `WatchOutput` with the state of all keys; an empty one every 5 s without changes."
	w.Body = r.body("Watch")
	w.Answers = []route.Answer{{Status: 200, Doc: "The frames.", ContentType: frames, Schema: messageSchema("WatchOutput")}}
	w.Errors = append([]api.Code{api.InvalidKey}, wire.ReadErrors...)
	w.Serve = func(ctx context.Context, c *route.Call) error { return r.watch(ctx, c, e.consistency) }
	return w
}

var watchFields = []repeated{{number: 1, name: "keys", most: maxWatchedKeys}}

func (r *room) watch(ctx context.Context, c *route.Call, consistency kv.Consistency) error {
	keys, err := r.watchedKeys(ctx, c)
	if err != nil {
		return err
	}
	events, err := r.Watch.For(c.Grant).Open(ctx, watch.Request{
		Keys: keys, Initial: true, Read: kv.ReadOptions{Consistency: consistency},
		Reserve: func(entries []kv.Entry) error { return reserveFrame(c, entries) },
	})
	if err != nil {
		return err
	}
	state := newState(keys, c.HandAnswer())
	end := func() { events.Close(); state.room.Release() }
	c.ContentType = frames
	err = r.Streams.ServeIdle(ctx, c, func(ctx context.Context, stream *sse.Stream) error {
		defer end()
		return feed(ctx, stream, events, state)
	})
	if errors.Is(err, route.Draining) {
		end()
	}
	return err
}

// reserveFrame has room for the first frame, and refuses one that Deno would not read: it
// ends the connection over it and makes it again, without end.
func reserveFrame(c *route.Call, entries []kv.Entry) error {
	if err := c.Claim(stateBytes(entries)); err != nil {
		return err
	}
	const mostGrowth = 3 // of JSON in V8
	if entriesBytes(entries) > maxFrame/mostGrowth && len(appendFrame(nil, entries)) > maxFrame {
		return route.TooLarge("the watched values pass %d MiB together", maxFrame>>20)
	}
	return nil
}

// stateBytes is about what a stream holds while a frame is written: the entries, and what
// they have become.
func stateBytes(entries []kv.Entry) int64 { return 2 * entriesBytes(entries) }

// watchedKeys are those of a request.
func (r *room) watchedKeys(ctx context.Context, c *route.Call) ([]kv.Key, error) {
	var req datapath.Watch
	if err := r.receive(ctx, c, &req, watchFields, 3); err != nil {
		return nil, err
	}
	keys := make([]kv.Key, len(req.GetKeys()))
	for i, k := range req.GetKeys() {
		if len(k.GetKey()) > maxReadKey {
			return nil, route.TooLarge("Key too large for read (max %d bytes)", maxReadKey)
		}
		keys[i] = kv.Key(k.GetKey())
	}
	return keys, nil
}

// feed writes a frame for the state at the start and for each change, or for several
// that have come together, until the reader has gone, the node drains, or the position
// is lost: then the client connects again.
func feed(ctx context.Context, stream *sse.Stream, events *watch.Stream, s *state) error {
	if len(s.keys) == 0 {
		if err := stream.Send(appendFrame(nil, nil)); err != nil {
			return err
		}
	}
	for {
		frame, e, err := s.next(ctx, events)
		if err != nil {
			return err
		}
		if err := stream.Send(frame); err != nil {
			return err
		}
		if e != nil {
			events.Wrote(e)
		}
	}
}

// A state is what a stream has told of its keys. Each frame has all of it, so that it is
// kept while there is something else to come.
type state struct {
	keys    []kv.Key
	entries []kv.Entry // in the order of keys
	room    *route.Share
}

func newState(keys []kv.Key, room *route.Share) *state {
	return &state{keys: keys, entries: make([]kv.Entry, len(keys)), room: room}
}

// next is the next frame, and the last event that it tells of, nil for a ping.
func (s *state) next(ctx context.Context, events *watch.Stream) ([]byte, *watch.Event, error) {
	var last *watch.Event
	for patience := pingAfter; ; patience = 0 {
		e, err := events.Next(ctx, patience)
		switch {
		case err != nil:
			return nil, nil, err
		case e == nil && last == nil:
			return ping, nil, nil
		case e == nil:
			return appendFrame(nil, s.entries), last, s.keepRoom()
		}
		s.take(e)
		last = e
	}
}

// take notes what an event tells. The keys are ten at most.
func (s *state) take(e *watch.Event) {
	for i := range e.Entries {
		for k, key := range s.keys {
			if key == e.Entries[i].Key {
				s.entries[k] = e.Entries[i]
			}
		}
	}
}

// keepRoom has room for what the next frame needs, however large values have become.
func (s *state) keepRoom() error {
	if n := stateBytes(s.entries); n > route.FreeBytes && !s.room.Grow(n) {
		return route.Overloaded("too many large values are watched")
	}
	return nil
}
