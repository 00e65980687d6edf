package httpapi

import (
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// WatchesDeps is what the room needs.
type WatchesDeps struct {
	Watch Watch
	// DefaultConsistency is what a read under "/" gets when it does not ask.
	DefaultConsistency kv.Consistency
	Streams            *sse.Streams
}

// watches is the room of changes.
type watches struct{ WatchesDeps }

// WatchesRoom is the room.
func WatchesRoom(deps WatchesDeps) route.Room {
	w := &watches{deps}
	return route.Room{
		Routes: append(w.watchRoutes(), w.watchPollRoutes()...),
		Errors: []route.ErrorRow{{Is: watch.ErrClosed, Code: api.Unavailable}},
	}
}

var tagWatch = &route.Tag{Name: "watch", Doc: "Changes of keys and prefixes as they happen."}
