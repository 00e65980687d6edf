package node_test

import (
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/node/testnode"
)

func TestANodeServesWhatItWasGiven(t *testing.T) {
	t.Parallel()
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	if _, err := n.Client.Put(t.Context(), api.Key{"users", "alice"}, map[string]int{"age": 30}); err != nil {
		t.Fatal(err)
	}
	got, err := n.Client.Get(t.Context(), api.Key{"users", "alice"})
	if err != nil || string(got.Value) != `{"age":30}` {
		t.Errorf("got %s, %v", got.Value, err)
	}
}

func TestAClusterOfThreeElectsOneLeader(t *testing.T) {
	t.Parallel()
	c := testnode.MustStartCluster(t, testnode.NodeConfig(t.TempDir()), 3)
	eventually(t, "all nodes know three members and the same leader", func() bool {
		leaders := map[string]int{}
		for _, n := range c.Nodes {
			status, err := n.Client.Cluster(t.Context())
			if err != nil || status.Leader == nil || len(status.Members) != 3 {
				return false
			}
			leaders[status.Leader.ID]++
		}
		return len(leaders) == 1
	})
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	within(t, 90*time.Second, what, holds)
}

// within waits until a condition holds, but not for ever.
func within(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
