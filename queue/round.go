package queue

import "time"

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
		if l.hot && l.wantedLocked() {
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
	r.makeLocked(d.active)
	return r.demands
}

func (r *round) makeLocked(active map[string]*line) {
	r.dissolveLocked()
	*r = round{news: map[*line]uint64{}}
	for _, l := range active {
		if l.hot && len(r.slots) < takeMost {
			r.addLocked(l)
		}
	}
}

// dissolveLocked notes that the round takes for nobody any more.
func (r *round) dissolveLocked() {
	for _, dm := range r.demands {
		dm.taker.inRound = false
	}
}

// addLocked lets the line's takers ask, as far as the round has room.
func (r *round) addLocked(l *line) {
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
	found, bytes := map[*line]int{}, 0
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
	if bytes < takeBytes { // else it has stopped at them, and there may be more
		d.coolLocked(r, found)
	}
	r.dissolveLocked()
	for _, dm := range r.demands {
		if t := dm.taker; !t.gone {
			d.handLocked(t, got[t])
		}
	}
	return left
}

// coolLocked makes the lines cold in which less was found than they asked for: they have
// no more, unless something has come since.
func (d *dispatcher) coolLocked(r *round, found map[*line]int) {
	asked := map[*line]int{}
	for _, dm := range r.demands {
		asked[dm.taker.line] += dm.n
	}
	for l, news := range r.news {
		if found[l] >= asked[l] || l.news != news {
			continue
		}
		l.hot = false
		if len(l.takers) > 0 {
			l.scheduleLookLocked(time.Now().Add(coolTime))
			poke(d.lookWake)
		}
	}
}

// handLocked gives a taker what was taken for it.
func (d *dispatcher) handLocked(t *taker, messages []Message) {
	if t.listener != nil {
		d.pushLocked(t, messages)
		return
	}
	if len(messages) > 0 || t.once && !t.line.hot {
		d.leaveLocked(t)
		d.queue.metrics.delivered(messages)
		t.answer <- answer{messages: messages}
	}
}

// failRound tells those who can be told, and leaves the lines alone for a while.
func (d *dispatcher) failRound(r *round, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.demands == nil { // it was refused before it came into a group
		r.makeLocked(d.active)
	}
	r.dissolveLocked()
	for l := range r.news {
		l.hot = false
		l.dueAtLocked(time.Now().Add(restTime))
	}
	for _, dm := range r.demands {
		if t := dm.taker; !t.gone && t.answer != nil {
			d.leaveLocked(t)
			t.answer <- answer{err: err}
		}
	}
	poke(d.lookWake)
}
