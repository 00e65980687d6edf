package node_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// spread is what a histogram without labels has counted.
func spread(t *testing.T, from prometheus.Gatherer, name string) *dto.Histogram {
	t.Helper()
	families, err := from.Gather()
	nodetest.Check(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetHistogram()
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// The node's own writes, of leadership for example, are among the groups.
func TestANodeThatDoesNotGroupHasATransactionForEachWriteAndAStatementForEachRead(t *testing.T) {
	t.Parallel()
	const clients, each = 16, 4
	var log journal
	metrics := prometheus.NewRegistry()
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.NoGrouping, cfg.Logger = true, log.logger()
	cfg.Registerer, cfg.Gatherer = metrics, metrics
	n := testnode.MustStartNode(t, cfg)
	reads := spread(t, metrics, "keyval_read_coalesced_keys").GetSampleCount()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range each {
				key := api.Key{"k", fmt.Sprint(c), fmt.Sprint(i)}
				if _, err := n.Client.Put(t.Context(), key, i); err != nil {
					t.Error(err)
				}
				if _, err := n.Client.Get(t.Context(), key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	groups := spread(t, metrics, "keyval_commit_group_operations")
	if groups.GetSampleCount() < clients*each || groups.GetSampleSum() != float64(groups.GetSampleCount()) {
		t.Errorf("%v operations in %d transactions", groups.GetSampleSum(), groups.GetSampleCount())
	}
	keys := spread(t, metrics, "keyval_read_coalesced_keys")
	if got := keys.GetSampleCount() - reads; got != clients*each {
		t.Errorf("%d reads were %d statements", clients*each, got)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "leave no-grouping out") {
		t.Errorf("it does not warn:\n%s", log.String())
	}
	if node.DefaultConfig().NoGrouping {
		t.Error("that is the default")
	}
}
