package workload

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/buntime/keyval/bench/conn"
	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/httpapi/api"
)

func openCluster(p *place) Workload { return &clustered{filled{p, sizes(p.ValueBytes).plain}} }

// clustered writes a key at one endpoint and reads it at the next, as a session that a load
// balancer sends from node to node.
type clustered struct{ filled }

// Operations are a read and a write at each endpoint.
func (w *clustered) Operations() []string {
	var gets, puts []string
	for _, at := range w.URLs {
		at = endpointName(at)
		gets, puts = append(gets, "get "+at), append(puts, "put "+at)
	}
	return append(gets, puts...)
}

// endpointName is what tells one endpoint from the others.
func endpointName(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	return u.Host + strings.TrimRight(u.Path, "/")
}

// Worker is a connection to each endpoint. It begins at its own.
func (w *clustered) Worker(ctx context.Context, i int) (load.Worker, error) {
	s := &roaming{
		caller: caller{place: w.place, rand: w.random(i)},
		at:     i % len(w.URLs),
		header: http.Header{api.HeaderMinVersionstamp: {""}},
	}
	for _, endpoint := range w.URLs {
		c, err := w.dial(ctx, endpoint)
		if err != nil {
			return nil, closing(s, err)
		}
		s.conns = append(s.conns, c)
	}
	return s, nil
}

// closing closes what an error has made useless.
func closing(w load.Worker, err error) error {
	_ = w.Close() // it has served nobody
	return err
}

type roaming struct {
	caller
	conns  []*conn.Conn
	at     int // the endpoint that is next
	header http.Header
	key    int  // that was written
	wrote  bool // and is to be read
}

// Do writes at an endpoint or, if it has written, reads that at the next one, where it will
// write then: each endpoint has its turn with both.
func (w *roaming) Do(ctx context.Context) (int, error) {
	at := w.at
	w.conn = w.conns[at]
	if w.wrote {
		w.wrote = false
		return at, w.readBack(ctx)
	}
	w.at = (at + 1) % len(w.conns)
	return len(w.conns) + at, w.writeAhead(ctx)
}

func (w *roaming) writeAhead(ctx context.Context) error {
	w.key = w.rand.IntN(w.Keys)
	answer, err := w.write(ctx, w.key)
	if err != nil {
		return err
	}
	position := answer.Header(api.HeaderVersionstamp)
	if position == "" {
		return errMalformed
	}
	w.header[api.HeaderMinVersionstamp][0], w.wrote = position, true
	return nil
}

// readBack asks for the state that the write has made, or a later one.
func (w *roaming) readBack(ctx context.Context) error {
	w.aimToRead(w.key)
	answer, err := ofNode(w.conn.Do(ctx, http.MethodGet, string(w.target), w.header, nil))
	if err != nil {
		return err
	}
	if string(member(answer.Body, "versionstamp")) < w.header[api.HeaderMinVersionstamp][0] {
		return errStale
	}
	return nil
}

// Close closes all connections.
func (w *roaming) Close() error {
	for _, c := range w.conns {
		_ = c.Close() // nothing is under way on it
	}
	return nil
}
