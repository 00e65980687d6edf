package route

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
)

// A Tag is a group of routes, as the document shows it.
type Tag struct {
	Name, Doc string
	// Operating marks routes that are to be answered when others are not: their
	// answers take room that is kept for small bodies, too.
	Operating bool
}

// A Route is one row of the table from which everything about the API is made.
type Route struct {
	Method string
	// Pattern is chi's, below the mount: "/keys/*".
	Pattern string
	// Template is the path as metrics, spans and OpenAPI show it: "/keys/{key}".
	// Empty: Pattern.
	Template string
	// Op names the operation: the section of GET /metrics and, with Alias, the
	// operationId. Routes that do the same share it.
	Op string
	// Alias tells a route from others of the same Op.
	Alias   string
	Tag     *Tag
	Summary string
	// Doc is what else a user must know, in Markdown.
	Doc string
	// Scope is what a token must have for the route to be called.
	Scope access.Scope
	// Changes marks a route that changes or takes something.
	Changes bool
	// Administrative marks one that an operator wants to know of afterwards: the log
	// names who has called it.
	Administrative bool
	// Path are the parameters within the template, Query those after the question
	// mark (any other is refused by name), Header those in headers.
	Path, Query, Header []Param
	// Elsewhere are parameters that one might look for here, each with the route
	// that takes it.
	Elsewhere map[string]string
	// Body is the request's; nil for none, which is then not read.
	Body *Body
	// Answers are those that are no errors.
	Answers []Answer
	// Errors are the codes that this route may answer with, apart from those of
	// every route (CommonErrors).
	Errors []api.Code
	// Waits marks a route that may take longer than the operation timeout: a
	// stream or a long poll. Its context has no deadline and ends when the caller
	// has gone or the node drains; its work in the database goes under
	// Call.Bounded.
	Waits bool
	// Relieves marks a route that ends or prolongs a delivery: refused for overload, it
	// would make more of it, so it has room for itself.
	Relieves bool
	// DataTokens marks a route that takes data tokens beside tokens.
	DataTokens bool
	// StatusOf, if not nil, is the status of a code in a protocol that is not ours, whose
	// errors are answered as plain text. Nil: the code's own status, and JSON.
	StatusOf func(api.Code) int
	// Serve decodes, calls and encodes. An error is rendered by its code, and
	// nothing that was encoded before it is sent.
	Serve func(ctx context.Context, c *Call) error

	// anyRequest is set where no route matched: nothing is refused for what else
	// it has.
	anyRequest bool
}

// Body describes a request's body.
type Body struct {
	Schema *Schema
	// ContentType is application/json if empty. What a request says that it is, is not
	// asked.
	ContentType string
	// Optional bodies may be empty.
	Optional bool
	// MaxBytes is the limit, over which the request is refused with 413.
	MaxBytes int64
}

// Answer describes an answer that is no error.
type Answer struct {
	Status int
	Doc    string
	// Schema of the body; nil for none.
	Schema *Schema
	// ContentType is application/json if empty.
	ContentType string
	// Headers beyond those of every answer.
	Headers []Param
}

// EventStream is the ContentType of an answer that has no end.
const EventStream = "text/event-stream"

// Name is the path as people see it.
func (r *Route) Name() string {
	if r.Template != "" {
		return r.Template
	}
	return r.Pattern
}

// Streams tells whether the answer has no end.
func (r *Route) Streams() bool {
	return slices.ContainsFunc(r.Answers, func(a Answer) bool { return a.ContentType == EventStream })
}

// ErrorStatus is with which status an error is answered.
func (r *Route) ErrorStatus(code api.Code) int {
	if r.StatusOf != nil {
		return r.StatusOf(code)
	}
	return code.Status()
}

// TakesHeader tells whether the route honours a header.
func (r *Route) TakesHeader(name string) bool {
	for i := range r.Header {
		if r.Header[i].Name == name {
			return true
		}
	}
	return r.anyRequest
}

// WithHeads are the routes and those for HEAD: one for each GET that neither streams
// nor takes anything.
func WithHeads(all []Route) []Route {
	for _, r := range slices.Clip(all) {
		if r.Method == http.MethodGet && !r.Streams() && !r.Changes {
			all = append(all, r.head())
		}
	}
	return all
}

// WithTickets are the routes, of which those that stream take tickets.
func WithTickets(all []Route) []Route {
	all = slices.Clone(all)
	for i := range all {
		if all[i].Streams() {
			all[i].Query = append(slices.Clip(all[i].Query), TicketParam.Param())
		}
	}
	return all
}

// Check refuses a table in which a route does not say who may call it.
func Check(all []Route) error {
	for i := range all {
		if !all[i].Scope.Valid() {
			return fmt.Errorf("route: %s %s has the scope %q: say what a token must have", all[i].Method, all[i].Name(), all[i].Scope)
		}
	}
	return nil
}

// head is the route that answers with the header of a GET.
func (r Route) head() Route {
	r.Method, r.Summary = http.MethodHead, r.Summary+": the header alone"
	r.Alias = Capitalised(r.Alias) + "Head"
	r.Answers = slices.Clone(r.Answers)
	for i := range r.Answers {
		r.Answers[i].Schema = nil
	}
	return r
}

// A Dialect is one of the two mounts of the API.
type Dialect struct {
	// Base is the path of the mount, "" for "/".
	Base string
	// Original marks the dialect of the original JavaScript client.
	Original bool
}

// A Room is a group of routes with all that they bring along.
type Room struct {
	Routes []Route
	// Schemas are those that its routes refer to by name.
	Schemas map[string]*Schema
	// Errors are the errors that its routes may return.
	Errors []ErrorRow
	// Sections are its figures in the JSON of GET /metrics, by name. They are called
	// for each request and must be cheap: figures that cost a scan are sampled by
	// whoever provides them.
	Sections map[string]Section
}

// A Section is a part of the JSON of GET /metrics.
type Section = func(context.Context) (any, error)
