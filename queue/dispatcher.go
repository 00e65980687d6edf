package queue

import (
	"context"
	"sync"
	"time"
)

const (
	// coolTime is how long after a line has gone cold the database is asked
	// when it will be due: a busy line is hot again before.
	coolTime = 10 * time.Millisecond
	// restTime is how long a line is left alone after an error.
	restTime = 500 * time.Millisecond
	// maxIdleLines bounds the lines that are remembered without anyone in them.
	maxIdleLines = 4096
	// closeTimeout bounds how long a round under way is waited for at the end.
	closeTimeout = 5 * time.Second
)

// The dispatcher hands messages to all who wait for them on this node. Two
// goroutines ask the database on behalf of everyone: one takes messages, a round
// at a time, for the lines that are hot; the other looks when the others will be
// due and whether listeners' messages are still out. Those who wait cost the
// database nothing each.
type dispatcher struct {
	queue    *Queue
	interval time.Duration // between looks at a line that nothing is heard of

	// mu covers what follows, and lines, rounds, takers and listeners. Functions that end
	// in Locked want it held.
	mu     sync.Mutex
	lines  map[string]*line // all that are remembered
	active map[string]*line // those with takers
	held   map[string]*held // what this node's listeners have out, by message
	// checkAt is when to ask whether it is still out. Zero: never.
	checkAt time.Time
	closed  bool

	takeWake, lookWake   chan struct{} // have room for one
	closing              chan struct{}
	takes, looks         context.Context // end a while after closing, and with it
	stopTakes, stopLooks context.CancelFunc
	running              sync.WaitGroup
}

func newDispatcher(q *Queue, interval time.Duration) *dispatcher {
	d := &dispatcher{
		queue:    q,
		interval: interval,
		lines:    map[string]*line{},
		active:   map[string]*line{},
		held:     map[string]*held{},
		takeWake: make(chan struct{}, 1),
		lookWake: make(chan struct{}, 1),
		closing:  make(chan struct{}),
	}
	d.takes, d.stopTakes = context.WithCancel(context.Background())
	d.looks, d.stopLooks = context.WithCancel(context.Background())
	d.running.Go(d.takeLoop)
	d.running.Go(d.lookLoop)
	return d
}

// close ends everyone's waiting and waits for what is under way; what has been
// taken for nobody is given back. Twice is safe.
func (d *dispatcher) close() {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	if first {
		close(d.closing)
		d.dismissLocked()
	}
	d.mu.Unlock()
	d.stopLooks()
	timer := time.AfterFunc(closeTimeout, d.stopTakes)
	defer timer.Stop()
	d.running.Wait()
	d.stopTakes()
}

// dismissLocked answers everyone who waits with nothing.
func (d *dispatcher) dismissLocked() {
	for _, l := range d.active {
		for _, t := range l.takers {
			t.gone = true
			if t.answer != nil {
				t.answer <- answer{}
			}
		}
		l.takers = nil
	}
	clear(d.active)
}

// join makes a taker wait in the line of a queue.
func (d *dispatcher) join(name string, t *taker) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	l := d.lineLocked(name)
	l.joinLocked(t)
	d.active[name] = l
	d.askLocked(l)
	return nil
}

// waiting counts the takers of each queue that has any.
func (d *dispatcher) waiting() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := make(map[string]int, len(d.active))
	for name, l := range d.active {
		counts[name] = len(l.takers)
	}
	return counts
}

// askLocked has the database asked on behalf of a line: by a round if it is hot, else by
// a look.
func (d *dispatcher) askLocked(l *line) {
	if l.hot {
		poke(d.takeWake)
		return
	}
	l.scheduleLookLocked(time.Now())
	poke(d.lookWake)
}

// lineLocked finds or makes the line of a queue. A new one is cold: a look finds out, which
// writes nothing, unlike a round.
func (d *dispatcher) lineLocked(name string) *line {
	if l := d.lines[name]; l != nil {
		return l
	}
	if len(d.lines)-len(d.active) >= maxIdleLines {
		for name := range d.lines {
			if d.active[name] == nil {
				delete(d.lines, name)
			}
		}
	}
	l := &line{name: name}
	d.lines[name] = l
	return l
}

// leaveLocked takes a taker out.
func (d *dispatcher) leaveLocked(t *taker) {
	t.gone = true
	t.line.leaveLocked(t)
	d.idleIfEmptyLocked(t.line)
}

func (d *dispatcher) idleIfEmptyLocked(l *line) {
	if len(l.takers) == 0 {
		delete(d.active, l.name)
		l.lookAt = time.Time{}
	}
}

// arrived notes that a message of the queue will be ready in delay milliseconds.
func (d *dispatcher) arrived(name string, delay int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lines[name]
	if l == nil {
		return
	}
	if delay > 0 {
		l.news++
		l.dueAtLocked(time.Now().Add(time.Duration(delay) * time.Millisecond))
		poke(d.lookWake)
		return
	}
	l.wakeLocked()
	if len(l.takers) > 0 {
		poke(d.takeWake)
	}
}

// notify notes that something may have changed in these queues elsewhere.
func (d *dispatcher) notify(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		if l := d.lines[name]; l != nil {
			d.notifyLocked(l)
		}
	}
	poke(d.lookWake)
}

// notifyAll notes that something may have changed in any queue elsewhere.
func (d *dispatcher) notifyAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lines {
		d.notifyLocked(l)
	}
	poke(d.lookWake)
}

func (d *dispatcher) notifyLocked(l *line) {
	l.news++
	if len(l.takers) == 0 {
		return // the next one who comes looks
	}
	now := time.Now()
	l.scheduleLookLocked(now)
	d.checkLocked(l, now)
}

// giveBack releases messages without holding anybody up.
func (d *dispatcher) giveBack(messages []Message) {
	if len(messages) == 0 {
		return
	}
	d.running.Go(func() { d.insistOn(messages, d.queue.Release) })
}

// insistOn tries to release messages until that succeeds or the queue closes: nobody
// else knows that they are out for nobody, and a lock may be long.
func (d *dispatcher) insistOn(messages []Message, release func(context.Context, []Message) error) {
	for told := false; ; told = true {
		err := release(context.Background(), messages)
		if err == nil {
			return
		}
		if !told {
			d.queue.log.Warn("messages could not be given back; trying again until their locks end", "messages", len(messages), "error", err)
		}
		select {
		case <-d.closing:
			return
		case <-time.After(restTime):
		}
	}
}

// poke wakes a loop.
func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
