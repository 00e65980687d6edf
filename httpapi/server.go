package httpapi

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-chi/chi/v5"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
	"github.com/buntime/keyval/httpapi/wire"
)

// Server is the REST API as an http.Handler.
type Server struct {
	cfg     Config
	frame   *route.Frame
	streams *sse.Streams
	data    *access.DataTokens
	tickets *access.Tickets
	table   []route.Route
	schemas map[string]*route.Schema
	mux     *chi.Mux
	handler http.Handler // mux behind CORS
	origins origins
	hosts   hosts
	// database is the id of the database, once it is known; it never changes.
	database atomic.Pointer[string]
	// document is OpenAPI, made when it is first asked for.
	document func() ([]byte, error)
}

// New makes the handler of the whole API. It starts nothing; close it with Drain
// and EndWaits so that streams end.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg.withDefaults(), mux: chi.NewMux(), schemas: map[string]*route.Schema{}}
	s.origins, s.hosts = newOrigins(cfg.CORSOrigins), newHosts(cfg.AllowedHosts)
	s.tickets = newTickets(s.cfg)
	s.data = &access.DataTokens{Signer: signerOf(s.cfg), Life: s.cfg.DataTokenLife}
	s.cfg.Limits.Registerer = s.cfg.Registerer
	gate, err := access.NewGate(s.cfg.Limits)
	if err != nil {
		return nil, err
	}
	if s.frame, err = route.New(s.frameConfig(gate)); err != nil {
		return nil, err
	}
	s.streams = sse.NewStreams(s.frame)
	if err := s.streams.Register(s.cfg.Registerer); err != nil {
		return nil, err
	}
	for _, room := range s.rooms() {
		s.add(room)
	}
	s.table = route.WithHeads(s.table)
	if err = route.Check(s.table); err != nil {
		return nil, err
	}
	s.document = sync.OnceValues(s.describe)
	s.mux.Use(route.BySentPath)
	s.mux.NotFound(s.frame.Unmatched(s.notFound))
	s.mux.MethodNotAllowed(s.frame.Unmatched(s.methodNotAllowed))
	for _, d := range s.dialects() {
		s.mount(d)
	}
	s.mountPublic()
	s.handler = s.origins.cors(s.table, s.mux)
	return s, nil
}

func (s *Server) frameConfig(gate *access.Gate) route.Config {
	return route.Config{
		OperationTimeout:  s.cfg.OperationTimeout,
		Compress:          s.cfg.Compress,
		MaxMemoryInFlight: s.cfg.MaxMemoryInFlight,
		Patience:          s.cfg.Patience,
		Admit:             s.admit,
		Authority:         s.cfg.Authority,
		Redeem:            s.tickets.Redeem,
		RedeemData:        s.data.Redeem,
		Gate:              gate,
		Proxies:           s.cfg.TrustedProxies,
		Errors:            slices.Concat(databaseErrors, wire.Errors),
		AccessLog:         s.cfg.AccessLog,
		Logger:            s.cfg.Logger,
		Registerer:        s.cfg.Registerer,
		TracerProvider:    s.cfg.TracerProvider,
		Propagator:        s.cfg.Propagator,
	}
}

// add takes in what a room brings along.
func (s *Server) add(room route.Room) {
	s.frame.Know(room.Errors)
	s.table = append(s.table, route.WithTickets(room.Routes)...)
	maps.Copy(s.schemas, room.Schemas)
}

func (s *Server) dialects() []*route.Dialect {
	all := []*route.Dialect{{}}
	if s.cfg.BasePath != "" {
		all = append(all, &route.Dialect{Base: s.cfg.BasePath, Original: true})
	}
	return all
}

// mount registers every route of the table under the dialect's path.
func (s *Server) mount(d *route.Dialect) {
	for i := range s.table {
		r := &s.table[i]
		s.mux.Method(r.Method, d.Base+r.Pattern, s.frame.Endpoint(r, d))
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Drain makes GET /readyz fail and asks HTTP/1 clients to close their
// connections. Requests are still served.
func (s *Server) Drain() { s.frame.Drain() }

// EndWaits ends all streams and long polls, now and from now on. Call it before
// http.Server.Shutdown, which would wait for them, except for those streams that
// it does not know: EndWaits itself waits for streams, up to a second, and then cuts
// off those that are stuck in a write.
func (s *Server) EndWaits() {
	s.frame.EndWaits()
	s.streams.Drain()
}

// notFound answers where no route matches.
func (s *Server) notFound(context.Context, *route.Call) error {
	return &route.Refusal{Code: api.NotFound, Text: "there is no such route; GET /docs shows them all"}
}

// methodNotAllowed answers where the path has routes of other methods only.
func (s *Server) methodNotAllowed(_ context.Context, c *route.Call) error {
	c.SetHeader("Allow", strings.Join(s.allowed(c.Request), ", "))
	return &route.Refusal{Code: api.MethodNotAllowed, Text: "method not allowed"}
}

// allowed are the methods that the request's path has routes for.
func (s *Server) allowed(r *http.Request) []string {
	var methods []string
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		if s.mux.Match(chi.NewRouteContext(), m, route.SentPath(r)) {
			methods = append(methods, m)
		}
	}
	return methods
}
