package search

import (
	"errors"
	"fmt"
	"slices"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
	"github.com/buntime/keyval/kv/search/query"
)

// Deps is what the room needs.
type Deps struct {
	Indexes access.Guarded[Indexes]
	// DefaultConsistency is what a read under "/" gets when it does not ask.
	DefaultConsistency kv.Consistency
}

// room is the room of full-text indexes.
type room struct{ Deps }

// Room is the room.
func Room(deps Deps) route.Room {
	s := &room{deps}
	return route.Room{
		Routes:  slices.Concat(s.indexRoutes(), s.searchRoutes()),
		Schemas: schemas,
		Errors: []route.ErrorRow{
			{Is: search.ErrBuilding, Code: api.IndexBuilding, Told: building},
			{Is: query.ErrSyntax, Code: api.InvalidArgument, Detail: querySyntax},
		},
	}
}

var tagSearch = &route.Tag{Name: "search", Doc: "Full-text indexes, and what is found by them."}

func building(error) route.Sentence {
	return route.Sentence{Reason: search.ErrBuilding.Error(), Advice: "GET /indexes tells how far it is; search again when it is ready"}
}

func querySyntax(_ error, body *api.ErrorBody) { body.Reason = api.QuerySyntax }

// advised says what to do about there being no index.
func advised(err error) error {
	if errors.Is(err, search.ErrNoIndex) {
		return fmt.Errorf("%w; POST /indexes makes one", err)
	}
	return err
}
