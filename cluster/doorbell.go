package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/buntime/keyval/internal/sleep"
)

// Doorbell says that something newer exists. Merging two is taking the greater
// position and the union of the queues, so the order and number of doorbells do not
// matter.
type Doorbell struct {
	// Position is a versionstamp, 20 lower-case hex digits, or empty. Positions
	// compare as strings.
	Position string
	// Queues have new or finished messages.
	Queues []string
	// AllQueues stands for more queues than fit into one packet.
	AllQueues bool
	// Indexes says that there is a full-text index to go on with.
	Indexes bool
	// Trace is the W3C traceparent of one of those that rang, or empty. It only says
	// where others look for the cause.
	Trace string
}

// maxTrace is how long a traceparent is.
const maxTrace = 55

// maxBell bounds an encoded doorbell, so that it fits into a packet of 1,400 bytes
// with the label and the encryption around it.
const maxBell = 1000

// merge returns the doorbell that says what both say.
func (d Doorbell) merge(o Doorbell) Doorbell {
	d.Position = max(d.Position, o.Position)
	d.Trace = max(d.Trace, o.Trace)
	d.Indexes = d.Indexes || o.Indexes
	d.AllQueues = d.AllQueues || o.AllQueues
	if d.AllQueues {
		d.Queues = nil
		return d
	}
	d.Queues = slices.Concat(d.Queues, o.Queues)
	slices.Sort(d.Queues)
	d.Queues = slices.Compact(d.Queues)
	return d.fit()
}

// fit replaces more queue names than a packet holds by AllQueues.
func (d Doorbell) fit() Doorbell {
	size := 200 // everything but the names
	for _, q := range d.Queues {
		size += len(q) + 3
	}
	if size > maxBell {
		d.Queues, d.AllQueues = nil, true
	}
	return d
}

func (d Doorbell) empty() bool {
	return d.Position == "" && len(d.Queues) == 0 && !d.AllQueues && !d.Indexes
}

// bell is a doorbell on the wire. A leader's also tells its epoch and its gossip
// name, for members that raft does not reach.
type bell struct {
	Position  string   `json:"p,omitempty"`
	Queues    []string `json:"q,omitempty"`
	AllQueues bool     `json:"a,omitempty"`
	Indexes   bool     `json:"x,omitempty"`
	Trace     string   `json:"t,omitempty"`
	Epoch     uint64   `json:"e,omitempty"`
	Leader    string   `json:"l,omitempty"`
}

func (b bell) doorbell() Doorbell {
	return Doorbell{Position: b.Position, Queues: b.Queues, AllQueues: b.AllQueues, Indexes: b.Indexes, Trace: b.Trace}
}

// bell is the doorbell on the wire.
func (d Doorbell) bell() bell {
	return bell{Position: d.Position, Queues: d.Queues, AllQueues: d.AllQueues, Indexes: d.Indexes, Trace: d.Trace}
}

var errBell = errors.New("malformed doorbell")

// decodeBell refuses what this package would not have sent.
func decodeBell(p []byte) (bell, error) {
	var b bell
	if len(p) > maxBell+200 || json.Unmarshal(p, &b) != nil {
		return bell{}, errBell
	}
	if b.Position != "" && !validPosition(b.Position) || len(b.Trace) > maxTrace {
		return bell{}, errBell
	}
	for _, q := range b.Queues {
		if q == "" || len(q) > 64 {
			return bell{}, errBell
		}
	}
	return b, nil
}

func validPosition(p string) bool {
	return len(p) == 20 && strings.Trim(p, "0123456789abcdef") == ""
}

// Ring tells the other members d: at once, if nothing was rung a moment ago. What is
// rung within 5 ms (10 ms with more than 17 members) goes out as one.
// It never blocks. A malformed position, queue name or trace is dropped.
func (c *Cluster) Ring(d Doorbell) {
	if d.Position != "" && !validPosition(d.Position) {
		d.Position = ""
	}
	if len(d.Trace) > maxTrace {
		d.Trace = ""
	}
	d.Queues = slices.DeleteFunc(slices.Clone(d.Queues), func(q string) bool { return q == "" || len(q) > 64 })
	if !d.empty() {
		c.bells.ring(d)
	}
}

// bells is both ends of the doorbell. Nothing in it blocks its callers: memberlist
// calls from its packet loop, and requests ring.
type bells struct {
	cfg Config
	// send gives p to every member; if many, it may travel by gossip.
	send             func(p []byte, mayTravel bool)
	members          func() int // with this node
	ringing, arrived chan struct{}
	stats            *stats

	mu      sync.Mutex // covers the rest
	out, in Doorbell   // not yet sent; not yet delivered
	newest  string     // highest position rung or heard: for late joiners
	leader  string     // gossip name of the last leader that rang
	heard   time.Time  // when it did
	epoch   uint64     // highest heard or own
	waves   memberlist.TransmitLimitedQueue
	wave    Doorbell // what the queued broadcast says
	waveAt  time.Time
}

