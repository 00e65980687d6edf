package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/buntime/keyval/httpapi/api"
)

// scope is what a token must allow for a route to be called.
type scope string

const (
	open  scope = "open" // needs no token
	read  scope = "read"
	write scope = "write"
)

// A route is one row of the table from which everything about the API is made.
type route struct {
	method string
	// pattern is chi's, below the mount: "/keys/*".
	pattern string
	// template is the path as metrics, spans and OpenAPI show it: "/keys/{key}".
	// Empty: pattern.
	template string
	// op names the operation: the section of GET /metrics and, with alias, the
	// operationId. Routes that do the same share it.
	op string
	// alias tells a route from others of the same op.
	alias   string
	tag     string
	summary string
	// doc is what else a user must know, in Markdown.
	doc   string
	scope scope
	// path are the parameters within the template, query those after the question
	// mark (any other is refused by name), header those in headers.
	path, query, header []param
	// elsewhere are parameters that one might look for here, each with the route
	// that takes it.
	elsewhere map[string]string
	// body is the request's; nil for none, which is then not read.
	body *bodySpec
	// answers are those that are no errors.
	answers []answerSpec
	// errors are the codes that this route may answer with, apart from those of
	// every route (commonErrors).
	errors []api.Code
	// waits marks a route that may take longer than the operation timeout: a
	// stream or a long poll. Its context has no deadline and ends when the caller
	// has gone or the node drains; its work in the database goes under
	// call.bounded.
	waits bool
	// serve decodes, calls and encodes. An error is rendered by its code, and
	// nothing that was encoded before it is sent.
	serve func(ctx context.Context, c *call) error

	// anyRequest is set where no route matched: nothing is refused for what else
	// it has.
	anyRequest bool
}

// bodySpec describes a request's body.
type bodySpec struct {
	schema *schema
	// optional bodies may be empty.
	optional bool
	// maxBytes is the limit, over which the request is refused with 413.
	maxBytes int64
}

// answerSpec describes an answer that is no error.
type answerSpec struct {
	status int
	doc    string
	// schema of the body; nil for none.
	schema *schema
	// contentType is application/json if empty.
	contentType string
	// headers beyond those of every answer.
	headers []param
}

func (r *route) name() string {
	if r.template != "" {
		return r.template
	}
	return r.pattern
}

// routes is the whole table. Each group of routes stands in a file of its own.
func (s *Server) routes() []route {
	var all []route
	for _, group := range [][]route{
		s.keyReadRoutes(),
		s.keyWriteRoutes(),
		s.atomicRoutes(),
		s.queueRoutes(),
		s.watchRoutes(),
		s.messageRoutes(),
		s.deadLetterRoutes(),
		s.operatingRoutes(),
		s.documentRoutes(),
	} {
		all = append(all, group...)
	}
	return append(all, headRoutes(all)...)
}

// headRoutes are those for HEAD: one for each GET that neither streams nor takes
// anything.
func headRoutes(all []route) []route {
	var heads []route
	for _, r := range all {
		if r.method == http.MethodGet && !r.streams() && !r.changes() {
			heads = append(heads, r.head())
		}
	}
	return heads
}

// streams tells whether the answer has no end.
func (r *route) streams() bool {
	return slices.ContainsFunc(r.answers, func(a answerSpec) bool { return a.contentType == eventStreamType })
}

// changes tells whether the route changes or takes something.
func (r *route) changes() bool { return r.scope == write }

// head is the route that answers with the header of a GET.
func (r route) head() route {
	r.method, r.summary = http.MethodHead, r.summary+": the header alone"
	r.alias = capitalised(r.alias) + "Head"
	r.answers = slices.Clone(r.answers)
	for i := range r.answers {
		r.answers[i].schema = nil
	}
	return r
}

// A dialect is one of the two mounts of the API.
type dialect struct {
	// base is the path of the mount, "" for "/".
	base string
	// original marks the dialect of the original JavaScript client.
	original bool
}

// mount registers every route of the table under the dialect's path.
func (s *Server) mount(mux *chi.Mux, d *dialect) {
	for i := range s.table {
		r := &s.table[i]
		mux.Method(r.method, d.base+r.pattern, s.endpoint(r, d))
	}
}

// unmatched serves what no route matches, as if it were a route, so that it has a
// request id, metrics and JSON errors like all others.
func (s *Server) unmatched(serve func(context.Context, *call) error) http.HandlerFunc {
	return s.endpoint(&route{
		method: "any", pattern: "unmatched", op: "unmatched", anyRequest: true, serve: serve,
	}, &dialect{})
}
