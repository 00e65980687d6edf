// Package tickets is the room of those who cannot send a token where they need one.
package tickets

import (
	"context"
	"net/http"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
)

// Room is the room.
func Room(tickets *access.Tickets) route.Room {
	return route.Room{Routes: []route.Route{{
		Method: http.MethodPost, Pattern: "/ticket", Op: "ticket", Tag: tag, Scope: access.AnyToken,
		Summary: "Get a ticket for a stream",
		Doc: "A browser's `EventSource` cannot send a token. With a ticket it can do without: " +
			"`?ticket=` on a stream stands for the token that this was asked with, once and within a minute, on any node. " +
			"The stream itself may go on for longer. A browser that connects again by itself would use the ticket again, so ask for a new one on `error`.",
		Answers: []route.Answer{{Status: 200, Doc: "The ticket.", Headers: []route.Param{noStore}, Schema: route.Object(route.Members{
			"ticket": route.Text("Opaque, and fit for a URL."), "expiresAt": route.Integer("Unix milliseconds."),
		}, "ticket", "expiresAt")}},
		Errors: []api.Code{api.Unavailable, api.Timeout},
		Serve: func(ctx context.Context, c *route.Call) error {
			ticket, expires, err := tickets.Issue(ctx, c.Grant)
			if err != nil {
				return err
			}
			c.SetHeader("Cache-Control", "no-store")
			c.Out = route.AppendJSON(c.Out, api.Ticket{Ticket: ticket, ExpiresAt: expires.UnixMilli()})
			return nil
		},
	}}}
}

var (
	tag     = &route.Tag{Name: "access", Doc: "Who may do what."}
	noStore = route.Param{Name: "Cache-Control", Schema: &route.Schema{Type: "string", Const: "no-store"}, Doc: "It is a secret."}
)
