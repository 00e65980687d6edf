package queue

import (
	"context"
	"sync"
	"time"
)

const (
	// settleTime is how long after a line has gone cold the database is asked
	// when it will be due: a busy line is hot again before.
	settleTime = 10 * time.Millisecond
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

	mu     sync.Mutex       // covers what follows, and lines, takers and listeners
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
		d.dismiss()
	}
	d.mu.Unlock()
	d.stopLooks()
	timer := time.AfterFunc(closeTimeout, d.stopTakes)
	defer timer.Stop()
	d.running.Wait()
	d.stopTakes()
}

// dismiss answers everyone who waits with nothing.
func (d *dispatcher) dismiss() {
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
	l := d.line(name)
	l.join(t)
	d.active[name] = l
	if l.hot {
		poke(d.takeWake)
	} else {
		l.look(time.Now())
		poke(d.lookWake)
	}
	return nil
}

// line finds or makes the line of a queue. A new one is cold: a look finds out, which
// writes nothing, unlike a round.
func (d *dispatcher) line(name string) *line {
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

// leave takes a taker out, with the mutex held.
func (d *dispatcher) leave(t *taker) {
	t.gone = true
	t.line.leave(t)
	d.idleIfEmpty(t.line)
}

func (d *dispatcher) idleIfEmpty(l *line) {
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
		l.dueAt(time.Now().Add(time.Duration(delay) * time.Millisecond))
		poke(d.lookWake)
		return
	}
	l.wake()
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
			d.notifyLine(l)
		}
	}
	poke(d.lookWake)
}

// notifyAll notes that something may have changed in any queue elsewhere.
func (d *dispatcher) notifyAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lines {
		d.notifyLine(l)
	}
	poke(d.lookWake)
}

func (d *dispatcher) notifyLine(l *line) {
	l.news++
	if len(l.takers) == 0 {
		return // the next one who comes looks
	}
	now := time.Now()
	l.look(now)
	d.checkLine(l, now)
}

// A round is one operation that takes messages for many. Who they are is decided
// when its group is made, so that those who come until then need not wait for the
// next round.
type round struct {
	demands []demand
	slots   []*taker         // by place
	news    map[*line]uint64 // of each line when the round was made
}

func (d *dispatcher) takeLoop() {
	for {
		select {
		case <-d.closing:
			return
		case <-d.takeWake:
		}
		for d.wanted() {
			r := &round{}
			messages, err := d.queue.take(d.takes, func() []demand { return d.collect(r) })
			if err != nil {
				d.failRound(r, err)
				continue
			}
			d.giveBack(d.finishRound(r, messages))
		}
	}
}

// wanted tells whether a round would ask for anything.
func (d *dispatcher) wanted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.active {
		if l.hot && l.wanted() {
			return true
		}
	}
	return false
}

// collect makes the round what everyone in a hot line asks for now, also when it
// was made before.
func (d *dispatcher) collect(r *round) []demand {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.make(d.active)
	return r.demands
}

// make is collect with the dispatcher's mutex held.
func (r *round) make(active map[string]*line) {
	r.dissolve()
	*r = round{news: map[*line]uint64{}}
	for _, l := range active {
		if l.hot && len(r.slots) < takeMost {
			r.add(l)
		}
	}
}

// dissolve notes that the round takes for nobody any more.
func (r *round) dissolve() {
	for _, dm := range r.demands {
		dm.taker.inRound = false
	}
}

// add lets the line's takers ask, as far as the round has room.
func (r *round) add(l *line) {
	first := 1
	for _, t := range l.takers {
		n := min(t.want, takeMost-len(r.slots))
		if n == 0 {
			continue
		}
		r.news[l] = l.news
		t.inRound = true
		r.demands = append(r.demands, demand{
			queue: l.name, first: first, n: n, lock: t.lock, kind: t.kind, slot: len(r.slots), taker: t})
		first += n
		for range n {
			r.slots = append(r.slots, t)
		}
	}
}

// finishRound hands out what a round has taken and returns what nobody is there
// for any more.
func (d *dispatcher) finishRound(r *round, messages []Message) (left []Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	got := map[*taker][]Message{}
	asked, found, bytes := map[*line]int{}, map[*line]int{}, 0
	for _, m := range messages {
		bytes += len(m.Value)
		slot := receipt(m.Receipt).slot()
		if slot < 0 || slot >= len(r.slots) {
			left = append(left, m)
			continue
		}
		t := r.slots[slot]
		found[t.line]++
		if t.gone {
			left = append(left, m)
			continue
		}
		got[t] = append(got[t], m)
	}
	for _, dm := range r.demands {
		asked[dm.taker.line] += dm.n
	}
	for l, news := range r.news {
		// A line that was given less than it asked for has no more, unless
		// something has come since or the round stopped at its bytes.
		if found[l] < asked[l] && l.news == news && bytes < takeBytes {
			l.hot = false
			if len(l.takers) > 0 {
				l.look(time.Now().Add(settleTime))
				poke(d.lookWake)
			}
		}
	}
	r.dissolve()
	for _, dm := range r.demands {
		if t := dm.taker; !t.gone {
			d.hand(t, got[t])
		}
	}
	return left
}

// hand gives a taker what was taken for it.
func (d *dispatcher) hand(t *taker, messages []Message) {
	if t.listener != nil {
		d.push(t, messages)
		return
	}
	if len(messages) > 0 || t.once && !t.line.hot {
		d.leave(t)
		d.queue.metrics.delivered(messages)
		t.answer <- answer{messages: messages}
	}
}

// failRound tells those who can be told, and leaves the lines alone for a while.
func (d *dispatcher) failRound(r *round, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.demands == nil { // it was refused before it came into a group
		r.make(d.active)
	}
	r.dissolve()
	for l := range r.news {
		l.hot = false
		l.dueAt(time.Now().Add(restTime))
	}
	for _, dm := range r.demands {
		if t := dm.taker; !t.gone && t.answer != nil {
			d.leave(t)
			t.answer <- answer{err: err}
		}
	}
	poke(d.lookWake)
}

// giveBack releases messages without holding anybody up.
func (d *dispatcher) giveBack(messages []Message) {
	if len(messages) == 0 {
		return
	}
	d.running.Go(func() {
		if err := d.queue.Release(context.Background(), messages); err != nil {
			d.queue.log.Warn("messages could not be given back; their locks will end", "messages", len(messages), "error", err)
		}
	})
}

// poke wakes a loop.
func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
