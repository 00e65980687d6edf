package keys

import (
	"slices"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// Deps is what the room needs.
type Deps struct {
	Store access.Guarded[Store]
	// DefaultConsistency is what a read under "/" gets when it does not ask.
	DefaultConsistency kv.Consistency
	// MaxValueBytes is the largest value, in bytes of JSON.
	MaxValueBytes int
	Messages      Messages
}

// NewPart makes messages a part of an operation.
type NewPart func([]queue.Enqueue) (*queue.Part, error)

// Messages are how an operation enqueues.
type Messages struct {
	// Schema is that of a message in a body, Decode reads one.
	Schema *route.Schema
	Decode func(*route.Decoder) (queue.Enqueue, error)
	// NewPart makes them a part of the operation; not given: there are no queues.
	NewPart access.Guarded[NewPart]
}

// room is the room of entries, one by one and several at once.
type room struct {
	Deps
	atomicMembers, transactionMembers route.Members
}

func newRoom(deps Deps) *room {
	k := &room{Deps: deps, atomicMembers: deps.Messages.members()}
	k.transactionMembers = transactionMembers(k.atomicMembers)
	return k
}

// Room is the room.
func Room(deps Deps) route.Room {
	k := newRoom(deps)
	return route.Room{
		Routes:  slices.Concat(k.keyReadRoutes(), k.keyWriteRoutes(), k.keyDeleteRoutes(), k.atomicRoutes()),
		Schemas: atomicSchemas,
	}
}

var (
	tagKeys   = &route.Tag{Name: "keys", Doc: "Entries one by one, in lists and in pages."}
	tagAtomic = &route.Tag{Name: "atomic", Doc: "Several keys at once, all or nothing."}
)
