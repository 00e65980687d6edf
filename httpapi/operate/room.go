package operate

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
)

// Deps is what the room needs.
type Deps struct {
	// Cluster is what GET /cluster tells about the other nodes; nil: a node that
	// knows no other.
	Cluster Cluster
	// Node is what GET /cluster tells about this node.
	Node api.ClusterNode
	// Positions is how far this node knows the database and has read it; nil:
	// GET /cluster tells none.
	Positions func() api.Positions
	// Indexes is what GET /cluster tells about full-text indexes; nil, or nothing that it
	// returns: it does not.
	Indexes func(context.Context) *api.ClusterIndexes
	// Checks must all pass for GET /readyz to answer 200.
	Checks []Check
	// Gatherer is what GET /metrics/prometheus shows.
	Gatherer prometheus.Gatherer
	// Sections are those of the JSON of GET /metrics apart from operations.
	Sections map[string]route.Section
}

// A Check is one condition of readiness.
type Check struct {
	// Name is what the answer of GET /readyz calls the check: database, position.
	Name string
	// Ready is nil, or why the node should get no requests. It must not block
	// longer than the context allows.
	Ready func(context.Context) error
}

// Cluster is what this node knows of the others. Methods do not block.
type Cluster interface {
	Members() []api.Member
	// Leader is nil while there is none; epoch is that of the newest leader that
	// this node knows.
	Leader() (leader *api.ClusterLeader, epoch uint64)
}

// room is the room of whoever runs the node.
type room struct{ Deps }

// Room is the room.
func Room(deps Deps) route.Room {
	o := &room{deps}
	return route.Room{Routes: o.operatingRoutes(), Schemas: operatingSchemas}
}

// Tag is the group of routes that are to be answered when others are not.
var Tag = &route.Tag{Name: "operating", Doc: "For whoever runs the node.", Operating: true}
