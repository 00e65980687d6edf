package watches

import (
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// Deps is what the room needs.
type Deps struct {
	Watch access.Guarded[Watch]
	// DefaultConsistency is what a read under "/" gets when it does not ask.
	DefaultConsistency kv.Consistency
	Streams            *sse.Streams
}

// room is the room of changes.
type room struct{ Deps }

// Room is the room.
func Room(deps Deps) route.Room {
	w := &room{deps}
	return route.Room{
		Routes: append(w.watchRoutes(), w.watchPollRoutes()...),
		Errors: []route.ErrorRow{{Is: watch.ErrClosed, Code: api.Unavailable}},
	}
}

var tagWatch = &route.Tag{Name: "watch", Doc: "Changes of keys and prefixes as they happen."}
