package main

import (
	"path/filepath"
	"testing"

	measurement "github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

func TestTheNodesOfAClusterAreMeasuredTogether(t *testing.T) {
	sqld := nodetest.MustStartSqldPair(t)
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL, cfg.LibsqlReplicaURL = sqld.Primary.HTTPURL(), sqld.Replica.HTTPURL()
	cluster := testnode.MustStartCluster(t, cfg, 2)
	a, b := cluster.Nodes[0].URL(), cluster.Nodes[1].URL()
	for _, test := range []struct {
		args       []string
		operations int
	}{
		{[]string{"cluster", "--keys", "50", "--url", a, "--url", b}, 4},
		{[]string{"watch", "--watchers", "20", "--url", a + "," + b}, 3},
		{[]string{"watch", "--watchers", "1", "--url", a, "--url", b}, 3},
		{[]string{"put", "--keys", "50", "--url", a, "--url", b}, 1},
	} {
		kept := filepath.Join(t.TempDir(), "a.json")
		args := append(append([]string{"bench"}, test.args...), "--connections", "4", "--duration", "2s", "--warm-up", "0", "--json", kept)
		if got := runCommand(t, nil, args...); got.code != exitClean {
			t.Fatalf("%v: got %+v, want exit code 0", test.args, got)
		}
		file, err := measurement.ReadFile(kept)
		if err != nil || len(file.Runs) != 1 || file.Runs[0].Settings.Endpoints != 2 {
			t.Fatalf("%v: got %+v, %v; want one run of two endpoints", test.args, file.Runs, err)
		}
		if got := len(file.Runs[0].Operations); got != test.operations {
			t.Errorf("%v: %d operations, want %d", test.args, got, test.operations)
		}
		for _, o := range file.Runs[0].Operations {
			if o.Count == 0 || len(o.Failures) > 0 {
				t.Errorf("%v: of %q %d succeeded, and %v failed", test.args, o.Name, o.Count, o.Failures)
			}
		}
	}
	mustBeEmpty(t, cluster.Nodes[1])
}
