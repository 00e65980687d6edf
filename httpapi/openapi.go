package httpapi

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/operate"
	"github.com/buntime/keyval/httpapi/route"
)

// documentRoutes are the description of the API.
func (s *Server) documentRoutes() []route.Route {
	return []route.Route{
		{
			Method: http.MethodGet, Pattern: "/", Op: "root", Tag: operate.Tag, Scope: access.Open,
			Summary: "Where to go on",
			Answers: []route.Answer{{Status: 200, Doc: "The paths of the page to try the API and of this document.", Schema: route.Object(route.Members{
				"name": route.Text("keyval"), "docs": route.Text(""), "openapi": route.Text(""),
			}, "name", "docs", "openapi")}},
			Serve: func(_ context.Context, c *route.Call) error {
				c.Out = route.AppendJSON(c.Out, map[string]string{"name": "keyval", "docs": c.Dialect.Base + "/docs", "openapi": c.Dialect.Base + "/openapi.json"})
				return nil
			},
		},
		{
			Method: http.MethodGet, Pattern: "/openapi.json", Op: "openapi", Tag: operate.Tag, Scope: access.Open,
			Summary: "This document",
			Answers: []route.Answer{{Status: 200, Doc: "OpenAPI 3.1.", Schema: &route.Schema{Type: "object"}}},
			Serve: func(_ context.Context, c *route.Call) error {
				document, err := s.document()
				c.Out = append(c.Out, document...)
				return err
			},
		},
		{
			Method: http.MethodGet, Pattern: "/docs", Op: "docs", Tag: operate.Tag, Scope: access.Open,
			Summary: "A page to try the API",
			Answers: []route.Answer{{Status: 200, Doc: "The page.", ContentType: "text/html", Schema: &route.Schema{Type: "string"}}},
			Serve: func(_ context.Context, c *route.Call) error {
				c.ContentType = "text/html; charset=utf-8"
				c.SetHeader("Content-Security-Policy", docsPolicy)
				c.Out = append(c.Out, docsPage...)
				return nil
			},
		},
	}
}

//go:embed docs.html
var docsPage []byte

// docsPolicy lets the page run its own script and talk to its own server, nothing
// else.
const docsPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The objects of OpenAPI 3.1, as far as they are used here.
type (
	openAPI struct {
		OpenAPI    string                           `json:"openapi"`
		Info       openAPIInfo                      `json:"info"`
		Servers    []openAPIServer                  `json:"servers"`
		Tags       []openAPITag                     `json:"tags"`
		Paths      map[string]map[string]*operation `json:"paths"`
		Components openAPIComponents                `json:"components"`
	}
	openAPIInfo struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description"`
	}
	openAPIServer struct {
		URL         string `json:"url"`
		Description string `json:"description"`
	}
	openAPITag struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	openAPIComponents struct {
		Schemas         map[string]*route.Schema  `json:"schemas"`
		SecuritySchemes map[string]securityScheme `json:"securitySchemes"`
	}
	securityScheme struct {
		Type        string `json:"type"`
		Scheme      string `json:"scheme"`
		Description string `json:"description"`
	}
	operation struct {
		OperationID string                `json:"operationId"`
		Tags        []string              `json:"tags"`
		Summary     string                `json:"summary"`
		Description string                `json:"description,omitempty"`
		Scope       access.Scope          `json:"x-keyval-scope"`
		Changes     bool                  `json:"x-keyval-changes,omitempty"`
		Parameters  []parameter           `json:"parameters,omitempty"`
		RequestBody *requestBody          `json:"requestBody,omitempty"`
		Security    []map[string][]string `json:"security,omitempty"`
		Responses   map[string]*response  `json:"responses"`
	}
	parameter struct {
		Name        string        `json:"name"`
		In          string        `json:"in"`
		Description string        `json:"description,omitempty"`
		Required    bool          `json:"required,omitempty"`
		Schema      *route.Schema `json:"schema"`
	}
	requestBody struct {
		Required bool                 `json:"required,omitempty"`
		Content  map[string]mediaType `json:"content"`
	}
	response struct {
		Description string               `json:"description"`
		Headers     map[string]header    `json:"headers,omitempty"`
		Content     map[string]mediaType `json:"content,omitempty"`
	}
	header struct {
		Description string        `json:"description,omitempty"`
		Schema      *route.Schema `json:"schema"`
	}
	mediaType struct {
		Schema *route.Schema `json:"schema"`
	}
)

// tokenScheme names how a caller says who it is.
const tokenScheme = "token"

