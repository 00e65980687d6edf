package node_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/node/nodetest"
)

// chores makes work for the leader, entries that expire and messages that nobody
// acknowledges, and watches at the primary for how long what is overdue stays there.
type chores struct {
	make, watch task

	mu     sync.Mutex // covers what follows
	sights []sight
}

// A sight is what was there at one moment, in milliseconds of the database's clock.
type sight struct {
	now int64
	// When the first of what is overdue became it: now if nothing is.
	expired, unlocked int64
}

const (
	clockSQL = `CAST(unixepoch('subsec')*1000 AS INTEGER)`
	sightSQL = `SELECT now||' '||(SELECT coalesce(min(expires_at),now) FROM kv_entries WHERE expires_at<=now)
||' '||(SELECT coalesce(min(locked_until),now) FROM kv_queue WHERE locked_until<=now) FROM (SELECT ` + clockSQL + ` AS now)`
)

// task is what is done again and again until it is stopped.
type task struct {
	cancel context.CancelFunc
	work   sync.WaitGroup
}

func (k *task) stop() {
	k.cancel()
	k.work.Wait()
}

// startChores begins both, through the node at url. They end with the test at the
// latest; no more is made from make.stop on.
func startChores(t *testing.T, url string, primary *nodetest.Sqld) *chores {
	t.Helper()
	making, rest := context.WithCancel(context.Background())
	watching, look := context.WithCancel(context.Background())
	c := &chores{make: task{cancel: rest}, watch: task{cancel: look}}
	t.Cleanup(c.stop)
	direct := newPlain(t, url)
	through, err := client.New(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(through.CloseIdleConnections)
	begun := context.WithoutCancel(making)
	c.make.every(making, 5*pace, func(i int) {
		path := fmt.Sprintf("/keys/expiring/%d-%d?expireIn=100", time.Now().UnixNano(), i)
		_, _ = direct.do(begun, http.MethodPut, path, i)
	})
	c.make.every(making, 10*pace, func(i int) {
		// A queue for each: the next dequeue would take a message whose lock has
		// ended, and nothing would be left to the leader.
		queue := fmt.Sprintf("unacked-%d-%d", time.Now().UnixNano(), i)
		if _, err := through.Enqueue(begun, queue, i, client.MaxAttempts(1+i%2)); err == nil {
			_, _ = through.Dequeue(begun, queue, client.Lock(time.Second))
		}
	})
	c.watch.every(watching, 10*pace, func(int) { c.look(watching, primary) })
	return c
}

func (k *task) every(ctx context.Context, interval time.Duration, do func(i int)) {
	k.work.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				do(i)
			}
		}
	})
}

func (c *chores) look(ctx context.Context, primary *nodetest.Sqld) {
	text, err := oneText(ctx, primary, sightSQL)
	if err != nil {
		return // the primary is down
	}
	var s sight
	if _, err := fmt.Sscan(text, &s.now, &s.expired, &s.unlocked); err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sights = append(c.sights, s)
}

// stop ends both.
func (c *chores) stop() {
	c.make.stop()
	c.watch.stop()
}

// worst is for how long an expired entry and a message whose lock had ended were
// left at most. Nobody could do anything from gone until back, by the database's
// clock: what was overdue by then counts from back on.
func (c *chores) worst(gone, back int64) (expired, locked time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sights {
		var since int64
		switch {
		case s.now >= back:
			since = back
		case s.now >= gone:
			continue
		}
		expired = max(expired, time.Duration(s.now-max(s.expired, since))*time.Millisecond)
		locked = max(locked, time.Duration(s.now-max(s.unlocked, since))*time.Millisecond)
	}
	return expired, locked
}

func TestWhatIsOverdueWithoutALeaderCountsFromTheNextOneOn(t *testing.T) {
	t.Parallel()
	const gone, back = 1000, 3000
	second := time.Second
	for _, test := range []struct {
		name            string
		sight           sight
		expired, locked time.Duration
	}{
		{"nothing is overdue", sight{5000, 5000, 5000}, 0, 0},
		{"before the leader went", sight{900, 800, 700}, second / 10, second / 5},
		{"while there was none", sight{2900, 100, 100}, 0, 0},
		{"since before the next", sight{4000, 100, 2000}, second, second},
		{"since after the next", sight{4000, 3500, 3900}, second / 2, second / 10},
	} {
		c := chores{sights: []sight{test.sight}}
		if expired, locked := c.worst(gone, back); expired != test.expired || locked != test.locked {
			t.Errorf("%s: got %v and %v, want %v and %v", test.name, expired, locked, test.expired, test.locked)
		}
	}
}
