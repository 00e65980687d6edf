package queues

import (
	"log/slog"
	"slices"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/queue"
)

// Deps is what the room needs.
type Deps struct {
	Queue access.Guarded[*Reached]
	// Store commits what is enqueued.
	Store access.Guarded[wire.Atomic]
	// MaxValueBytes is the largest value, in bytes of JSON.
	MaxValueBytes int
	Streams       *sse.Streams
	Logger        *slog.Logger
}

// room is the room of messages.
type room struct{ Deps }

// Room is the room.
func Room(deps Deps) route.Room {
	q := &room{deps}
	return route.Room{
		Routes: slices.Concat(q.queueRoutes(), q.messageRoutes(), q.deadLetterRoutes()),
		Errors: []route.ErrorRow{
			{Is: queue.ErrLockLost, Code: api.LockLost},
			{Is: queue.ErrClosed, Code: api.Unavailable},
		},
		Sections: map[string]route.Section{"queue": q.queueSnapshot},
	}
}

var (
	tagQueues      = &route.Tag{Name: "queues", Doc: "Messages that are delivered at least once."}
	tagDeadLetters = &route.Tag{Name: "dead letters", Doc: "Messages whose last attempt failed."}
)
