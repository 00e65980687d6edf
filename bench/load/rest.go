package load

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/buntime/keyval/internal/sleep"
)

// firstRest and longestRest are how long a worker rests at most that has found nobody: after
// the first failure, and when it has happened again and again.
const firstRest, longestRest = 20 * time.Millisecond, time.Second

// rest has a worker that has found nobody wait before it tries again, each time in a row
// twice as long: a machine whose server is down would do nothing but fail, and the server
// would come back to a flood. It returns when that was over; whoever has been answered does
// not rest. It is not part of an operation, but an open loop's next one is late by it.
func (l *loop) rest(ctx context.Context, ended time.Duration, err error) time.Duration {
	if err == nil || !l.cfg.unreachable(err) {
		l.longest = firstRest
		return ended
	}
	// By half at random, so that workers which were cut off together do not come together.
	rest := l.longest/2 + rand.N(l.longest/2)
	l.longest = min(2*l.longest, longestRest)
	sleep.For(ctx, min(rest, l.total-ended))
	return l.now()
}
