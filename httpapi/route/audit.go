package route

import (
	"context"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// Of refusals so many are in the audit at once, and then one in each pause: whoever
// guesses tokens must not fill the disk. The metrics count them all.
const (
	loggedRefusals = 20
	refusalPause   = time.Second
)

// Administrative marks a call as one that an operator wants to know of afterwards, where
// that is not known of the whole route.
func (c *Call) Administrative() { c.administrative = true }

// audit writes down who has done something administrative, and who has been refused.
func (c *Call) audit(ctx context.Context, outcome api.Code) {
	refused := outcome == api.Unauthenticated || outcome == api.Forbidden
	switch {
	case refused && c.Frame.refusals.Allow():
		c.writeAudit(ctx, "refused", outcome)
	case !refused && (c.administrative || c.Route.Administrative):
		c.writeAudit(ctx, c.Route.Op, outcome)
	}
}

func (c *Call) writeAudit(ctx context.Context, action string, outcome api.Code) {
	c.Frame.cfg.Logger.InfoContext(ctx, "audit", "action", action, "token", c.Caller(), "from", c.Request.RemoteAddr,
		"method", c.Request.Method, "route", c.Route.Name(), "outcome", string(outcome), "request_id", c.id)
}
