package route

import (
	"errors"

	"github.com/buntime/keyval/httpapi/access"
)

// knock refuses what comes too fast from where it comes, before anything of it is looked
// at, its token included.
func (c *Call) knock() error {
	gate := c.Frame.cfg.Gate
	if gate == nil {
		return nil
	}
	c.address = c.Frame.cfg.Proxies.Caller(c.Request)
	if err := gate.Knock(c.address, c.Route.kind()); err != nil {
		return refused(err)
	}
	return nil
}

// enter counts the call among those of its grant and of the node until it is over, or
// refuses it while nothing of its body has been read.
func (c *Call) enter() (err error) {
	gate := c.Frame.cfg.Gate
	if gate == nil {
		return nil
	}
	if c.pass, err = gate.Enter(c.Grant, c.Route.kind()); err != nil {
		return refused(err)
	}
	return nil
}

// guessed makes a token that nobody has cost its sender more than others.
func (c *Call) guessed(err error) {
	if gate := c.Frame.cfg.Gate; gate != nil && (errors.Is(err, access.ErrUnknownToken) || errors.Is(err, access.ErrBadTicket) || errors.Is(err, access.ErrBadDataToken)) {
		gate.Guessed(c.address)
	}
}

// HandPass has the call count as under way for as long as somebody else says.
func (c *Call) HandPass() access.Pass {
	handed := c.pass
	c.pass = access.Pass{}
	return handed
}

// kind is what the route's requests are to the gate.
func (r *Route) kind() access.Kind {
	switch {
	case r.Tag.Operating:
		return access.Operating
	case r.Relieves:
		return access.Relieving
	case r.Waits:
		return access.Waiting
	}
	return access.Ordinary
}

// refused is a limit's refusal in the words of the frame. What there is of a body is left
// to net/http, which drops a short one and closes the connection of a long one.
func refused(err error) error {
	if limit, ok := errors.AsType[*access.LimitError](err); ok {
		return &Refusal{Code: limit.Code(), Text: limit.Error(), RetryAfter: limit.Seconds}
	}
	return err
}
