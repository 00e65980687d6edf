package client

import (
	"sync/atomic"

	"github.com/buntime/keyval/httpapi/api"
)

// session remembers the newest position that any answer has shown. The zero
// session has seen nothing.
type session struct {
	position atomic.Pointer[api.Versionstamp]
}

// seen moves the position forward to versionstamp, never back. String order is
// commit order.
func (s *session) seen(versionstamp api.Versionstamp) {
	if versionstamp == "" {
		return
	}
	for {
		old := s.position.Load()
		if old != nil && *old >= versionstamp || s.position.CompareAndSwap(old, &versionstamp) {
			return
		}
	}
}

func (s *session) newest() api.Versionstamp {
	if p := s.position.Load(); p != nil {
		return *p
	}
	return ""
}

// Session returns a client that shares c's connections and settings and has a
// session of its own, which begins where c's is now. A server that acts for many
// users gives each a session, so that one user's writes do not make the others'
// reads wait for the replica.
func (c *Client) Session() *Client {
	return c.SessionAt(c.Position())
}

// SessionAt is Session with the position that another process's Position told:
// the new client sees everything which that one saw. "" begins without one.
func (c *Client) SessionAt(position api.Versionstamp) *Client {
	fork := *c
	fork.session = new(session)
	fork.session.seen(position)
	return &fork
}

// ResetSession forgets the position, after ErrPositionAhead: reads see the database as it
// is now, and the session goes on from there. What the program itself has kept of the old
// state is its own to forget. An answer to a request that is still under way counts.
func (c *Client) ResetSession() {
	if c.session != nil {
		c.session.position.Store(nil)
	}
}

// Position is the newest versionstamp in any answer to this session, "" if there
// was none or with WithoutSession. It goes to SessionAt of another process, and to Since of a watch.
func (c *Client) Position() api.Versionstamp {
	if c.session == nil {
		return ""
	}
	return c.session.newest()
}
