package node_test

import (
	"testing"

	"github.com/buntime/keyval/node/nodetest"
)

// What is wrong with one message is no reason to keep everybody's dedupe ids.
func TestALeadersJobThatFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	leader, epoch := newLeader(t, primary, "leader")
	for _, sql := range append(overdue, "UPDATE kv_queue SET attempts=max_attempts,keys_if_undelivered='no JSON'") {
		if _, err := primary.Query(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	leader.Jobs(t.Context(), epoch, func(job string, err error) {
		if failed := err != nil; failed != (job == "reclaim locks") {
			t.Errorf("%s: %v", job, err)
		}
	})
	if got, want := text(t, primary, leftSQL), "0 0 0 0 50 0"; got != want {
		t.Errorf("after the leader's jobs there are %s left, want %s", got, want)
	}
}
