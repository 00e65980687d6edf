package queue_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/queue"
)

func TestTheQueueBehavesAsItsModel(t *testing.T) { runModel(t, 12) }

func TestSoakTheQueueBehavesAsItsModel(t *testing.T) {
	nodetest.OnlyInSoak(t)
	runModel(t, 300)
}

// runModel drives random operations through two nodes and compares with a model in
// which every message is exactly one of delayed, pending, processing, dead or done.
func runModel(t *testing.T, runs int) {
	must(t, flag.Set("rapid.checks", fmt.Sprint(runs)))
	d := embedded(t)
	nodes := []*node{d.node(t, seldom), d.node(t, seldom)}
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		nodes[0].sweep() // what the run before has left
		m := &model{
			T: rt, nodes: nodes, queue: fmt.Sprint("q", run),
			states: map[string]*modelled{}, letters: map[string]string{},
		}
		rt.Repeat(map[string]func(*rapid.T){
			"enqueue":  m.enqueue,
			"dequeue":  m.dequeue,
			"ack":      m.ack,
			"nack":     m.nack,
			"release":  m.release,
			"lock end": m.lockEnd,
			"sweep":    m.sweep,
			"due":      m.due,
			"requeue":  m.requeue,
			"stale":    m.stale,
			"purge":    m.purge,
			"drop":     m.drop,
			"foreign":  m.foreign,
			"":         m.check,
		})
	})
}

type state string

const (
	delayed    state = "delayed"
	pending    state = "pending"
	processing state = "processing"
	expired    state = "expired" // processing, with a lock that has ended
	dead       state = "dead"
)

type modelled struct {
	id                            string
	state                         state
	priority, attempts, max, rank int // rank orders those of one priority
	// due is when it became ready, if that is known: a lock's end, say. What has
	// come by the clock comes after all these.
	due     int
	place   int // due when it was delivered; a release gives it back
	receipt string
}

// byTheClock is due when the database's clock says.
const byTheClock = math.MaxInt

type model struct {
	*rapid.T
	nodes   []*node
	queue   string
	states  map[string]*modelled // those that are not done
	letters map[string]string    // dead letters by message
	rank    int
	old     []queue.Message // deliveries that are over
}

func (m *model) node(t *rapid.T) *node { return m.nodes[rapid.IntRange(0, 1).Draw(t, "node")] }

// queues are bounds within which the model's messages are.
func (m *model) queues(t *rapid.T) queue.Names {
	return rapid.SampledFrom([]queue.Names{nil, {m.queue}, {"another", m.queue}}).Draw(t, "queues")
}

func (m *model) next() int { m.rank++; return m.rank }

func (m *model) in(states ...state) []*modelled {
	var found []*modelled
	for _, s := range m.states {
		if slices.Contains(states, s.state) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *modelled) int { return a.rank - b.rank })
	return found
}

// pick chooses one of the messages in these states; the step is skipped if there
// is none.
func (m *model) pick(t *rapid.T, states ...state) *modelled {
	found := m.in(states...)
	if len(found) == 0 {
		t.Skip("none")
	}
	return rapid.SampledFrom(found).Draw(t, "message")
}

func (m *model) enqueue(t *rapid.T) {
	s := &modelled{state: pending, priority: rapid.IntRange(-1, 1).Draw(t, "priority"), max: rapid.IntRange(1, 3).Draw(t, "max"), rank: m.next(), due: byTheClock}
	e := queue.Enqueue{Value: []byte(`1`), Queue: m.queue, Priority: s.priority, MaxAttempts: s.max, Backoff: []int64{3_600_000}}
	if rapid.Bool().Draw(t, "delayed") {
		s.state, e.Delay = delayed, 3_600_000
	}
	s.id = m.node(t).enqueue(e)[0]
	m.states[s.id] = s
}

func (m *model) dequeue(t *rapid.T) {
	limit := rapid.IntRange(1, 4).Draw(t, "max")
	got := m.node(t).dequeue(queue.Dequeue{Queue: m.queue, Max: limit, Lock: queue.MaxLock})
	// By priority and readiness; ties of the millisecond leave only the set.
	ready := m.in(pending)
	for _, s := range m.in(expired) {
		if s.attempts < s.max {
			ready = append(ready, s)
		}
	}
	slices.SortStableFunc(ready, func(a, b *modelled) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.due, b.due))
	})
	if want := min(limit, len(ready)); len(got) != want {
		t.Fatalf("delivered %d messages, want %d", len(got), want)
	}
	for i, g := range got {
		s := m.states[g.ID]
		if s == nil || !slices.Contains(ready, s) || s.priority != ready[i].priority || s.due != ready[i].due {
			t.Fatalf("delivered %+v of %+v as number %d", g, s, i)
		}
		if s.attempts++; g.Attempts != s.attempts {
			t.Fatalf("message on attempt %d, want %d", g.Attempts, s.attempts)
		}
		if s.receipt != "" {
			m.old = append(m.old, queue.Message{ID: s.id, Receipt: s.receipt})
		}
		s.state, s.receipt, s.rank, s.place = processing, g.Receipt, m.next(), s.due
	}
}

