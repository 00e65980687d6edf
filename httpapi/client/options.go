package client

import (
	"errors"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi/api"
)

// Option is a setting of New.
type Option func(*Client) error

// TokenVariable is the environment variable with the token of a client that is given none.
const TokenVariable = "KEYVAL_TOKEN"

// WithToken sends token as a bearer token with every request, and not that of
// KEYVAL_TOKEN; "" sends none.
func WithToken(token string) Option {
	return func(c *Client) error {
		c.token = token
		return nil
	}
}

// WithHTTPClient replaces the tuned default. A Timeout in it would cut watches
// and long polls. It follows no redirects unless it has a CheckRedirect: a node sends
// nobody elsewhere, and the token is for nobody else.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) error {
		if h == nil {
			return errors.New("keyval: WithHTTPClient: the client is nil")
		}
		own := *h
		if own.CheckRedirect == nil {
			own.CheckRedirect = useLastResponse
		}
		c.http = &own
		return nil
	}
}

// WithEndpoints adds base URLs of the same cluster, for use without a load
// balancer. Requests go to one of them until it cannot be reached or says that
// it is unavailable, then to the next.
func WithEndpoints(baseURLs ...string) Option {
	return func(c *Client) error {
		for _, s := range baseURLs {
			u, err := parseBaseURL(s)
			if err != nil {
				return err
			}
			c.endpoints = append(c.endpoints, u)
		}
		return nil
	}
}

// WithConsistency sets the consistency of reads that do not name one. Without it
// the server's default applies.
func WithConsistency(consistency api.Consistency) Option {
	return func(c *Client) error {
		c.consistency = consistency
		return nil
	}
}

// WithoutSession stops the client from sending back the positions that it has
// seen. Reads may then go back in time from one node to another.
func WithoutSession() Option {
	return func(c *Client) error {
		c.session = nil
		return nil
	}
}

// WithUserAgent replaces the User-Agent "keyval-go".
func WithUserAgent(userAgent string) Option {
	return func(c *Client) error {
		c.userAgent = userAgent
		return nil
	}
}

// WithRetry replaces the retry policy; fields that are 0 keep their default.
func WithRetry(policy RetryPolicy) Option {
	return func(c *Client) error {
		if policy.MaxAttempts < 0 || min(policy.MaxElapsed, policy.MinDelay, policy.MaxDelay, policy.AttemptTimeout) < 0 {
			return errors.New("keyval: WithRetry: a field is negative")
		}
		if policy.MaxDelay != 0 && policy.MaxDelay < policy.MinDelay {
			return errors.New("keyval: WithRetry: MaxDelay is less than MinDelay")
		}
		c.retry = policy
		return nil
	}
}

// WithLogger receives what a caller is not told otherwise: repeated requests and
// reconnections (debug), and a worker's failed messages (warn). Nothing is logged
// without it.
func WithLogger(log *slog.Logger) Option {
	return func(c *Client) error {
		if log == nil {
			return errors.New("keyval: WithLogger: the logger is nil")
		}
		c.log = log
		return nil
	}
}

// WithTracerProvider makes a span of each operation, of kind client, and one of kind
// consumer of each message that Consume has handled. Without it there are none; but the
// trace that a context brings is carried on all the same: see the package comment.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(c *Client) error {
		if provider == nil {
			return errors.New("keyval: WithTracerProvider: the provider is nil")
		}
		c.tracer = provider.Tracer("github.com/buntime/keyval/httpapi/client")
		return nil
	}
}

// WithIdempotency says for which writes the client makes idempotency keys by
// itself.
func WithIdempotency(mode Idempotency) Option {
	return func(c *Client) error {
		c.idempotency = mode
		return nil
	}
}
