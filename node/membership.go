package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/sqldb"
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
	if d.Position != "" {
		n.changes.Hint(kv.Versionstamp(d.Position))
	}
	if d.AllQueues {
		n.queue.NotifyAll()
	} else if len(d.Queues) > 0 {
		n.queue.Notify(d.Queues...)
	}
}

// joinCluster opens the cluster's ports and begins to look for the others.
func (n *Node) joinCluster(ctx context.Context) error {
	cfg, err := n.clusterConfig()
	if err != nil {
		return err
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
	n.db.OnCommit(func(p sqldb.Position) { n.cluster.Ring(cluster.Doorbell{Position: string(p)}) })
	return nil
}

func (n *Node) clusterConfig() (cluster.Config, error) {
	tls, err := n.cfg.raftTLS()
	if err != nil {
		return cluster.Config{}, err
	}
	reg := registry{n.db}
	return cluster.Config{
		NodeID:          n.id,
		BootID:          n.boot,
		Version:         n.cfg.Version,
		StartedAt:       n.started,
		DataDir:         n.cfg.DataDir,
		Ephemeral:       n.cfg.Ephemeral,
		HTTPAddr:        n.httpAdvertise(),
		GossipAddr:      n.cfg.GossipAddr,
		GossipAdvertise: n.cfg.GossipAdvertise,
		RaftAddr:        n.cfg.RaftAddr,
		RaftAdvertise:   n.cfg.RaftAdvertise,
		Join:            n.cfg.Join,
		Name:            n.cfg.ClusterName,
		DatabaseID:      n.db.Info().DatabaseID,
		GossipKeys:      n.cfg.GossipKeys,
		RaftTLS:         tls,
		Founder:         reg,
		Epochs:          reg,
		Lead:            n.lead,
		OnDoorbell:      n.heard,
		Logger:          n.log,
		Registerer:      n.cfg.Registerer,
	}, nil
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
	if err == nil {
		return nil
	}
	if passes(err) {
		return errors.New(settingText(err))
	}
	for _, mend := range []error{cluster.ErrInvalidConfig, cluster.ErrOtherDatabase, cluster.ErrDuplicateNode, cluster.ErrOtherFounding} {
		if errors.Is(err, mend) {
			return fmt.Errorf("%w: %w", ErrBadSetting, err)
		}
	}
	return err
}

// settingText begins with the setting's name.
func settingText(err error) string {
	text := strings.TrimPrefix(err.Error(), cluster.ErrInvalidConfig.Error()+": ")
	if setting, _, _ := strings.Cut(text, ":"); errors.Is(err, syscall.EADDRINUSE) {
		text += inUse(setting)
	}
	return text
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
