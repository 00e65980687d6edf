package cluster

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Status is what this node knows of a member's life.
type Status string

// The statuses of a member. Suspect is this node's own view: gossip counts the
// member as alive, but it has not answered this node's probes for two rounds.
const (
	Alive   Status = "alive"
	Suspect Status = "suspect"
	Dead    Status = "dead"
	Left    Status = "left"
)

// Role is a member's part in elections; empty while it waits to be added.
type Role string

// The roles of a member.
const (
	Voter    Role = "voter"
	Nonvoter Role = "nonvoter"
)

// Member is one node of the cluster as another sees it.
type Member struct {
	ID         string    `json:"id"` // node id
	HTTPAddr   string    `json:"httpAddr"`
	GossipAddr string    `json:"gossipAddr"`
	RaftAddr   string    `json:"raftAddr"`
	Status     Status    `json:"status"`
	Role       Role      `json:"role,omitempty"`
	Leader     bool      `json:"leader"`
	Version    string    `json:"version"`
	StartedAt  time.Time `json:"startedAt"`
}

const (
	// maxMeta bounds a node's metadata: settings that have their form do not reach it.
	maxMeta    = memberlist.MetaMaxSize
	maxVersion = 64
)

// meta travels with a node's name through gossip. The field names are short because
// it is repeated in many packets.
type meta struct {
	Version   string `json:"v,omitempty"`
	StartedMs int64  `json:"s"`
	HTTPAddr  string `json:"h,omitempty"`
	RaftAddr  string `json:"r"`
	Database  string `json:"d,omitempty"` // fingerprint of the database's id
	// Cluster and Generation are the founding that the node resides in; empty and 0
	// until it has one.
	Cluster    string `json:"c,omitempty"`
	Generation uint64 `json:"g,omitempty"`
	Ephemeral  bool   `json:"e,omitempty"`
	// Leaving is set a moment before the node leaves: gossip does not tell its
	// listeners a leave from a death.
	Leaving bool `json:"l,omitempty"`
}

// meta is this node's own.
func (cfg Config) meta(clusterID, raftAddr string) meta {
	return meta{
		Version: cfg.Version, StartedMs: cfg.StartedAt.UnixMilli(), HTTPAddr: cfg.HTTPAddr, RaftAddr: raftAddr,
		Database: fingerprint(cfg.DatabaseID), Cluster: fingerprint(clusterID), Ephemeral: cfg.Ephemeral,
	}
}

// largestMeta is as much as it can come to.
func (cfg Config) largestMeta() meta {
	m := cfg.meta("id", "[fd00:1111:2222:3333:4444:5555:6666:7777]:65535")
	m.Version, m.Database, m.Generation = strings.Repeat("v", maxVersion), m.Cluster, math.MaxUint64
	m.Ephemeral, m.Leaving = true, true
	return m
}

func (m meta) encode() ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if len(b) > maxMeta {
		return nil, &SettingError{"http-addr", fmt.Errorf("%q is too long for gossip", m.HTTPAddr)}
	}
	return b, nil
}

// record is what gossip has said of one start of one node.
type record struct {
	name           string
	nodeID, bootID string
	gossipAddr     string
	meta           meta
	status         Status // Alive, Dead or Left
	since          time.Time
	answered       time.Time // its last answer to this node's probe
}

func (r *record) raftID() string {
	if r.meta.Ephemeral {
		return r.name
	}
	return r.nodeID
}

func newRecord(n *memberlist.Node) (*record, error) {
	nodeID, bootID, ok := strings.Cut(n.Name, ".")
	if !ok || !idForm.MatchString(nodeID) || !idForm.MatchString(bootID) {
		return nil, fmt.Errorf("%q is no name of a keyval node", n.Name)
	}
	r := &record{
		name: n.Name, nodeID: nodeID, bootID: bootID,
		gossipAddr: net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port))),
	}
	return r, json.Unmarshal(n.Meta, &r.meta)
}

// maxRecords bounds the members that are remembered after they are gone.
const maxRecords = 512

// directory is what gossip has told. memberlist calls it under its own lock, so it
// never calls memberlist.
type directory struct {
	cfg Config
	// changed is signalled when the leader may have to act, otherFounding when a
	// member resides in a founding that this node does not know, twin when another
	// node shows our id.
	changed, otherFounding, twin chan struct{}

	mu      sync.Mutex // covers records
	records map[string]*record
}

func newDirectory(cfg Config) *directory {
	return &directory{
		cfg: cfg, changed: make(chan struct{}, 1), otherFounding: make(chan struct{}, 1), twin: make(chan struct{}, 1),
		records: map[string]*record{},
	}
}

