package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

// announceQueues tells the other nodes of queues with new or finished
// messages.
func (n *Node) announceQueues(queues []string) {
	if n.joined.Load() { // the queue is there before the cluster is
		n.cluster.Ring(cluster.Doorbell{Queues: queues})
	}
}

// heard passes on what other nodes have rung.
func (n *Node) heard(d cluster.Doorbell) {
	ctx, span := n.beginRung(d)
	defer span.End()
	if d.Position != "" {
		n.changes.HintFrom(ctx, kv.Versionstamp(d.Position))
	}
	if d.Indexes {
		n.wakeIndexing()
	}
	if d.AllQueues {
		n.queue.NotifyAll()
	} else if len(d.Queues) > 0 {
		n.queue.Notify(d.Queues...)
	}
}

// joinCluster opens the cluster's ports and begins to look for the others.
func (n *Node) joinCluster(ctx context.Context) error {
	cfg := n.cfg.clusterConfig(n.id)
	cfg.BootID, cfg.StartedAt = n.boot, n.started
	cfg.HTTPAddr = n.httpAdvertise()
	cfg.DatabaseID = n.db.Info().DatabaseID
	cfg.Founder, cfg.Epochs = registry{n.db}, registry{n.db}
	cfg.Lead, cfg.OnDoorbell = n.lead, n.heard
	var err error
	if cfg.GossipKeys, err = n.cfg.gossipKeys(); err != nil {
		return err
	}
	raft, err := n.cfg.liveRaftTLS()
	if err != nil {
		return err
	}
	if raft != nil {
		cfg.RaftTLS = raft.config
	}
	if n.cluster, err = cluster.New(cfg); err != nil {
		return clusterError(err)
	}
	if err := n.cluster.Listen(); err != nil {
		return clusterError(err)
	}
	if err := n.cluster.Start(ctx); err != nil {
		return clusterError(err)
	}
	n.joined.Store(true)
	n.followClusterSecrets(raft, cfg.GossipKeys)
	n.db.OnCommit(n.ring)
	return nil
}

// clusterConfig is what cluster is told of the settings.
func (c Config) clusterConfig(nodeID string) cluster.Config {
	return cluster.Config{
		NodeID:          nodeID,
		Version:         c.Version,
		DataDir:         c.DataDir,
		Ephemeral:       c.Ephemeral,
		GossipAddr:      c.GossipAddr,
		GossipAdvertise: c.GossipAdvertise,
		RaftAddr:        c.RaftAddr,
		RaftAdvertise:   c.RaftAdvertise,
		Join:            c.Join,
		Name:            c.ClusterName,
		GossipKeys:      c.GossipKeys,
		Logger:          c.Logger,
		Registerer:      c.Registerer,
	}
}

// httpAdvertise is where the API is reached: what the setting says, with the port on
// which it listens where that names none.
func (n *Node) httpAdvertise() string {
	listening := n.listener.Addr().String()
	if n.cfg.HTTPAdvertise == "" {
		return listening
	}
	if _, _, err := net.SplitHostPort(n.cfg.HTTPAdvertise); err == nil {
		return n.cfg.HTTPAdvertise
	}
	_, port, _ := net.SplitHostPort(listening)
	return net.JoinHostPort(strings.Trim(n.cfg.HTTPAdvertise, "[]"), port)
}

// clusterError tells what the operator can mend by a setting from what not.
func clusterError(err error) error {
	if bad, ok := errors.AsType[*cluster.SettingError](err); ok {
		return cannotUse(bad.Setting, bad.Err, "%v", bad.Err)
	}
	for _, mend := range []error{cluster.ErrInvalidConfig, cluster.ErrOtherDatabase, cluster.ErrDuplicateNode, cluster.ErrOtherFounding} {
		if errors.Is(err, mend) {
			return fmt.Errorf("%w: %w", ErrBadSetting, err)
		}
	}
	return err
}

// watchCluster ends the node when it can no longer be a member.
func (n *Node) watchCluster() {
	select {
	case err := <-n.cluster.Failed():
		n.fail(clusterError(err))
	case <-n.stopped:
	}
}

// clusterView is the cluster as GET /cluster shows it.
type clusterView struct{ *cluster.Cluster }

func (v clusterView) Members() []api.Member {
	var members []api.Member
	for _, m := range v.Cluster.Members() {
		members = append(members, api.Member{
			ID: m.ID, HTTPAddr: m.HTTPAddr, GossipAddr: m.GossipAddr, RaftAddr: m.RaftAddr,
			Status: api.MemberStatus(m.Status), Role: api.MemberRole(m.Role), Leader: m.Leader,
		})
	}
	return members
}

func (v clusterView) Leader() (*api.ClusterLeader, uint64) {
	m, ok := v.Cluster.Leader()
	if !ok {
		return nil, v.Epoch()
	}
	return &api.ClusterLeader{ID: m.ID, HTTPAddr: m.HTTPAddr}, v.Epoch()
}

func (v clusterView) metrics(context.Context) (any, error) {
	m := api.ClusterMetrics{Leader: v.IsLeader(), Epoch: v.Epoch()}
	for _, member := range v.Cluster.Members() {
		if member.Status == cluster.Alive {
			m.Members++
		}
	}
	return m, nil
}
