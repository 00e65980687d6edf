package kvconnect

import (
	"context"
	"net/http"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/internal/v8value"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
	"github.com/buntime/keyval/watch"
)

// Store is the database behind the protocol. *kv.Store implements it.
type Store interface {
	Get(ctx context.Context, keys []kv.Key, opts kv.ReadOptions) ([]kv.Entry, kv.Versionstamp, error)
	List(ctx context.Context, sel kv.Selector, opts kv.ReadOptions) (kv.Page, error)
	Transaction(ctx context.Context, req kv.TransactionRequest) (kv.TransactionResult, error)
	Atomic(ctx context.Context, req kv.AtomicRequest) (kv.AtomicResult, error)
}

// Watch is the node's watch. *watch.Hub implements it.
type Watch interface {
	Open(ctx context.Context, req watch.Request) (*watch.Stream, error)
}

// NewPart makes messages a part of an operation.
type NewPart func([]queue.Enqueue) (*queue.Part, error)

// Deps is what the room needs.
type Deps struct {
	Store access.Guarded[Store]
	// Watch is not given where there is none.
	Watch access.Guarded[Watch]
	// NewPart is not given where there are no queues.
	NewPart access.Guarded[NewPart]
	Tokens  *access.DataTokens
	// DatabaseID is the UUID of the database, the same on all nodes.
	DatabaseID func(context.Context) (string, error)
	// PublicURL is where clients reach the metadata, without a slash at its end; "" where
	// they find the rest beside what they have asked.
	PublicURL string
	// MaxValueBytes is the largest value, in bytes of its encoding. 0: Deno's 64 KiB.
	MaxValueBytes int
	Streams       *sse.Streams
}

// room is the room of KV Connect.
type room struct {
	Deps
	limits limits
}

// Room is the room.
func Room(deps Deps) route.Room {
	r := &room{deps, newLimits(deps.MaxValueBytes)}
	routes := []route.Route{r.metadataRoute(), r.writeRoute()}
	for _, e := range endpoints {
		routes = append(routes, r.readRoute(e))
		if deps.Watch.Given() {
			routes = append(routes, r.watchRoute(e))
		}
	}
	return route.Room{
		Routes: routes,
		Errors: []route.ErrorRow{{Is: v8value.ErrInvalid, Code: api.InvalidValue}},
	}
}

var tag = &route.Tag{Name: "kv connect", Doc: "Deno's KV Connect protocol, for `Deno.openKv` and npm's `@deno/kv`. Messages are its Protocol Buffers; errors are plain text, 503 alone means to try again."}

// An endpoint is where a client reads with one consistency.
type endpoint struct {
	path        string // below the metadata's
	alias       string
	name        string // of the consistency, in the metadata
	consistency kv.Consistency
}

// endpoints are those that the metadata tells of. Deno uses the first one for
// everything, npm's @deno/kv the second one for eventual reads and for watches.
var endpoints = []endpoint{
	{path: "/v2", name: "strong", consistency: kv.Strong},
	{path: "/v2/eventual", alias: "Eventual", name: "eventual", consistency: kv.Eventual},
}

// dataRoute is what the routes of the data path have in common.
func (r *room) dataRoute(e endpoint, name string) route.Route {
	return route.Route{
		Method: http.MethodPost, Pattern: e.path + "/" + name, Op: "kvconnect_" + name, Alias: e.alias, Tag: tag,
		Header:     []route.Param{versionHeader, databaseHeader},
		DataTokens: true, StatusOf: statusOf,
	}
}

// body is a message in a request.
func (r *room) body(message string) *route.Body {
	return &route.Body{Schema: messageSchema(message), ContentType: protobuf, MaxBytes: r.limits.body}
}

// protobuf is the content type of messages, which npm wants without parameters.
const protobuf = "application/x-protobuf"

func messageSchema(name string) *route.Schema {
	return &route.Schema{Type: "string", Description: "The message " + name + "."}
}

var writeErrors = append([]api.Code{api.InvalidKey, api.InvalidValue, api.TypeMismatch, api.OutOfRange}, wire.WriteErrors...)