// over ends a delivery.
func (m *model) over(s *modelled, next state) {
	m.old = append(m.old, queue.Message{ID: s.id, Receipt: s.receipt})
	s.state, s.receipt, s.rank = next, "", m.next()
}

func (m *model) ack(t *rapid.T) {
	s := m.pick(t, processing)
	must(m.nodes[0].t, m.node(t).Ack(timeout(m.nodes[0].t), m.queues(t), s.id, rapid.SampledFrom([]string{"", s.receipt}).Draw(t, "receipt")))
	m.over(s, "")
	delete(m.states, s.id)
}

func (m *model) nack(t *rapid.T) {
	s := m.pick(t, processing)
	f := queue.Failure{}
	next := delayed
	if rapid.Bool().Draw(t, "at once") {
		f.Delay = new(int64)
		next = pending
	}
	if s.attempts == s.max {
		next = dead
	}
	must(m.nodes[0].t, m.node(t).Nack(timeout(m.nodes[0].t), m.queues(t), s.id, s.receipt, f))
	s.due = byTheClock
	m.over(s, next)
}

func (m *model) release(t *rapid.T) {
	s := m.pick(t, processing, expired)
	must(m.nodes[0].t, m.node(t).Release(timeout(m.nodes[0].t), []queue.Message{{ID: s.id, Receipt: s.receipt}}))
	s.attempts--
	s.due = s.place
	m.over(s, pending)
}

func (m *model) lockEnd(t *rapid.T) {
	s := m.pick(t, processing)
	s.state, s.due = expired, m.next()
	m.nodes[0].change("UPDATE kv_queue SET locked_until=? WHERE id=?", int64(s.due), s.id)
}

func (m *model) sweep(t *rapid.T) {
	ended := m.in(expired)
	if got := m.node(t).sweep(); got != len(ended) {
		t.Fatalf("swept %d, want %d", got, len(ended))
	}
	for _, s := range ended {
		if s.attempts == s.max {
			m.over(s, dead)
		} else {
			m.over(s, pending)
		}
	}
}

func (m *model) due(t *rapid.T) {
	s := m.pick(t, delayed)
	s.state, s.due = pending, m.next()
	m.nodes[0].change("UPDATE kv_queue SET ready_at=? WHERE id=?", int64(s.due), s.id)
	m.nodes[0].NotifyAll()
	m.nodes[1].NotifyAll()
}

func (m *model) requeue(t *rapid.T) {
	s := m.pick(t, dead)
	for _, l := range m.node(t).deadLetters(queue.DeadLetterList{Queue: m.queue, Limit: 1000}) {
		if l.OriginalID != s.id {
			continue
		}
		id, err := m.node(t).Requeue(timeout(m.nodes[0].t), m.queues(t), l.ID)
		must(m.nodes[0].t, err)
		delete(m.states, s.id)
		s.id, s.attempts, s.state, s.rank, s.due = id, 0, pending, m.next(), byTheClock
		m.states[id] = s
		return
	}
	t.Fatalf("message %s has no dead letter", s.id)
}

// stale does something with a receipt that does not hold.
func (m *model) stale(t *rapid.T) {
	old := slices.Clone(m.old)
	for _, s := range m.in(expired) {
		old = append(old, queue.Message{ID: s.id, Receipt: s.receipt})
	}
	if len(old) == 0 {
		t.Skip("none")
	}
	s := rapid.SampledFrom(old).Draw(t, "delivery")
	n, ctx := m.node(t), timeout(m.nodes[0].t)
	queues := m.queues(t)
	_, extended := n.Extend(ctx, queues, s.ID, s.Receipt, 1000)
	for _, err := range []error{n.Ack(ctx, queues, s.ID, s.Receipt), n.Nack(ctx, queues, s.ID, s.Receipt, queue.Failure{}), extended} {
		if !errors.Is(err, queue.ErrLockLost) {
			t.Fatalf("with an old receipt: %v, want ErrLockLost", err)
		}
	}
}

