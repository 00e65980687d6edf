package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/cors"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
)

// origins are those whose pages may call the API, apart from its own.
type origins struct {
	any     bool
	allowed []string // in lower case, as browsers send them
	foreign *http.CrossOriginProtection
}

func newOrigins(allowed []string) origins {
	o := origins{foreign: http.NewCrossOriginProtection()}
	for _, origin := range allowed {
		o.any = o.any || origin == "*"
		o.allowed = append(o.allowed, strings.ToLower(origin))
	}
	return o
}

func (o *origins) allow(origin string) bool {
	return o.any || slices.Contains(o.allowed, origin)
}

// errForeignOrigin refuses a page that a user of the API has not opened here.
var errForeignOrigin error = &route.Refusal{Code: api.ForbiddenOrigin, Text: "a page of another origin may not call this route; start the node with --cors-origin to allow it"}

// check refuses a browser's request from another origin to a route that changes or
// takes something. Browsers do not ask before they send a form, a text or a plain
// GET, and CORS only keeps the answer from the page. Whatever the method is, it is
// judged as an unsafe one: a GET that takes messages is one.
func (o *origins) check(r *http.Request) error {
	origin := r.Header["Origin"]
	if origin == nil && r.Header["Sec-Fetch-Site"] == nil || o.any || len(origin) == 1 && o.allow(origin[0]) {
		return nil
	}
	unsafe := *r
	unsafe.Method = http.MethodPost
	if o.foreign.Check(&unsafe) != nil {
		return errForeignOrigin
	}
	return nil
}

// cors lets pages of the allowed origins send what the table's routes take and read
// what they answer, never with credentials.
func (o *origins) cors(table []route.Route, next http.Handler) http.Handler {
	if len(o.allowed) == 0 {
		return next
	}
	taken := map[string]bool{"Accept": true, "Authorization": true, "Content-Type": true, api.HeaderRequestID: true}
	told := map[string]bool{"Retry-After": true, "Allow": true, api.HeaderRequestID: true}
	for i := range table {
		for _, p := range table[i].Header {
			taken[p.Name] = true
		}
		for _, a := range table[i].Answers {
			for _, p := range a.Headers {
				told[p.Name] = true
			}
		}
	}
	return cors.Handler(cors.Options{
		AllowedOrigins: o.allowed,
		AllowedMethods: []string{"GET", "HEAD", "POST", "PUT", "DELETE"},
		AllowedHeaders: slices.Sorted(maps.Keys(taken)),
		ExposedHeaders: slices.Sorted(maps.Keys(told)),
		MaxAge:         600, // seconds; browsers take no more
	})(next)
}
