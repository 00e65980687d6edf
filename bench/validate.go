package bench

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/buntime/keyval/bench/workload"
)

// maxTime is a year: sums of it are still times.
const maxTime = 365 * 24 * time.Hour

// maxRate is an operation in each nanosecond: what is more has no times of its own.
const maxRate = 1_000_000_000

// validate names the first field that cannot be, as a *workload.SettingError. What the
// workload is told, it checks itself.
func (c Config) validate() error {
	switch {
	case len(c.Settings.URLs) == 0:
		return bad("URLs", "name one at least")
	case c.OwnPrefix && len(c.Settings.Prefix) == 0:
		return bad("Prefix", "has no parts, so it is the whole database; use one such as bench/1")
	case len(c.Connections) == 0:
		return bad("Connections", "name at least one number of them")
	case slices.Min(c.Connections) < 1:
		return bad("Connections", "%d is below 1", slices.Min(c.Connections))
	case c.Repeat < 0:
		return bad("Repeat", "%d is below 1", c.Repeat)
	case c.Duration <= 0:
		return bad("Duration", "%v is not above 0; use a time such as 10s", c.Duration)
	case c.Duration > maxTime:
		return bad("Duration", "%v is above %v", c.Duration, maxTime)
	case c.WarmUp > maxTime:
		return bad("WarmUp", "%v is above %v", c.WarmUp, maxTime)
	case c.WarmUp < 0:
		return bad("WarmUp", "%v is below 0; use a time such as 2s, or 0 for none", c.WarmUp)
	}
	for _, rate := range c.Rates {
		if !(rate > 0) || math.IsInf(rate, 0) {
			return bad("Rates", "%v is not above 0; leave it out for a closed loop", rate)
		}
		if rate > maxRate {
			return bad("Rates", "%v is above %d", rate, maxRate)
		}
	}
	return nil
}

func bad(setting, problem string, args ...any) error {
	return &workload.SettingError{Setting: setting, Problem: fmt.Sprintf(problem, args...)}
}