func newBells(cfg Config, st *stats, members func() int) *bells {
	b := &bells{cfg: cfg, stats: st, members: members, ringing: make(chan struct{}, 1), arrived: make(chan struct{}, 1)}
	b.waves.NumNodes, b.waves.RetransmitMult = members, 4
	return b
}

func (b *bells) ring(d Doorbell) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out = b.out.merge(d)
	b.newest = max(b.newest, d.Position)
	signal(b.ringing)
}

// pause is the time between two doorbells. It grows with the members, so that a node
// never sends more packets a second than to 16 of them.
func (b *bells) pause() time.Duration {
	return b.cfg.Timings.Coalesce * time.Duration(1+(b.members()-2)/16)
}

// sendLoop sends the first ring at once and further ones a pause apart.
func (b *bells) sendLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.ringing:
		}
		b.mu.Lock()
		d := b.out
		b.out = Doorbell{}
		b.mu.Unlock()
		if !d.empty() {
			b.emit(d.bell())
		}
		sleep.For(ctx, b.pause())
	}
}

func (b *bells) emit(m bell) {
	p, err := json.Marshal(m)
	if err != nil {
		return
	}
	b.send(p, m.Leader == "")
}

// beatLoop repeats the newest position while this node leads, which repairs lost
// doorbells within a second.
func (b *bells) beatLoop(ctx context.Context, epoch func() uint64) {
	tick := time.NewTicker(b.cfg.Timings.Beat)
	defer tick.Stop()
	for {
		b.mu.Lock()
		m := bell{Position: b.newest, Epoch: epoch(), Leader: b.cfg.gossipName()}
		b.mu.Unlock()
		b.emit(m)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// deliverLoop is the one goroutine that calls OnDoorbell.
func (b *bells) deliverLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.arrived:
		}
		b.mu.Lock()
		d := b.in
		b.in = Doorbell{}
		b.mu.Unlock()
		if !d.empty() {
			b.cfg.OnDoorbell(d)
		}
	}
}

// hear takes a message of another member. It copies, and may be called concurrently
// and before memberlist is ready.
func (b *bells) hear(p []byte, spread bool) {
	m, err := decodeBell(p)
	if err != nil {
		b.stats.bellsDropped.Add(1)
		return
	}
	b.stats.bellsReceived.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Leader != "" {
		b.leader, b.heard = m.Leader, time.Now()
	}
	b.epoch = max(b.epoch, m.Epoch)
	if spread && m.Leader == "" && m.Position > b.newest {
		b.spreadLocked(m.doorbell())
	}
	b.newest = max(b.newest, m.Position)
	b.in = b.in.merge(m.doorbell())
	signal(b.arrived)
}

// spreadLocked queues d for gossip. A new broadcast replaces the queued one, so it
// repeats what that said if it may not have gone round yet.
func (b *bells) spreadLocked(d Doorbell) {
	if time.Since(b.waveAt) < 2*b.cfg.Timings.Gossip {
		d = d.merge(b.wave)
	}
	p, err := json.Marshal(d.bell())
	if err != nil {
		return
	}
	b.wave, b.waveAt = d, time.Now()
	b.waves.QueueBroadcast(wave(p))
}

func (b *bells) spread(p []byte) {
	m, err := decodeBell(p)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spreadLocked(m.doorbell())
}

// state is what push/pull carries.
func (b *bells) state() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, _ := json.Marshal(bell{Position: b.newest, Epoch: b.epoch})
	return p
}

func (b *bells) sawEpoch(epoch uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch = max(b.epoch, epoch)
}

// lastLeader is the gossip name of the leader that rang within the last five beats.
func (b *bells) lastLeader() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.heard) > 5*b.cfg.Timings.Beat {
		return ""
	}
	return b.leader
}

// wave is a doorbell that travels by gossip.
type wave []byte

// Name implements memberlist.NamedBroadcast: there is only one wave at a time.
func (wave) Name() string { return "doorbell" }

// Invalidates implements memberlist.Broadcast.
func (wave) Invalidates(o memberlist.Broadcast) bool { _, ok := o.(wave); return ok }

// Message implements memberlist.Broadcast.
func (w wave) Message() []byte { return w }

// Finished implements memberlist.Broadcast.
func (wave) Finished() {}
