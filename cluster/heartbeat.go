package cluster

import (
	"context"
	"time"
)

const (
	// beatsInTimeout is how many heartbeats a leader sends within Timings.Heartbeat.
	// A follower must miss three, so a leader may be late by two thirds of it.
	beatsInTimeout = 3
	// ownBeats is by how much raft's own heartbeats are stretched meanwhile. Raft
	// sends one in every 1/10 to 2/10 of its timeout since the last; 4/10 is more
	// than the third in which ours go out, and 8/10 still reaches a follower in time.
	ownBeats = 4
)

// heartbeatLoop sends this leader's heartbeats to all followers at the same moment,
// until ctx, the reign, ends. Raft by itself sends them to each follower at a moment
// of its own, and an idle process pays for waking up, not for what it then sends.
// Raft's own are left as what happens when this loop is late.
func (e *election) heartbeatLoop(ctx context.Context) {
	timeout := e.c.cfg.Timings.Heartbeat
	e.setHeartbeat(ownBeats * timeout)
	defer e.setHeartbeat(timeout) // a follower must not wait for so long
	tick := time.NewTicker(timeout / beatsInTimeout)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// Verifying means a heartbeat to everybody. What comes of it is for raft:
			// it steps down when a follower knows a later term, and tells NotifyCh.
			_ = e.raft.VerifyLeader()
		}
	}
}

// setHeartbeat changes raft's timeout. Only one goroutine does, reign after reign.
func (e *election) setHeartbeat(timeout time.Duration) {
	rc := e.raft.ReloadableConfig()
	rc.HeartbeatTimeout, rc.ElectionTimeout = timeout, timeout
	if err := e.raft.ReloadConfig(rc); err != nil {
		e.c.complain("cannot change raft's heartbeat timeout", "timeout", timeout, "error", err)
	}
}
