package cluster

import (
	"sync/atomic"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
)

// stats counts what cannot be read off at any time.
type stats struct {
	leaderChanges, fenced                  atomic.Uint64
	bellsSent, bellsReceived, bellsDropped atomic.Uint64
}

// collector reads the cluster's state when it is scraped, so that metrics cost an
// idle node nothing.
type collector struct {
	c *Cluster

	members, health, state, term, applied, changes, epoch, leading, voters, fenced, bells, leaderless *prometheus.Desc
}

func newCollector(c *Cluster) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("keyval_cluster_"+name, help, labels, nil)
	}
	return &collector{
		c:          c,
		members:    desc("members", "Members known to this node, by status.", "status"),
		health:     desc("gossip_health_score", "How badly this node keeps up with gossip; 0 is well."),
		state:      desc("raft_state", "1 for the state that raft is in on this node.", "state"),
		term:       desc("raft_term", "Raft's term on this node."),
		applied:    desc("raft_applied_index", "The last raft entry applied on this node."),
		changes:    desc("leader_changes_total", "Leaders that this node has seen elected."),
		epoch:      desc("epoch", "The highest leader's epoch that this node knows."),
		leading:    desc("leading", "1 while this node does the leader's work."),
		voters:     desc("voters", "Voters in raft's configuration."),
		leaderless: desc("leaderless_seconds", "For how long this node has known no leader; 0 while it knows one."),
		fenced:     desc("fenced_total", "Leader's statements that were refused because of a later epoch."),
		bells:      desc("doorbells_total", "Doorbells sent, received and dropped as malformed or unsendable.", "event"),
	}
}

// Describe implements prometheus.Collector.
func (m *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.members, m.health, m.state, m.term, m.applied, m.changes, m.epoch, m.leading, m.voters, m.fenced, m.bells, m.leaderless} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	c := m.c
	count := map[Status]int{}
	voters := 0
	for _, member := range c.Members() {
		count[member.Status]++
	}
	for _, role := range c.roles() {
		if role == Voter {
			voters++
		}
	}
	for _, s := range []Status{Alive, Suspect, Dead, Left} {
		gauge(m.members, float64(count[s]), string(s))
	}
	gauge(m.health, float64(c.gossip.list.GetHealthScore()))
	gauge(m.voters, float64(voters))
	gauge(m.epoch, float64(c.Epoch()))
	gauge(m.leading, boolValue(c.IsLeader()))
	gauge(m.leaderless, c.LeaderlessFor().Seconds())
	counter(m.changes, c.stats.leaderChanges.Load())
	counter(m.fenced, c.stats.fenced.Load())
	counter(m.bells, c.stats.bellsSent.Load(), "sent")
	counter(m.bells, c.stats.bellsReceived.Load(), "received")
	counter(m.bells, c.stats.bellsDropped.Load(), "dropped")
	e := c.election()
	if e == nil {
		return
	}
	for _, s := range []raft.RaftState{raft.Follower, raft.Candidate, raft.Leader} {
		gauge(m.state, boolValue(e.raft.State() == s), s.String())
	}
	gauge(m.term, float64(e.raft.CurrentTerm()))
	gauge(m.applied, float64(e.raft.AppliedIndex()))
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (c *Cluster) register() error {
	if c.cfg.Registerer == nil {
		return nil
	}
	c.collector = newCollector(c)
	return c.cfg.Registerer.Register(c.collector)
}

func (c *Cluster) unregister() {
	if c.collector != nil {
		c.cfg.Registerer.Unregister(c.collector)
	}
}
