package load

import (
	"math"
	"time"
)

// forever is later than any operation ends.
const forever = time.Duration(math.MaxInt64)

// A period is a second of a run, or what is left of one when the warm-up or the run ends.
// Its times are since the first operation began.
type period struct {
	from, to  time.Duration
	warmingUp bool
}

func (r *run) first() period { return r.after(period{}) }

func (r *run) after(p period) period {
	next := period{from: p.to, to: min(p.to+time.Second, r.total)}
	if next.from < r.cfg.WarmUp {
		next.to, next.warmingUp = min(next.to, r.cfg.WarmUp), true
	}
	return next
}
