package queue

import (
	"context"
	"slices"
	"time"
)

// A Listen says what a listener takes.
type Listen struct {
	// Queue is its name; "" means DefaultName.
	Queue string
	// Lock is how long each message is locked, in milliseconds; 0 means
	// DefaultLock.
	Lock int64
	// Concurrency is how many messages may be out at a time; 0 means 1.
	Concurrency int
}

// MaxConcurrency bounds the messages that one listener may have out.
const MaxConcurrency = 1000

// A Listener is given messages as they become ready, up to its concurrency:
// each is out until it is acked, nacked or released, through any node, or its
// lock has ended.
type Listener struct {
	dispatcher  *dispatcher
	taker       *taker
	concurrency int
	ready       chan struct{} // has room for one

	inbox []Message // out, but not fetched yet; the dispatcher's mutex covers it
}

// held is a message that a listener of this node has out.
type held struct {
	listener *Listener
	receipt  receipt
	until    time.Time // when its lock ends, by this node's timers
}

// Listen begins to take messages. The Listener must be closed.
func (q *Queue) Listen(l Listen) (*Listener, error) {
	if l.Queue == "" {
		l.Queue = DefaultName
	}
	if l.Lock == 0 {
		l.Lock = DefaultLock
	}
	if l.Concurrency == 0 {
		l.Concurrency = 1
	}
	if err := ValidateName(l.Queue); err != nil {
		return nil, err
	}
	if err := ValidateLock(l.Lock); err != nil {
		return nil, err
	}
	if l.Concurrency < 1 || l.Concurrency > MaxConcurrency {
		return nil, invalid("concurrency is %d, want 1 to %d", l.Concurrency, MaxConcurrency)
	}
	listener := &Listener{dispatcher: q.dispatcher, concurrency: l.Concurrency, ready: make(chan struct{}, 1)}
	listener.taker = &taker{lock: l.Lock, kind: forListen, want: l.Concurrency, listener: listener}
	if err := q.dispatcher.join(l.Queue, listener.taker); err != nil {
		return nil, err
	}
	return listener, nil
}

// Ready is signalled when Next may have a message.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Next is the next message, if there is one. The caller must deliver it or
// Release it. It does not block.
func (l *Listener) Next() (m Message, ok bool) {
	d := l.dispatcher
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(l.inbox) == 0 {
		return Message{}, false
	}
	m, l.inbox = l.inbox[0], l.inbox[1:]
	return m, true
}

// Done is closed when the queue closes: no more messages will come.
func (l *Listener) Done() <-chan struct{} { return l.dispatcher.closing }

// Close ends the listening. Messages that nobody has fetched are given back at
// once; the others stay locked. Twice is safe.
func (l *Listener) Close(ctx context.Context) error {
	d := l.dispatcher
	d.mu.Lock()
	d.leaveLocked(l.taker)
	left := l.inbox
	l.inbox = nil
	for id, h := range d.held {
		if h.listener == l {
			delete(d.held, id)
		}
	}
	d.mu.Unlock()
	return d.queue.Release(ctx, left)
}

// pushLocked hands messages to a listener, which has asked for as many.
func (d *dispatcher) pushLocked(t *taker, messages []Message) {
	if len(messages) == 0 {
		return
	}
	until := time.Now().Add(time.Duration(t.lock) * time.Millisecond)
	for _, m := range messages {
		d.freeLocked(m.ID) // of an earlier delivery whose lock has ended
		d.held[m.ID] = &held{t.listener, receipt(m.Receipt), until}
		t.want--
	}
	t.listener.inbox = append(t.listener.inbox, messages...)
	poke(t.listener.ready)
	d.queue.metrics.delivered(messages)
	d.checkAt = earliest(d.checkAt, earliest(until, time.Now().Add(d.interval)))
	poke(d.lookWake)
	// Others have their turn first the next time.
	t.line.leaveLocked(t)
	t.line.joinLocked(t)
}

// freeLocked takes note that a message is not out any more, and tells whether a
// listener of this node had it. One that was not fetched yet never will be.
func (d *dispatcher) freeLocked(id string) bool {
	h := d.held[id]
	if h == nil {
		return false
	}
	delete(d.held, id)
	h.listener.inbox = slices.DeleteFunc(h.listener.inbox, func(m Message) bool { return m.ID == id })
	t := h.listener.taker
	t.want++
	d.askLocked(t.line)
	return true
}

// finished notes that a delivery has ended, and tells whether a listener of this
// node had it.
func (d *dispatcher) finished(ended delivery) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.held[ended.id]; h == nil || h.receipt != ended.receipt {
		return false
	}
	return d.freeLocked(ended.id)
}

// extended notes a new end of a lock.
func (d *dispatcher) extended(id string, lock int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.held[id]; h != nil {
		h.until = time.Now().Add(time.Duration(lock) * time.Millisecond)
		d.checkAt = earliest(d.checkAt, h.until)
		poke(d.lookWake)
	}
}

// checkLocked has the database asked about what is out, if a listener of the line
// has no room for more.
func (d *dispatcher) checkLocked(l *line, now time.Time) {
	for _, t := range l.takers {
		if t.listener != nil && t.want < t.listener.concurrency {
			d.checkAt = now
			return
		}
	}
}

// heldReceiptsLocked is everything that is out.
func (d *dispatcher) heldReceiptsLocked() map[string]receipt {
	receipts := make(map[string]receipt, len(d.held))
	for id, h := range d.held {
		receipts[id] = h.receipt
	}
	return receipts
}

// checked frees the places of messages that are not out any more: acked through
// another node, or with a lock that has ended.
func (d *dispatcher) checked(asked map[string]receipt, remaining map[string]int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if err == nil {
		for id, receipt := range asked {
			h := d.held[id]
			if h == nil || h.receipt != receipt {
				continue
			}
			if ms, out := remaining[id]; out {
				h.until = now.Add(time.Duration(ms) * time.Millisecond)
			} else {
				d.freeLocked(id)
			}
		}
	}
	if len(d.held) == 0 {
		return
	}
	next := now.Add(d.interval)
	for _, h := range d.held {
		if h.until.Before(next) && h.until.After(now) {
			next = h.until
		}
	}
	d.checkAt = earliest(d.checkAt, next)
}