// foreign is someone who may reach other queues only and tries everything. Nothing comes
// of it: the check that follows finds all as it was.
func (m *model) foreign(t *rapid.T) {
	s := m.pick(t, delayed, pending, processing, expired, dead)
	id := s.id
	for _, l := range m.nodes[0].deadLetters(queue.DeadLetterList{Queue: m.queue, Limit: 1000}) {
		if s.state == dead && l.OriginalID == s.id {
			id = l.ID
		}
	}
	stamp, _, _ := strings.Cut(s.receipt, ".")
	receipt := rapid.SampledFrom([]string{"", s.receipt, stamp + ".another"}).Draw(t, "receipt")
	n, ctx, queues := m.node(t), timeout(m.nodes[0].t), rapid.SampledFrom([]queue.Names{{}, {"another"}}).Draw(t, "bounds")
	settled := []error{n.Ack(ctx, queues, id, receipt), n.Nack(ctx, queues, id, receipt, queue.Failure{DeadLetter: true})}
	if receipt != "" {
		_, extended := n.Extend(ctx, queues, id, receipt, 1000)
		settled = append(settled, extended)
	}
	for _, err := range settled {
		if receipt == "" && err != nil || receipt != "" && !errors.Is(err, queue.ErrLockLost) {
			t.Fatalf("with receipt %q: %v", receipt, err)
		}
	}
	purged, err := n.PurgeMessage(ctx, queues, id, rapid.SampledFrom(browseStates).Draw(t, "state"))
	if purged || err != nil {
		t.Fatalf("purged %v, %v; want false", purged, err)
	}
	_, read := n.DeadLetter(ctx, queues, id)
	_, requeued := n.Requeue(ctx, queues, id)
	if !errors.Is(read, kv.ErrNotFound) || !errors.Is(requeued, kv.ErrNotFound) {
		t.Fatalf("a dead letter was read (%v) or requeued (%v)", read, requeued)
	}
	must(m.nodes[0].t, n.DeleteDeadLetter(ctx, queues, id))
}

// browseStates are what a Browse and a purge go by.
var browseStates = []queue.State{"", queue.Ready, queue.Delayed, queue.Processing}

// browsed is the state by which a message that is not dead is browsed.
func (s *modelled) browsed() queue.State {
	switch {
	case s.state == delayed:
		return queue.Delayed
	case s.state == processing, s.state == expired && s.attempts == s.max:
		return queue.Processing
	}
	return queue.Ready
}

// gone notes that a message was purged.
func (m *model) gone(s *modelled) {
	if s.receipt != "" {
		m.old = append(m.old, queue.Message{ID: s.id, Receipt: s.receipt})
	}
	delete(m.states, s.id)
}

func (m *model) purge(t *rapid.T) {
	state := rapid.SampledFrom(browseStates).Draw(t, "state")
	want := 0
	for _, s := range m.in(delayed, pending, processing, expired) {
		if b := s.browsed(); b == state || state == "" && b != queue.Processing {
			m.gone(s)
			want++
		}
	}
	got, err := m.node(t).PurgeMessages(timeout(m.nodes[0].t), m.queue, state)
	if err != nil || got != want {
		t.Fatalf("purged %d, %v; want %d", got, err, want)
	}
}

func (m *model) drop(t *rapid.T) {
	s := m.pick(t, delayed, pending, processing, expired)
	state := rapid.SampledFrom(browseStates).Draw(t, "state")
	want := s.browsed() == state || state == "" && s.browsed() != queue.Processing
	got, err := m.node(t).PurgeMessage(timeout(m.nodes[0].t), m.queues(t), s.id, state)
	if err != nil || got != want {
		t.Fatalf("purged %v, %v; want %v", got, err, want)
	}
	if want {
		m.gone(s)
	}
}

// browse looks at everything in a state, in pages, and compares.
func (m *model) browse(t *rapid.T) {
	b := queue.Browse{Queue: m.queue, State: rapid.SampledFrom(browseStates).Draw(t, "browsed"), Limit: rapid.IntRange(1, 5).Draw(t, "limit")}
	seen := map[string]bool{}
	for _, got := range m.node(t).browseAll(b) {
		s := m.states[got.ID]
		if s == nil || s.state == dead || b.State != "" && s.browsed() != b.State {
			t.Fatalf("%+v is among %q, the model has %+v", got, b.State, s)
		}
		if seen[got.ID] || got.Attempts != s.attempts || got.Priority != s.priority || (got.LockedUntil != 0) != (s.browsed() == queue.Processing) {
			t.Fatalf("%+v, want %+v once", got, s)
		}
		seen[got.ID] = true
	}
	for _, s := range m.in(delayed, pending, processing, expired) {
		if !seen[s.id] && (b.State == "" || b.State == s.browsed()) {
			t.Fatalf("%+v is not among %q", s, b.State)
		}
	}
}

// check compares the counts, and what a Browse shows.
func (m *model) check(t *rapid.T) {
	m.browse(t)
	want := queue.Counts{}
	for _, s := range m.states {
		switch {
		case s.state == delayed:
			want.Delayed++
			want.Pending++
		case s.state == processing, s.state == expired && s.attempts == s.max:
			want.Processing++
		case s.state == dead:
			want.Dead++
		default:
			want.Pending++
		}
	}
	if got := m.nodes[1].stats(m.queue); got != want {
		t.Fatalf("counts are %+v, want %+v", got, want)
	}
}
