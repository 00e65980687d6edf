package cluster

import (
	"time"

	"github.com/hashicorp/raft"
)

// RaftTimeout is the heartbeat timeout that this node's raft goes by now.
func (c *Cluster) RaftTimeout() time.Duration {
	if e := c.election(); e != nil {
		return e.raft.ReloadableConfig().HeartbeatTimeout
	}
	return 0
}

// Stand has raft stand for election now, if it has never heard of a leader.
func (c *Cluster) Stand() {
	if e := c.election(); e != nil {
		rc := e.raft.ReloadableConfig()
		rc.HeartbeatTimeout-- // a shorter one is looked at once
		_ = e.raft.ReloadConfig(rc)
	}
}

// SendHeartbeats has raft send its heartbeats now, if it leads, and waits until a majority
// has answered.
func (c *Cluster) SendHeartbeats() {
	if e := c.election(); e != nil && e.raft.State() == raft.Leader {
		_ = e.raft.VerifyLeader().Error()
	}
}
