package watch

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// Bounds of the changes that one poll of prefixes answers with.
const (
	maxPollEntries = 1000
	maxPollBytes   = 8 << 20
)

// collect follows a stream from a position until it is level, and not older than
// the request's options demand, or has enough, and returns the last state of each
// key that changed, and the position that it has come to. If nothing has changed it
// waits.
func (h *Hub) collect(ctx context.Context, req Request, wait time.Duration) ([]kv.Entry, kv.Versionstamp, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait+h.cfg.Timeout, kv.ErrTimeout)
	defer cancel()
	s, err := h.Open(ctx, req)
	if err != nil {
		return nil, "", err
	}
	defer s.Close()
	c := collection{stream: s, until: time.Now().Add(wait), last: map[kv.Key]kv.Entry{}}
	if c.floor, err = h.floor(ctx, req.Read); err != nil {
		return nil, "", err
	}
	h.Hint(c.floor)
	if err := c.collect(ctx); err != nil {
		return nil, "", failure(err)
	}
	h.cfg.DB.Answered(sqldb.Position(s.Passed()))
	return slices.SortedFunc(maps.Values(c.last), byKey), s.Passed(), nil
}

// A collection is the answer to a poll while it is put together.
type collection struct {
	stream *Stream
	floor  kv.Versionstamp
	until  time.Time // for how long it waits if there is no change
	last   map[kv.Key]kv.Entry
	bytes  int
}

func (c *collection) collect(ctx context.Context) error {
	look := time.Now().Add(floorPatience)
	for pause := firstPause; !c.full(); pause = min(2*pause, longestPause) {
		idle, level := pause, c.level()
		if level {
			idle = c.patience()
		}
		e, err := c.stream.Next(ctx, idle)
		switch {
		case err != nil:
			return err
		case e != nil:
			c.add(e)
		case level:
			return nil
		case c.stream.failed != nil && time.Now().After(c.until):
			return c.stream.failed
		case time.Now().After(look):
			if err := c.lookForFloor(ctx); err != nil {
				return err
			}
			look = time.Now().Add(floorPatience)
		}
	}
	return nil
}

// level tells whether there is nothing to wait for but news.
func (c *collection) level() bool { return c.stream.level() && c.stream.Passed() >= c.floor }

// lookForFloor finds out whether there is a database to come to the floor by: the
// tailer says nothing, and tries again.
func (c *collection) lookForFloor(ctx context.Context) error {
	_, _, err := c.stream.hub.cfg.Store.Get(ctx, nil, kv.ReadOptions{Consistency: kv.Eventual, Min: c.floor})
	return err
}

func (c *collection) full() bool { return len(c.last) >= maxPollEntries || c.bytes >= maxPollBytes }

// patience is how long a change is waited for, when there is nothing else to do.
func (c *collection) patience() time.Duration {
	if len(c.last) > 0 {
		return 0
	}
	return time.Until(c.until)
}

func (c *collection) add(e *Event) {
	for _, entry := range e.Entries {
		c.bytes += len(entry.Value) - len(c.last[entry.Key].Value)
		c.last[entry.Key] = entry
	}
}
