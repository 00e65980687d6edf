package node_test

import (
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
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
	await.That(t, "all nodes know three members and the same leader", func() bool {
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
