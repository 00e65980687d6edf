package cluster

import (
	"fmt"
	"strings"
	"time"
)

// warnLeaderless says, once in Timings.LogEvery, what a node waits for that knows no
// leader, and how it gets out of that. Nothing else would: requests are answered without
// one, so the node is ready.
func (c *Cluster) warnLeaderless(e *election, row Founding) {
	what := "there is no leader: a majority of the voters must be up"
	if !e.hasState() {
		what = "waiting to be added by the leader of the cluster that was founded on this database"
	}
	c.complain(what,
		"for", e.leaderlessFor().Round(time.Second), "founder", row.NodeID, "generation", row.Generation,
		"renewed", fmt.Sprintf("%v ago", row.Age.Round(time.Second)), "voters", e.votersText(), "members", c.membersText(),
		"what_to_do", c.wayOut(e, row))
}

// wayOut is what an operator can do.
func (c *Cluster) wayOut(e *election, row Founding) string {
	switch {
	case row.Age < c.cfg.Timings.StaleAfter && len(c.dir.others()) == 0:
		return "a leader is there and this node knows no other: name a node of the cluster with --join"
	case row.Age < c.cfg.Timings.StaleAfter:
		return "a leader was there a moment ago; see that nodes reach each other over gossip and raft in both directions"
	case row.Ephemeral && c.staleAfter(e.hasState()) > 0:
		return "nothing: this node or another founds the cluster again"
	case c.cfg.Ephemeral:
		return "start the nodes that have led; if they are gone for good, run `keyval cluster recover --ephemeral` once with the settings of this node"
	}
	return "start the other voters; if they are gone for good, stop this node and run `keyval cluster recover` with its settings"
}

// votersText names the voters, as far as this node has been told.
func (e *election) votersText() string {
	var ids []string
	for _, s := range e.servers() {
		if s.voter {
			ids = append(ids, s.id)
		}
	}
	return strings.Join(ids, " ")
}

// membersText is whom gossip knows.
func (c *Cluster) membersText() string {
	var all []string
	for _, m := range c.Members() {
		all = append(all, fmt.Sprintf("%s(%s, %s)", m.ID, m.GossipAddr, m.Status))
	}
	return strings.Join(all, " ")
}

// LeaderlessFor is for how long this node has known no leader.
func (c *Cluster) LeaderlessFor() time.Duration {
	if e := c.election(); e != nil {
		return e.leaderlessFor()
	}
	return time.Since(c.began)
}
