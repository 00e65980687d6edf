package cluster

import "time"

// RaftTimeout is the heartbeat timeout that this node's raft goes by now.
func (c *Cluster) RaftTimeout() time.Duration {
	if e := c.election(); e != nil {
		return e.raft.ReloadableConfig().HeartbeatTimeout
	}
	return 0
}
