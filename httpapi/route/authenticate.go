package route

import (
	"context"
	"net/http"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
)

// TicketParam is the parameter of streams whose caller can send no header.
var TicketParam = TextParam{Name: "ticket", Doc: "A ticket of `POST /ticket` in place of a token, for a browser's `EventSource`, which cannot send a header."}

var accessErrors = []ErrorRow{
	{Is: access.ErrUnauthenticated, Code: api.Unauthenticated},
	{Is: access.ErrForbidden, Code: api.Forbidden},
}

// authenticate finds out what the caller may do, and whether that is enough for the
// route. The credentials go no further.
func (c *Call) authenticate(ctx context.Context) (err error) {
	if c.Route.Scope == access.Open || c.Route.anyRequest {
		c.Grant = access.Nobody
		return nil
	}
	if c.Grant, err = c.grant(ctx); err != nil {
		return err
	}
	delete(c.Request.Header, "Authorization")
	return c.Grant.Need(c.Route.Scope)
}

func (c *Call) grant(ctx context.Context) (*access.Grant, error) {
	if ticket := c.ticket(); ticket != "" {
		ctx, cancel := c.Bounded(ctx)
		defer cancel()
		return c.Frame.cfg.Redeem(ctx, ticket)
	}
	if c.Route.DataTokens {
		return c.Frame.cfg.RedeemData(ctx, c.Request.Header, certificateName(c.Request))
	}
	return c.Frame.cfg.Authority.Grant(c.Request.Header, certificateName(c.Request))
}

// ticket is the caller's; "" where there is none, and where none is taken.
func (c *Call) ticket() string {
	if c.Frame.cfg.Redeem == nil || c.Request.URL.RawQuery == "" || c.Route.queryParam(TicketParam.Name) == nil {
		return ""
	}
	return c.Request.URL.Query().Get(TicketParam.Name)
}

// certificateName is the common name of the client's certificate, which its authority has
// vouched for; "" without.
func certificateName(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	return r.TLS.PeerCertificates[0].Subject.CommonName
}

// Caller is the name of the token that the call goes by; "" for anyone.
func (c *Call) Caller() string {
	if c.Grant == nil {
		return ""
	}
	return c.Grant.Name()
}

// whileGranted is a context that ends when the caller may no longer do what it may now,
// with the refusal for its cause.
func (c *Call) whileGranted(ctx context.Context) (context.Context, func()) {
	granted := c.Grant.Context()
	if granted.Done() == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(granted, func() { cancel(context.Cause(granted)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