// describe makes the OpenAPI document from the route table.
func (s *Server) describe() ([]byte, error) {
	doc := openAPI{
		OpenAPI: "3.1.0",
		Info: openAPIInfo{
			Title: "keyval", Version: s.version(),
			Description: "A distributed key-value store, queue and watch service. Durations are integer milliseconds, times Unix milliseconds. The guarantees are in docs/api.md.",
		},
		Servers: s.servers(),
		Tags:    s.tags(),
		Paths:   map[string]map[string]*operation{},
		Components: openAPIComponents{Schemas: s.schemas, SecuritySchemes: map[string]securityScheme{tokenScheme: {
			Type: "http", Scheme: "bearer", Description: "Needed where the node has an auth file; `x-keyval-scope` says what the token must have."}}},
	}
	for i := range s.table {
		r := &s.table[i]
		methods := doc.Paths[r.Name()]
		if methods == nil {
			methods = map[string]*operation{}
			doc.Paths[r.Name()] = methods
		}
		methods[strings.ToLower(r.Method)] = describeRoute(r)
	}
	return json.Marshal(doc)
}

func (s *Server) version() string {
	if s.cfg.Node.Version == "" {
		return "unknown"
	}
	return s.cfg.Node.Version
}

func (s *Server) servers() []openAPIServer {
	all := []openAPIServer{{URL: "/", Description: "The API as described."}}
	if s.cfg.BasePath != "" {
		all = append(all, openAPIServer{
			URL:         s.cfg.BasePath,
			Description: "As the original JavaScript client expects it: DELETE takes what is below a key, too; reads are strong unless they ask otherwise; a start after the end gives an empty list.",
		})
	}
	return all
}

// tags are those of the routes, in the order in which the page shows them.
func (s *Server) tags() []openAPITag {
	var tags []openAPITag
	for i := range s.table {
		tag := openAPITag{Name: s.table[i].Tag.Name, Description: s.table[i].Tag.Doc}
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

func describeRoute(r *route.Route) *operation {
	op := &operation{
		OperationID: r.Op, Tags: []string{r.Tag.Name}, Summary: r.Summary, Description: r.Doc, Scope: r.Scope, Changes: r.Changes,
		Responses: responses(r),
	}
	if r.Scope != access.Open {
		op.Security = []map[string][]string{{tokenScheme: {}}, {}}
	}
	op.OperationID += route.Capitalised(r.Alias)
	for _, group := range []struct {
		in     string
		params []route.Param
	}{{"path", r.Path}, {"query", r.Query}, {"header", r.Header}} {
		for _, p := range group.params {
			op.Parameters = append(op.Parameters, parameter{
				Name: p.Name, In: group.in, Description: p.Doc, Required: group.in == "path", Schema: paramSchema(p),
			})
		}
	}
	if r.Body != nil {
		op.RequestBody = &requestBody{Required: !r.Body.Optional, Content: content(r.Body.ContentType, r.Body.Schema.OrNull())}
	}
	return op
}

// paramSchema is an array for a parameter that may be repeated.
func paramSchema(p route.Param) *route.Schema {
	if p.Repeated {
		return route.Array(p.Schema)
	}
	return p.Schema
}

func responses(r *route.Route) map[string]*response {
	all := make(map[string]*response)
	for _, a := range r.Answers {
		all[strconv.Itoa(a.Status)] = describeAnswer(a)
	}
	codes := append(slices.Clone(r.Errors), route.CommonErrors...)
	if r.Changes {
		codes = append(codes, api.ForbiddenOrigin)
	}
	if r.Scope != access.Open {
		codes = append(codes, api.Unauthenticated, api.Forbidden)
	}
	if r.Body != nil {
		codes = append(codes, api.UnsupportedMediaType)
	}
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		status := strconv.Itoa(r.ErrorStatus(code))
		if all[status] == nil {
			all[status] = &response{Content: errorContent(r), Headers: errorHeaders(code)}
		} else {
			all[status].Description += ", "
		}
		all[status].Description += "`" + string(code) + "`"
	}
	return all
}

func errorContent(r *route.Route) map[string]mediaType {
	if r.StatusOf != nil {
		return content("text/plain", route.Text("Why."))
	}
	return content("", route.Ref("Error"))
}

func errorHeaders(code api.Code) map[string]header {
	switch code {
	case api.TooManyRequests, api.Unavailable:
		return map[string]header{"Retry-After": {Description: "Seconds to wait.", Schema: &route.Schema{Type: "integer"}}}
	}
	return nil
}

func describeAnswer(a route.Answer) *response {
	r := &response{Description: a.Doc}
	if a.Schema != nil {
		r.Content = content(a.ContentType, a.Schema)
	}
	for _, p := range a.Headers {
		if r.Headers == nil {
			r.Headers = make(map[string]header)
		}
		r.Headers[p.Name] = header{Description: p.Doc, Schema: p.Schema}
	}
	return r
}

// content is of a type, JSON if empty.
func content(contentType string, s *route.Schema) map[string]mediaType {
	return map[string]mediaType{cmp.Or(contentType, "application/json"): {Schema: s}}
}
