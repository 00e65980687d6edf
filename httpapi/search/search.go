package search

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
)

// maxSearchBody is room for a query, a filter and three keys, and for white space.
const maxSearchBody = 192 << 10

var (
	prefixParam    = wire.KeyParam{Name: "prefix", Doc: "Selects the keys at and below it, by whole parts. None: all keys. The index is the one over it, or over the next prefix above it that has one."}
	queryParam     = route.TextParam{Name: "query", Doc: "Words, all of which must be there; `\"a phrase\"`, `run*`, `AND`, `OR`, `NOT`, `NEAR(a b, 5)`, `field: word`. A text that is none of these is searched for its words."}
	reverseParam   = route.BoolParam{Name: "reverse", Doc: "From the least relevant to the most relevant."}
	highlightParam = route.BoolParam{Name: "highlight", Doc: "Adds to each entry its best passage, as HTML."}
)

// searchRoutes search, asked for in the query or in a body.
func (s *room) searchRoutes() []route.Route {
	get := route.Route{
		Method: http.MethodGet, Pattern: "/search", Op: "search", Tag: tagSearch, Scope: access.Read,
		Summary: "Search entries for words",
		Doc:     "By relevance. There must be an index over the prefix or above it, else it is 404 `not_found`; while that is being built, 409 `index_building`.",
		Query: []route.Param{
			prefixParam.Param(), queryParam.Param(), wire.StartParam.Param(), wire.EndParam.Param(), wire.LimitParam.Param(),
			reverseParam.Param(), highlightParam.Param(), wire.ConsistencyParam.Param(),
		},
		Elsewhere: map[string]string{"where": "POST /search"},
		Header:    []route.Param{wire.MinVersionstamp},
		Answers: []route.Answer{{
			Status: 200, Doc: "The entries by relevance.", Schema: route.Array(route.Ref("Match")), Headers: []route.Param{wire.VersionstampAnswer},
		}},
		Errors: append([]api.Code{api.InvalidKey, api.NotFound, api.IndexBuilding}, wire.ReadErrors...),
		Serve: func(ctx context.Context, c *route.Call) error {
			req, err := searchQuery(c.Query)
			if err != nil {
				return err
			}
			return s.search(ctx, c, req)
		},
	}
	post := get
	post.Method, post.Alias, post.Elsewhere = http.MethodPost, "body", nil
	post.Summary += ", asked for in a body"
	post.Doc += " The members may stand in `options`."
	post.Query = []route.Param{wire.ConsistencyParam.Param()}
	post.Body = &route.Body{Schema: route.Object(nested(searchMembers)), MaxBytes: maxSearchBody}
	post.Errors = append([]api.Code{api.InvalidFilter}, get.Errors...)
	post.Serve = func(ctx context.Context, c *route.Call) error {
		body, err := c.ReadBody()
		if err != nil {
			return err
		}
		req, err := decodeSearch(body)
		if err != nil {
			return err
		}
		return s.search(ctx, c, req)
	}
	return []route.Route{get, post}
}

// A searchRequest is what a search asks for, in a query or a body.
type searchRequest struct {
	wire.Selection
	query        search.Query // but for what the selection says
	asks, within bool         // has a query, has a prefix
	consistency  string       // the body's
}

func searchQuery(q route.Query) (req searchRequest, err error) {
	if req.Selection, err = wire.QuerySelection(q, prefixParam, reverseParam); err != nil {
		return req, err
	}
	if req.query.Highlight, _, err = highlightParam.Get(q); err != nil {
		return req, err
	}
	_, req.within = q.Text(prefixParam.Name)
	req.query.Text, req.asks = q.Text(queryParam.Name)
	return req, nil
}

func decodeSearch(body []byte) (searchRequest, error) {
	req := searchRequest{Selection: wire.NewSelection()}
	err := decodeNested(body, searchMembers, req.member)
	return req, err
}

func (req *searchRequest) member(d *route.Decoder, name string) (err error) {
	switch name {
	case "query":
		req.asks = true
		req.query.Text, err = d.Text()
	case "where":
		req.query.Where, err = wire.DecodeWhere(d)
	case "highlight":
		req.query.Highlight, err = d.Boolean()
	case "consistency":
		req.consistency, err = wire.DecodeConsistency(d)
	default:
		req.within = req.within || name == prefixParam.Name
		err = req.Selection.Member(d, name)
	}
	return err
}

// complete makes the query of the request.
func (req *searchRequest) complete(d *route.Dialect) (err error) {
	if !req.asks {
		return route.InvalidArgument("query is missing: what is to be searched for")
	}
	if d.Original && !req.within {
		return route.InvalidArgument("prefix is missing: where is to be searched")
	}
	req.query.Prefix, req.query.Reverse = req.Prefix, req.Reverse
	req.query.Limit = int(min(req.Limit, wire.MaxListLimit))
	req.query.Range, err = keyRange(req.Prefix, req.Start, req.End, d.Original)
	return err
}

// keyRange is that of a list, and the prefix itself, because that is indexed, too.
func keyRange(prefix, start, end kv.Key, lenient bool) (kv.Range, error) {
	r, err := kv.Select(prefix, start, end, lenient)
	if err == nil && (start == "" || start == prefix) && (end == "" || end > prefix) {
		r.Start = prefix
	}
	return r, err
}

func (s *room) search(ctx context.Context, c *route.Call, req searchRequest) error {
	if err := req.complete(c.Dialect); err != nil {
		return err
	}
	opts, err := wire.ReadOptions(c, s.DefaultConsistency, req.consistency)
	if err != nil {
		return err
	}
	found, position, err := s.Indexes.For(c.Grant).Search(ctx, req.query, opts)
	if err != nil {
		return advised(err)
	}
	if err := c.Reserve(matchesBytes(found)); err != nil {
		return err
	}
	wire.SetVersionstamp(c, position)
	c.Out = route.AppendArray(c.Out, found, func(dst []byte, m *search.Match) []byte {
		return appendMatch(dst, m, req.query.Highlight)
	})
	return nil
}

// matchesBytes is about how long matches are when rendered.
func matchesBytes(found []search.Match) int64 {
	n := int64(0)
	for i := range found {
		n += wire.EntryBytes(&found[i].Entry) + int64(len(`,"highlight":""`)+len(found[i].Highlight))
	}
	return n
}

// appendMatch renders an entry, with one more member if it is to be highlighted.
func appendMatch(dst []byte, m *search.Match, highlight bool) []byte {
	dst = wire.AppendEntry(dst, &m.Entry)
	if !highlight {
		return dst
	}
	dst = append(dst[:len(dst)-1], `,"highlight":`...)
	dst, _ = jsontext.AppendQuote(dst, m.Highlight) // what is not UTF-8 is replaced
	return append(dst, '}')
}
