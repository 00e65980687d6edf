package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/keys"
	"github.com/buntime/keyval/httpapi/kvconnect"
	"github.com/buntime/keyval/httpapi/queues"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/watches"
)

// kvconnect is what the room of KV Connect needs: what the other rooms reach, under the
// same guards.
func (s *Server) kvconnect() kvconnect.Deps {
	store := keys.Guard(s.cfg.Store)
	deps := kvconnect.Deps{
		Store:  access.Guard(func(g *access.Grant) kvconnect.Store { return store.For(g) }),
		Tokens: s.data, DatabaseID: s.databaseID, PublicURL: s.cfg.PublicURL,
		MaxValueBytes: s.cfg.KVConnectMaxValueBytes, Streams: s.streams,
	}
	if s.cfg.Watch != nil {
		reached := watches.Guard(s.cfg.Watch)
		deps.Watch = access.Guard(func(g *access.Grant) kvconnect.Watch { return reached.For(g) })
	}
	if s.cfg.Queue != nil {
		reached := queues.Guard(s.cfg.Queue)
		deps.NewPart = access.Guard(func(g *access.Grant) kvconnect.NewPart { return reached.For(g).NewPart })
	}
	return deps
}

// mountPublic has KV Connect also under the path of its public URL, where a proxy passes
// on what it was asked as it is. What the API has there itself stays.
func (s *Server) mountPublic() {
	public, err := url.Parse(s.cfg.PublicURL)
	if err != nil || strings.Trim(public.Path, "/") == "" {
		return
	}
	d := &route.Dialect{Base: strings.TrimSuffix(public.Path, "/")}
	for i := range s.table {
		r := &s.table[i]
		if r.StatusOf == nil {
			continue
		}
		s.mountBeside(r, d, d.Base+r.Pattern)
		if r.Pattern == "/" {
			s.mountBeside(r, d, d.Base)
		}
	}
}

// mountBeside mounts a route where there is none.
func (s *Server) mountBeside(r *route.Route, d *route.Dialect, path string) {
	if !s.mux.Match(chi.NewRouteContext(), r.Method, path) {
		s.mux.Method(r.Method, path, s.frame.Endpoint(r, d))
	}
}

// databaseID is a UUID of the database, for a client to notice that it talks to another
// one. All nodes make the same one of the secret that they have in common, which does not
// show it.
func (s *Server) databaseID(ctx context.Context) (string, error) {
	if known := s.database.Load(); known != nil {
		return *known, nil
	}
	secret, err := s.cfg.TicketKey(ctx)
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("database id"))
	id := uuid.UUID(h.Sum(nil)[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // RFC 9562, 5.8
	text := id.String()
	s.database.Store(&text)
	return text, nil
}
