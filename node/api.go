package node

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

// apiConfig puts the API together from the node's parts.
func (n *Node) apiConfig() httpapi.Config {
	// Validate has seen the name.
	consistency, _ := kv.ParseConsistency(n.cfg.DefaultConsistency)
	view := clusterView{n.cluster}
	return httpapi.Config{
		Store:   n.store,
		Queue:   n.queue,
		Watch:   n.changes,
		Indexes: n.indexes, IndexCounts: n.countIndexes,
		Cluster: view,
		Node: api.ClusterNode{
			ID: n.id, Version: n.cfg.Version, HTTPAddr: n.cluster.HTTPAddr(), StartedAt: n.started.UnixMilli()},
		Positions: n.positions,
		Checks: []httpapi.Check{
			{Name: "database", Ready: n.db.Ping},
			{Name: "storage", Ready: n.db.Writable},
		},
		Authority:              n.authorities(),
		TicketKey:              n.db.TicketSecret,
		PublicURL:              n.cfg.PublicURL,
		BasePath:               n.cfg.BasePath,
		DefaultConsistency:     consistency,
		OperationTimeout:       n.cfg.OperationTimeout,
		MaxValueBytes:          int(n.cfg.MaxValueBytes),
		KVConnectMaxValueBytes: int(n.cfg.KVConnectMaxValueBytes),
		Compress:               n.cfg.Compress,
		MaxMemoryInFlight:      n.cfg.MaxMemoryInFlight,
		Limits: httpapi.Limits{
			RatePerToken: n.cfg.RateLimitPerToken, RatePerAddress: n.cfg.RateLimitPerAddress,
			Requests: n.cfg.MaxRequests, RequestsPerToken: n.cfg.MaxRequestsPerToken,
			Streams: n.cfg.MaxStreams, StreamsPerToken: n.cfg.MaxStreamsPerToken,
		},
		TrustedProxies: n.cfg.trustedProxies(),
		CORSOrigins:    n.cfg.CORSOrigins,
		Loopback:       isLoopback(n.listener.Addr()),
		AllowedHosts:   n.cfg.AllowedHosts,
		AccessLog:      n.cfg.AccessLog,
		Logger:         n.log,
		Registerer:     n.cfg.Registerer,
		Gatherer:       n.cfg.Gatherer,
		TracerProvider: n.cfg.TracerProvider,
		Propagator:     n.cfg.Propagator,
		Snapshots: map[string]func(context.Context) (any, error){
			"storage": sampled(time.Minute, n.storage),
			"cluster": view.metrics,
		},
	}
}

// isLoopback tells whether only this machine can connect to an address.
func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func (n *Node) positions() api.Positions {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	primary, replica := n.db.Positions(ctx)
	return api.Positions{Primary: api.Versionstamp(primary), Replica: api.Versionstamp(replica), Tail: api.Versionstamp(n.changes.Position())}
}

func (n *Node) storage(ctx context.Context) (any, error) {
	entries, _, err := n.store.Count(ctx, kv.PrefixRange(""), nil, kv.ReadOptions{Consistency: kv.Eventual})
	if err != nil {
		return nil, err
	}
	size, err := n.db.Size(ctx)
	return api.StorageMetrics{Entries: entries, SizeBytes: size}, err
}

// sampled calls f at most once in an interval; what it costs is then paid once
// for everybody who asks.
func sampled(interval time.Duration, f func(context.Context) (any, error)) func(context.Context) (any, error) {
	var mu sync.Mutex
	var last any
	var taken time.Time
	return func(ctx context.Context) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		if last != nil && time.Since(taken) < interval {
			return last, nil
		}
		sample, err := f(ctx)
		if err != nil {
			return nil, err
		}
		last, taken = sample, time.Now()
		return sample, nil
	}
}
