package httpapi

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/buntime/keyval/httpapi/api"
)

// documentRoutes are the description of the API.
func (s *Server) documentRoutes() []route {
	return []route{
		{
			method: http.MethodGet, pattern: "/", op: "root", tag: tagOperating, scope: open,
			summary: "Where to go on",
			answers: []answerSpec{{status: 200, doc: "The paths of the page to try the API and of this document.", schema: object(members{
				"name": text("keyval"), "docs": text(""), "openapi": text(""),
			}, "name", "docs", "openapi")}},
			serve: func(_ context.Context, c *call) error {
				c.out = appendJSON(c.out, map[string]string{"name": "keyval", "docs": c.dialect.base + "/docs", "openapi": c.dialect.base + "/openapi.json"})
				return nil
			},
		},
		{
			method: http.MethodGet, pattern: "/openapi.json", op: "openapi", tag: tagOperating, scope: open,
			summary: "This document",
			answers: []answerSpec{{status: 200, doc: "OpenAPI 3.1.", schema: &schema{Type: "object"}}},
			serve: func(_ context.Context, c *call) error {
				document, err := s.document()
				c.out = append(c.out, document...)
				return err
			},
		},
		{
			method: http.MethodGet, pattern: "/docs", op: "docs", tag: tagOperating, scope: open,
			summary: "A page to try the API",
			answers: []answerSpec{{status: 200, doc: "The page.", contentType: "text/html", schema: &schema{Type: "string"}}},
			serve: func(_ context.Context, c *call) error {
				c.contentType = "text/html; charset=utf-8"
				c.setHeader("Content-Security-Policy", docsPolicy)
				c.out = append(c.out, docsPage...)
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
		Schemas map[string]*schema `json:"schemas"`
	}
	operation struct {
		OperationID string               `json:"operationId"`
		Tags        []string             `json:"tags"`
		Summary     string               `json:"summary"`
		Description string               `json:"description,omitempty"`
		Scope       scope                `json:"x-keyval-scope"`
		Parameters  []parameter          `json:"parameters,omitempty"`
		RequestBody *requestBody         `json:"requestBody,omitempty"`
		Responses   map[string]*response `json:"responses"`
	}
	parameter struct {
		Name        string  `json:"name"`
		In          string  `json:"in"`
		Description string  `json:"description,omitempty"`
		Required    bool    `json:"required,omitempty"`
		Schema      *schema `json:"schema"`
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
		Description string  `json:"description,omitempty"`
		Schema      *schema `json:"schema"`
	}
	mediaType struct {
		Schema *schema `json:"schema"`
	}
)

// describe makes the OpenAPI document from the route table.
func (s *Server) describe() ([]byte, error) {
	doc := openAPI{
		OpenAPI: "3.1.0",
		Info: openAPIInfo{
			Title: "keyval", Version: s.version(),
			Description: "A distributed key-value store, queue and watch service. Durations are integer milliseconds, times Unix milliseconds. The guarantees are in docs/api.md.",
		},
		Servers:    s.servers(),
		Tags:       s.tags(),
		Paths:      map[string]map[string]*operation{},
		Components: openAPIComponents{Schemas: s.schemas()},
	}
	for i := range s.table {
		r := &s.table[i]
		methods := doc.Paths[r.name()]
		if methods == nil {
			methods = map[string]*operation{}
			doc.Paths[r.name()] = methods
		}
		methods[strings.ToLower(r.method)] = r.describe()
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

// tags are those that have routes.
func (s *Server) tags() []openAPITag {
	return slices.DeleteFunc(slices.Clone(tags), func(tag openAPITag) bool {
		return !slices.ContainsFunc(s.table, func(r route) bool { return r.tag == tag.Name })
	})
}

// tagOperating is the group of routes that are to be answered when others are not.
const tagOperating = "operating"

// tags are the groups of routes, in the order in which the page shows them.
var tags = []openAPITag{
	{Name: "keys", Description: "Entries one by one, in lists and in pages."},
	{Name: "atomic", Description: "Several keys at once, all or nothing."},
	{Name: "queues", Description: "Messages that are delivered at least once."},
	{Name: "dead letters", Description: "Messages whose last attempt failed."},
	{Name: "watch", Description: "Changes of keys and prefixes as they happen."},
	{Name: tagOperating, Description: "For whoever runs the node."},
}

func (r *route) describe() *operation {
	op := &operation{
		OperationID: r.op, Tags: []string{r.tag}, Summary: r.summary, Description: r.doc, Scope: r.scope,
		Responses: r.responses(),
	}
	op.OperationID += capitalised(r.alias)
	for _, group := range []struct {
		in     string
		params []param
	}{{"path", r.path}, {"query", r.query}, {"header", r.header}} {
		for _, p := range group.params {
			op.Parameters = append(op.Parameters, parameter{
				Name: p.name, In: group.in, Description: p.doc, Required: group.in == "path", Schema: p.openAPISchema(),
			})
		}
	}
	if r.body != nil {
		op.RequestBody = &requestBody{Required: !r.body.optional, Content: jsonContent(r.body.schema.orNull())}
	}
	return op
}

func capitalised(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// openAPISchema is an array for a parameter that may be repeated.
func (p param) openAPISchema() *schema {
	if p.repeated {
		return array(p.schema)
	}
	return p.schema
}

func (r *route) responses() map[string]*response {
	all := make(map[string]*response)
	for _, a := range r.answers {
		all[strconv.Itoa(a.status)] = a.describe()
	}
	codes := append(slices.Clone(r.errors), commonErrors...)
	if r.changes() {
		codes = append(codes, api.ForbiddenOrigin)
	}
	if r.body != nil {
		codes = append(codes, api.UnsupportedMediaType)
	}
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		status := strconv.Itoa(code.Status())
		if all[status] == nil {
			all[status] = &response{Content: jsonContent(ref("Error")), Headers: errorHeaders(code)}
		} else {
			all[status].Description += ", "
		}
		all[status].Description += "`" + string(code) + "`"
	}
	return all
}

func errorHeaders(code api.Code) map[string]header {
	switch code {
	case api.TooManyRequests, api.Unavailable:
		return map[string]header{"Retry-After": {Description: "Seconds to wait.", Schema: &schema{Type: "integer"}}}
	}
	return nil
}

func (a answerSpec) describe() *response {
	r := &response{Description: a.doc}
	if a.schema != nil {
		contentType := a.contentType
		if contentType == "" {
			contentType = "application/json"
		}
		r.Content = map[string]mediaType{contentType: {Schema: a.schema}}
	}
	for _, p := range a.headers {
		if r.Headers == nil {
			r.Headers = make(map[string]header)
		}
		r.Headers[p.name] = header{Description: p.doc, Schema: p.schema}
	}
	return r
}

func jsonContent(s *schema) map[string]mediaType {
	return map[string]mediaType{"application/json": {Schema: s}}
}
