package httpapi

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

// logFailure puts what the caller is not told into the log, under the request's id. Bugs
// are always there as errors; of failures of the database some are warnings, and all are
// there for who logs debug messages.
func (c *call) logFailure(ctx context.Context, code api.Code, err error) {
	level := slog.LevelError
	if code != api.Internal {
		if !saysLess(err) {
			return
		}
		if level = slog.LevelWarn; !c.server.failures.Allow() {
			level = slog.LevelDebug
		}
	}
	if check, ok := errors.AsType[notReady](err); ok {
		err = check.reason
	}
	c.server.cfg.Logger.Log(ctx, level, "request failed",
		"request_id", c.id, "route", c.route.name(), "method", c.r.Method, "path", sentPath(c.r), "code", string(code), "error", err)
}

// saysLess tells whether callers are told less than the error says.
func saysLess(err error) bool {
	if check, ok := errors.AsType[notReady](err); ok {
		err = check.reason
	}
	if progress, ok := errors.AsType[*progressError](err); ok {
		err = progress.error
	}
	return told(err).reason != err.Error()
}
