package node_test

import (
	"path/filepath"
	"testing"

	"github.com/buntime/keyval/node/testnode"
)

// One process owns an embedded database, so whoever founded a cluster on it before
// is gone: nobody ever waits for them.
func TestAnEmbeddedDatabaseIsItsProcesssOwnToFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lone := testnode.NodeConfig(dir)
	lone.Ephemeral = false
	elsewhere := lone
	elsewhere.DataDir = filepath.Join(dir, "another")
	for _, life := range []struct {
		name  string
		start func() (*testnode.Cluster, error)
	}{
		{"a node that keeps its name", func() (*testnode.Cluster, error) { return testnode.StartCluster(t.Context(), lone, 1) }},
		{"a cluster that keeps nothing", func() (*testnode.Cluster, error) {
			return testnode.StartCluster(t.Context(), testnode.NodeConfig(dir), 3)
		}},
		{"the node again", func() (*testnode.Cluster, error) { return testnode.StartCluster(t.Context(), lone, 1) }},
		{"its data directory is lost", func() (*testnode.Cluster, error) { return testnode.StartCluster(t.Context(), elsewhere, 1) }},
		{"the cluster again", func() (*testnode.Cluster, error) {
			return testnode.StartCluster(t.Context(), testnode.NodeConfig(dir), 2)
		}},
	} {
		c, err := life.start()
		if err != nil {
			t.Fatalf("%s: %v", life.name, err)
		}
		eventually(t, life.name+": one leads", func() bool {
			status, err := c.Nodes[0].Client.Cluster(t.Context())
			return err == nil && status.Leader != nil
		})
		if err := c.Close(); err != nil {
			t.Errorf("%s: %v", life.name, err)
		}
	}
}
