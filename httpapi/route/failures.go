package route

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/buntime/keyval/httpapi/api"
)

// While the database is away every request fails, for the same reason: so many of these
// failures are logged as warnings at once, and then one in each pause.
const (
	loggedFailures = 10
	loggedPause    = 10 * time.Second
)

func newFailureLimit() *rate.Limiter { return rate.NewLimiter(rate.Every(loggedPause), loggedFailures) }

// LogFailure puts what the caller is not told into the log, under the request's id. Bugs
// are always there as errors; of failures of the database some are warnings, and all are
// there for who logs debug messages.
func (c *Call) LogFailure(ctx context.Context, err error) {
	code := c.Frame.CodeOf(err)
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.Hidden != nil {
		err = refusal.Hidden
	}
	level := slog.LevelError
	if code != api.Internal {
		if c.Frame.Told(err).Reason == err.Error() {
			return // all of it
		}
		if level = slog.LevelWarn; !c.Frame.failures.Allow() {
			level = slog.LevelDebug
		}
	}
	c.Frame.cfg.Logger.Log(ctx, level, "request failed",
		"request_id", c.id, "route", c.Route.Name(), "method", c.Request.Method, "path", SentPath(c.Request), "code", string(code), "error", err)
}
