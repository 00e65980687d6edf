package httpapi

import (
	"maps"
	"strings"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/keys"
	"github.com/buntime/keyval/httpapi/kvconnect"
	"github.com/buntime/keyval/httpapi/operate"
	"github.com/buntime/keyval/httpapi/queues"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/search"
	"github.com/buntime/keyval/httpapi/tickets"
	"github.com/buntime/keyval/httpapi/watches"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/queue"
)

// rooms are the tenants of the API, each with what it needs. This is where a new one
// is registered, in the order in which the document shows them.
func (s *Server) rooms() []route.Room {
	store := keys.Guard(s.cfg.Store)
	rooms := []route.Room{
		{Schemas: wire.Schemas},
		keys.Room(keys.Deps{
			Store: store, DefaultConsistency: s.cfg.DefaultConsistency, MaxValueBytes: s.cfg.MaxValueBytes,
			Messages: s.messages(),
		}),
	}
	if s.cfg.Queue != nil {
		rooms = append(rooms, queues.Room(queues.Deps{
			Queue: queues.Guard(s.cfg.Queue), Store: access.Guard(func(g *access.Grant) wire.Atomic { return store.For(g) }),
			MaxValueBytes: s.cfg.MaxValueBytes, Streams: s.streams, Logger: s.cfg.Logger,
		}))
	}
	if s.cfg.Watch != nil {
		rooms = append(rooms, watches.Room(watches.Deps{
			Watch: watches.Guard(s.cfg.Watch), DefaultConsistency: s.cfg.DefaultConsistency, Streams: s.streams,
		}))
	}
	if s.cfg.Indexes != nil {
		rooms = append(rooms, search.Room(search.Deps{
			Indexes: search.Guard(s.cfg.Indexes), DefaultConsistency: s.cfg.DefaultConsistency,
		}))
	}
	rooms = append(rooms, kvconnect.Room(s.kvconnect()))
	return append(rooms,
		operate.Room(operate.Deps{
			Cluster: s.cfg.Cluster, Node: s.cfg.Node, Positions: s.cfg.Positions, Indexes: s.cfg.IndexCounts, Checks: s.cfg.Checks,
			Gatherer: s.cfg.Gatherer, Sections: sections(s.cfg.Snapshots, rooms),
		}),
		tickets.Room(s.tickets),
		route.Room{Routes: s.documentRoutes()},
	)
}

// RootNames are the first segments of all routes under "/", which a base path would
// hide that begins with one.
func RootNames() []string {
	s := &Server{cfg: Config{Queue: struct{ Queue }{}, Watch: struct{ Watch }{}, Indexes: struct{ Indexes }{}}}
	var names []string
	for _, room := range s.rooms() {
		for _, r := range room.Routes {
			name, _, _ := strings.Cut(strings.TrimPrefix(r.Pattern, "/"), "/")
			names = append(names, name)
		}
	}
	return names
}

// messages let an atomic operation enqueue.
func (s *Server) messages() keys.Messages {
	m := keys.Messages{
		Schema: queues.MessageSchema,
		Decode: func(d *route.Decoder) (queue.Enqueue, error) { return queues.DecodeMessage(d, s.cfg.MaxValueBytes) },
	}
	if s.cfg.Queue != nil {
		reached := queues.Guard(s.cfg.Queue)
		m.NewPart = access.Guard(func(g *access.Grant) keys.NewPart { return reached.For(g).NewPart })
	}
	return m
}

// sections are the given ones and those of rooms.
func sections(given map[string]route.Section, rooms []route.Room) map[string]route.Section {
	all := map[string]route.Section{}
	maps.Copy(all, given)
	for _, room := range rooms {
		maps.Copy(all, room.Sections)
	}
	return all
}
