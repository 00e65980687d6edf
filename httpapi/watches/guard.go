package watches

import (
	"context"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// Guard lets a call watch what its grant reaches.
func Guard(w Watch) access.Guarded[Watch] {
	return access.Guard(func(g *access.Grant) Watch {
		if g.Prefixes() == nil {
			return w
		}
		return &guarded{w, g}
	})
}

type guarded struct {
	watch Watch
	grant *access.Grant
}

// reach is for keys and for prefixes: what is at or below a key that is reached is, too.
func (w *guarded) reach(keys []kv.Key) error { return wire.ReachAll(w.grant, keys) }

func (w *guarded) Open(ctx context.Context, req watch.Request) (*watch.Stream, error) {
	if err := w.reach(req.Keys); err != nil {
		return nil, err
	}
	return w.watch.Open(ctx, req)
}

func (w *guarded) PollKeys(ctx context.Context, poll watch.KeysPoll) (watch.KeysChanged, error) {
	if err := w.reach(poll.Keys); err != nil {
		return watch.KeysChanged{}, err
	}
	return w.watch.PollKeys(ctx, poll)
}

func (w *guarded) PollPrefix(ctx context.Context, poll watch.PrefixPoll) (watch.PrefixChanged, error) {
	if err := w.reach(poll.Prefixes); err != nil {
		return watch.PrefixChanged{}, err
	}
	// What a client says that it knows is looked for as well.
	for key := range poll.Known {
		if err := wire.Reach(w.grant, key); err != nil {
			return watch.PrefixChanged{}, err
		}
	}
	return w.watch.PollPrefix(ctx, poll)
}