// signal wakes a waiter, or lets the next wait return at once.
func signal(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// NotifyJoin implements memberlist.EventDelegate.
func (d *directory) NotifyJoin(n *memberlist.Node) { d.put(n, Alive) }

// NotifyUpdate implements memberlist.EventDelegate.
func (d *directory) NotifyUpdate(n *memberlist.Node) { d.put(n, Alive) }

// NotifyLeave implements memberlist.EventDelegate for leaves and deaths.
func (d *directory) NotifyLeave(n *memberlist.Node) { d.put(n, Dead) }

func (d *directory) put(n *memberlist.Node, status Status) {
	r, err := newRecord(n)
	if err != nil {
		return // NotifyAlive has let in none of these
	}
	if status == Dead && r.meta.Leaving {
		status = Left
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r.status, r.since = status, time.Now()
	if old := d.records[r.name]; old != nil {
		r.answered = old.answered
		if old.status == status {
			r.since = old.since
		}
	}
	d.records[r.name] = r
	d.pruneLocked()
	signal(d.changed)
	signal(d.otherFounding)
	if r.nodeID == d.cfg.NodeID && r.bootID != d.cfg.BootID && status == Alive {
		signal(d.twin)
	}
}

// pruneLocked forgets who left or was replaced long ago, who is dead for longer than
// a voter may be, and the longest dead of too many.
func (d *directory) pruneLocked() {
	living := map[string]bool{}
	for _, r := range d.records {
		living[r.nodeID] = living[r.nodeID] || r.status == Alive
	}
	gone := make([]*record, 0, len(d.records))
	for _, r := range d.records {
		if r.status == Alive {
			continue
		}
		keep := d.cfg.Timings.RemoveAfter
		if r.status == Left || living[r.nodeID] {
			keep = d.cfg.Timings.ForgetLeft
		}
		if time.Since(r.since) > keep {
			delete(d.records, r.name)
		} else {
			gone = append(gone, r)
		}
	}
	slices.SortFunc(gone, func(a, b *record) int { return a.since.Compare(b.since) })
	for i := 0; len(d.records) > maxRecords && i < len(gone); i++ {
		delete(d.records, gone[i].name)
	}
}

// NotifyPingComplete implements memberlist.PingDelegate.
func (d *directory) NotifyPingComplete(n *memberlist.Node, _ time.Duration, _ []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.records[n.Name]; r != nil {
		r.answered = time.Now()
	}
}

// AckPayload implements memberlist.PingDelegate.
func (d *directory) AckPayload() []byte { return nil }

// snapshot copies all records.
func (d *directory) snapshot() []record {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]record, 0, len(d.records))
	for _, r := range d.records {
		all = append(all, *r)
	}
	return all
}

// others copies the records of living members other than this start of this node.
func (d *directory) others() []record {
	return slices.DeleteFunc(d.snapshot(), func(r record) bool {
		return r.status != Alive || r.name == d.cfg.gossipName()
	})
}

// maxDead bounds how many dead members are called at a time.
const maxDead = 16

// deadAddrs lists the gossip addresses of nodes that are dead, the latest first, unless
// another start of them is alive.
func (d *directory) deadAddrs() []string {
	all := d.snapshot()
	slices.SortFunc(all, func(a, b record) int { return b.since.Compare(a.since) })
	living := map[string]bool{}
	for _, r := range all {
		living[r.nodeID] = living[r.nodeID] || r.status == Alive
	}
	var addrs []string
	for _, r := range all {
		if r.status == Dead && !living[r.nodeID] && len(addrs) < maxDead {
			addrs = append(addrs, r.gossipAddr)
		}
	}
	return addrs
}

// addressOf finds where the holder of a raft id is now: alive before gone, then the
// latest start. Raft asks before each thing that it sends, so nothing is copied.
func (d *directory) addressOf(raftID string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var best *record
	for _, r := range d.records {
		if r.raftID() == raftID && (best == nil || speaksBefore(r, best)) {
			best = r
		}
	}
	if best == nil {
		return "", false
	}
	return best.meta.RaftAddr, true
}

// speaksBefore tells which of two records, of starts of one node, is to be believed.
func speaksBefore(a, b *record) bool {
	if (a.status == Alive) != (b.status == Alive) {
		return a.status == Alive
	}
	if a.meta.StartedMs != b.meta.StartedMs {
		return a.meta.StartedMs > b.meta.StartedMs
	}
	return a.since.After(b.since)
}

// seesLater reports whether a living member resides in a later generation of f, or
// in another cluster on this database.
func (d *directory) seesLater(f Founding) bool {
	own := fingerprint(f.ID)
	return slices.ContainsFunc(d.others(), func(r record) bool {
		return r.meta.Cluster != "" && (r.meta.Cluster != own || r.meta.Generation > f.Generation)
	})
}

// suspected reports whether a member that counts as alive has been silent for two
// rounds of this node's probes; a round probes each living member once.
func (d *directory) suspected(r record, alive int) bool {
	heard := r.since
	if r.answered.After(heard) {
		heard = r.answered
	}
	silence := 2*time.Duration(alive-1)*d.cfg.Timings.Probe + d.cfg.Timings.ProbeTimeout
	return r.status == Alive && r.name != d.cfg.gossipName() && time.Since(heard) > silence
}

// Members lists the nodes of the cluster in the order of their ids, this one
// included, each once. Members that died stay until they are removed as voters or
// are replaced, members that left for a while.
func (c *Cluster) Members() []Member {
	all := c.dir.snapshot()
	alive := 0
	for _, r := range all {
		if r.status == Alive {
			alive++
		}
	}
	roles := c.roles()
	leader := c.leaderRaftID()
	speakers := map[string]*record{}
	for i := range all {
		r := &all[i]
		if best := speakers[r.nodeID]; best == nil || speaksBefore(r, best) {
			speakers[r.nodeID] = r
		}
	}
	members := make([]Member, 0, len(speakers))
	for _, r := range speakers {
		m := r.member()
		if c.dir.suspected(*r, alive) {
			m.Status = Suspect
		}
		m.Role = roles[r.raftID()]
		m.Leader = leader != "" && r.raftID() == leader
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return members
}

func (r *record) member() Member {
	return Member{
		ID: r.nodeID, HTTPAddr: r.meta.HTTPAddr, GossipAddr: r.gossipAddr, RaftAddr: r.meta.RaftAddr,
		Status: r.status, Version: r.meta.Version, StartedAt: time.UnixMilli(r.meta.StartedMs),
	}
}
