package httpapi

import (
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// KeysDeps is what the room needs.
type KeysDeps struct {
	Store Store
	// DefaultConsistency is what a read under "/" gets when it does not ask.
	DefaultConsistency kv.Consistency
	// MaxValueBytes is the largest value, in bytes of JSON.
	MaxValueBytes int
	Messages      Messages
}

// Messages are how an operation enqueues.
type Messages struct {
	// Schema is that of a message in a body, Decode reads one.
	Schema *route.Schema
	Decode func(*route.Decoder) (queue.Enqueue, error)
	// NewPart makes them a part of the operation; nil: there are no queues.
	NewPart func([]queue.Enqueue) (*queue.Part, error)
}

// keys is the room of entries, one by one and several at once.
type keys struct {
	KeysDeps
	atomicMembers, transactionMembers route.Members
}

func newKeys(deps KeysDeps) *keys {
	k := &keys{KeysDeps: deps, atomicMembers: deps.Messages.members()}
	k.transactionMembers = transactionMembers(k.atomicMembers)
	return k
}

// KeysRoom is the room.
func KeysRoom(deps KeysDeps) route.Room {
	k := newKeys(deps)
	var routes []route.Route
	for _, group := range [][]route.Route{k.keyReadRoutes(), k.keyWriteRoutes(), k.atomicRoutes()} {
		routes = append(routes, group...)
	}
	return route.Room{Routes: routes, Schemas: atomicSchemas}
}

var (
	tagKeys   = &route.Tag{Name: "keys", Doc: "Entries one by one, in lists and in pages."}
	tagAtomic = &route.Tag{Name: "atomic", Doc: "Several keys at once, all or nothing."}
)
