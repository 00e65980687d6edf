package node

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
)

const (
	// countsTimeout bounds the counting of indexes for GET /cluster.
	countsTimeout = time.Second
	// countsAge is how old what is scraped of them may be.
	countsAge = 10 * time.Second
)

func (n *Node) openIndexes(context.Context) error {
	n.indexes = search.New(n.db)
	return n.cfg.Registerer.Register(n.indexes)
}

// passOnIndexWork tells whoever leads that this node has made or dropped an index that is
// not done with.
func (n *Node) passOnIndexWork() {
	for {
		select {
		case <-n.indexes.Work():
			n.wakeIndexing()
			n.cluster.Ring(cluster.Doorbell{Indexes: true})
		case <-n.stopped:
			return
		}
	}
}

// wakeIndexing has the leader's job look for indexes now, or as soon as this node leads.
func (n *Node) wakeIndexing() {
	select {
	case n.indexWork <- struct{}{}:
	default: // it will look
	}
}

// buildIndexes goes on with indexes that are being built or dropped.
func (n *Node) buildIndexes(ctx context.Context, epoch int64) (done int64, err error) {
	before := n.countIndexes(ctx)
	if before != nil && before.Building > 0 {
		n.log.InfoContext(ctx, "building full-text indexes", "indexes", before.Building, "indexed", before.Indexed)
	}
	began := time.Now()
	if err := n.indexes.Build(ctx, epoch); err != nil {
		return 0, err
	}
	if before != nil && before.Building > 0 {
		n.log.InfoContext(ctx, "full-text indexes are ready", "indexes", before.Building, "took", time.Since(began).Round(time.Millisecond))
		return int64(before.Building), nil
	}
	return 0, nil
}

// countIndexes is nil while the database does not answer.
func (n *Node) countIndexes(ctx context.Context) *api.ClusterIndexes {
	ctx, cancel := context.WithTimeout(ctx, countsTimeout)
	defer cancel()
	all, _, err := n.indexes.List(ctx, kv.ReadOptions{})
	if err != nil {
		return nil
	}
	counts := new(api.ClusterIndexes)
	for i := range all {
		if all[i].Ready {
			counts.Ready++
			continue
		}
		counts.Building++
		counts.Indexed += all[i].Indexed
	}
	return counts
}

// indexGauges ask the database when they are scraped, at most once in countsAge.
type indexGauges struct {
	count            func(context.Context) (any, error)
	indexes, indexed *prometheus.Desc
}

func newIndexGauges(n *Node) *indexGauges {
	return &indexGauges{
		count: sampled(countsAge, func(ctx context.Context) (any, error) {
			if counts := n.countIndexes(ctx); counts != nil {
				return counts, nil
			}
			return nil, context.DeadlineExceeded
		}),
		indexes: prometheus.NewDesc("keyval_search_indexes", "Full-text indexes of the database by state, ready or building; missing while it does not answer.", []string{"state"}, nil),
		indexed: prometheus.NewDesc("keyval_search_building_entries", "Entries that full-text indexes have so far that are being built.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (g *indexGauges) Describe(descs chan<- *prometheus.Desc) {
	descs <- g.indexes
	descs <- g.indexed
}

// Collect implements prometheus.Collector.
func (g *indexGauges) Collect(out chan<- prometheus.Metric) {
	counted, err := g.count(context.Background())
	if err != nil {
		return
	}
	counts := counted.(*api.ClusterIndexes)
	out <- prometheus.MustNewConstMetric(g.indexes, prometheus.GaugeValue, float64(counts.Ready), "ready")
	out <- prometheus.MustNewConstMetric(g.indexes, prometheus.GaugeValue, float64(counts.Building), "building")
	out <- prometheus.MustNewConstMetric(g.indexed, prometheus.GaugeValue, float64(counts.Indexed))
}
