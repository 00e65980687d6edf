package cluster

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// DefaultGossipPort is the port of a Join entry that names none, when this node's
// own gossip port is chosen by the kernel.
const DefaultGossipPort = 7946

// Config is what a node knows about itself and its cluster before it starts.
type Config struct {
	// NodeID names the node for as long as its data directory lives. The caller
	// makes it (a UUID) and keeps it. Letters, digits, '-' and '_', at most 64.
	NodeID string
	// BootID names this start of the node; empty means a random one.
	BootID string
	// Version of the program, at most 64 bytes; shown to other members.
	Version string
	// StartedAt is shown to other members; zero means now.
	StartedAt time.Time

	// DataDir holds raft's state in its folder "raft". Unused when Ephemeral.
	DataDir string
	// Ephemeral keeps raft's state in memory. The node then has a new raft id at
	// each start, and a cluster of such nodes founds itself again when its quorum
	// has been gone for Timings.StaleAfter.
	Ephemeral bool

	// HTTPAddr is where clients reach this node, "host:port"; shown to other
	// members, never dialled by this package. If the host is every address, they are
	// told the one that gossip advertises.
	HTTPAddr string

	// GossipAddr is the "host:port" to bind for gossip, over UDP and TCP. Port 0
	// lets the kernel choose. Empty means 127.0.0.1:7946.
	GossipAddr string
	// GossipAdvertise is the "ip" or "ip:port" that other members use. Empty means
	// the bound address, or a private address of this machine if that is a wildcard.
	GossipAdvertise string
	// RaftAddr and RaftAdvertise are the same for raft, over TCP. Empty means
	// 127.0.0.1:7947.
	RaftAddr      string
	RaftAdvertise string

	// Join lists hosts, "host:port" or DNS names of members. Names are resolved
	// again at each try. Tries never end. None means a cluster of one, which others
	// may join.
	Join []string

	// Name keeps clusters apart that can reach each other; it is part of every
	// packet and authenticated when there are GossipKeys. Empty means "keyval".
	Name string
	// DatabaseID is the database's UUID. Nodes with another one are not let in.
	DatabaseID string

	// GossipKeys encrypt gossip (AES-GCM); each has 16, 24 or 32 bytes. The first
	// encrypts, all decrypt: to rotate, add the new key last everywhere, then move
	// it first, then remove the old one, with SetGossipKeys or by restarts. None means
	// no encryption.
	GossipKeys [][]byte
	// RaftTLS, if not nil, protects raft's connections, as client and as server. It is
	// called for each new connection, concurrently, and what it has returned is not
	// changed any more; connections that are there keep what they began with. For
	// mutual TLS set Certificates, RootCAs, ClientCAs and ClientAuth. With no
	// ServerName the certificate must name the peer's advertised IP.
	RaftTLS func() *tls.Config

	// Founder decides who founds the cluster. Required.
	Founder Founder
	// Epochs hands out epochs. Required.
	Epochs Epochs

	// Lead, if not nil, is the leader's job: called on this node, one call at a
	// time, while the node leads with the given epoch. ctx ends with a cause
	// (ErrLeadershipLost, ErrFenced, ErrClosed) and the job must then return. A job
	// that returns earlier is not called again until the next leadership or epoch.
	Lead func(ctx context.Context, epoch uint64)
	// OnDoorbell, if not nil, is called from one goroutine with what other members
	// rang, merged. While a call lasts, what arrives is merged into the next one.
	OnDoorbell func(Doorbell)

	// Logger receives this package's lines and both libraries' from WARN on.
	// nil discards them.
	Logger *slog.Logger
	// Registerer receives the metrics until Close; nil means none are kept.
	Registerer prometheus.Registerer

	// Timings are DefaultTimings where zero.
	Timings Timings
	// Network opens sockets; nil means the machine's own network.
	Network Network
	// Resolve finds the addresses of a host name in Join; nil means the system's
	// resolver.
	Resolve func(ctx context.Context, host string) ([]string, error)
}

// Timings are the durations and limits that a test may want shorter. Zero fields
// take DefaultTimings' value.
type Timings struct {
	Probe          time.Duration // one member is probed this often
	ProbeTimeout   time.Duration // an answer is due
	Gossip         time.Duration // queued news is passed on
	PushPull       time.Duration // whole state is exchanged with one member
	StreamTimeout  time.Duration // dialling, reading or writing a gossip stream
	JoinWait       time.Duration // Start waits so long for the first join
	JoinRetry      time.Duration // between tries while alone; doubles up to JoinEvery
	JoinEvery      time.Duration // between looks for seeds and dead members to rejoin
	Heartbeat      time.Duration // followers without a leader start an election after 1–3 of these
	LeaderLease    time.Duration // a leader without a quorum steps down; at most Heartbeat
	Commit         time.Duration // followers hear of the last commit, and failed sends are repeated, after 1–2 of these
	RaftTimeout    time.Duration // one raft call over the network
	HandOver       time.Duration // between the tries of handing leadership over
	LeaveWait      time.Duration // for gossip to carry our leave, and to be removed
	Reconcile      time.Duration // between looks at the voters
	PromoteAfter   time.Duration // a non-voter has been alive
	SilentAfter    time.Duration // a voter that has not answered raft may lose its seat to another
	RemoveAfter    time.Duration // a voter has been dead, and nobody took its seat
	Renew          time.Duration // the leader renews the founding
	StaleAfter     time.Duration // without renewal an ephemeral cluster may be founded again
	LeaderlessWait time.Duration // without a leader, before the database is asked
	Beat           time.Duration // the leader's doorbell to everybody
	Coalesce       time.Duration // at most one doorbell is sent in; longer with more than 16 others
	LogEvery       time.Duration // the same complaint is logged once in
	ForgetLeft     time.Duration // a member that left stays visible
	MaxVoters      int           // more members are non-voters
	DirectLimit    int           // up to so many members get doorbells directly
}

// DefaultTimings are for production on a local network. Heartbeat, LeaderLease and
// Commit decide what an idle leader costs and how long a cluster is without one:
// see "Heartbeats" in DESIGN.md before changing them.
func DefaultTimings() Timings {
	return Timings{
		Probe:          time.Second,
		ProbeTimeout:   500 * time.Millisecond,
		Gossip:         500 * time.Millisecond,
		PushPull:       30 * time.Second,
		StreamTimeout:  5 * time.Second,
		JoinWait:       time.Second,
		JoinRetry:      500 * time.Millisecond,
		JoinEvery:      15 * time.Second,
		Heartbeat:      1200 * time.Millisecond,
		LeaderLease:    time.Second,
		Commit:         2 * time.Second,
		RaftTimeout:    2 * time.Second,
		HandOver:       100 * time.Millisecond,
		LeaveWait:      time.Second,
		Reconcile:      10 * time.Second,
		PromoteAfter:   10 * time.Second,
		SilentAfter:    30 * time.Second,
		RemoveAfter:    72 * time.Hour,
		Renew:          5 * time.Second,
		StaleAfter:     30 * time.Second,
		LeaderlessWait: 10 * time.Second,
		Beat:           time.Second,
		Coalesce:       5 * time.Millisecond,
		LogEvery:       time.Minute,
		ForgetLeft:     10 * time.Minute,
		MaxVoters:      5,
		DirectLimit:    32,
	}
}

// withDefaults fills the zero fields from DefaultTimings.
func (t Timings) withDefaults() Timings {
	d := DefaultTimings()
	for _, f := range []struct{ have, def *time.Duration }{
		{&t.Probe, &d.Probe}, {&t.ProbeTimeout, &d.ProbeTimeout}, {&t.Gossip, &d.Gossip},
		{&t.PushPull, &d.PushPull}, {&t.StreamTimeout, &d.StreamTimeout}, {&t.JoinWait, &d.JoinWait},
		{&t.JoinRetry, &d.JoinRetry}, {&t.JoinEvery, &d.JoinEvery},
		{&t.Heartbeat, &d.Heartbeat}, {&t.LeaderLease, &d.LeaderLease}, {&t.Commit, &d.Commit},
		{&t.RaftTimeout, &d.RaftTimeout}, {&t.HandOver, &d.HandOver}, {&t.LeaveWait, &d.LeaveWait},
		{&t.Reconcile, &d.Reconcile}, {&t.PromoteAfter, &d.PromoteAfter}, {&t.RemoveAfter, &d.RemoveAfter},
		{&t.Renew, &d.Renew}, {&t.StaleAfter, &d.StaleAfter}, {&t.LeaderlessWait, &d.LeaderlessWait},
		{&t.Beat, &d.Beat}, {&t.Coalesce, &d.Coalesce}, {&t.LogEvery, &d.LogEvery},
		{&t.ForgetLeft, &d.ForgetLeft},
	} {
		if *f.have == 0 {
			*f.have = *f.def
		}
	}
	if t.MaxVoters == 0 {
		t.MaxVoters = d.MaxVoters
	}
	if t.DirectLimit == 0 {
		t.DirectLimit = d.DirectLimit
	}
	return t
}

// withDefaults returns the config with every optional field filled.
func (cfg Config) withDefaults() Config {
	if cfg.BootID == "" {
		cfg.BootID = uuid.NewString()
	}
	if cfg.StartedAt.IsZero() {
		cfg.StartedAt = time.Now()
	}
	if cfg.GossipAddr == "" {
		cfg.GossipAddr = net.JoinHostPort("127.0.0.1", strconv.Itoa(DefaultGossipPort))
	}
	if cfg.RaftAddr == "" {
		cfg.RaftAddr = "127.0.0.1:7947"
	}
	if cfg.Name == "" {
		cfg.Name = "keyval"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Network == nil {
		cfg.Network = systemNetwork{}
	}
	if cfg.Resolve == nil {
		cfg.Resolve = net.DefaultResolver.LookupHost
	}
	if cfg.Lead == nil {
		cfg.Lead = func(ctx context.Context, _ uint64) { <-ctx.Done() }
	}
	if cfg.OnDoorbell == nil {
		cfg.OnDoorbell = func(Doorbell) {}
	}
	cfg.Timings = cfg.Timings.withDefaults()
	return cfg
}

// validate checks everything that can be checked without opening a socket.
func (cfg Config) validate() error {
	if cfg.NodeID == "" {
		return &SettingError{"node-id", CheckNodeID("")}
	}
	if err := cfg.CheckSettings(); err != nil {
		return err
	}
	t := cfg.Timings
	switch err := CheckNodeID(cfg.BootID); {
	case err != nil:
		return fmt.Errorf("%w: boot id: %w", ErrInvalidConfig, err)
	case len(cfg.Version) > maxVersion:
		return fmt.Errorf("%w: version %q has more than %d bytes", ErrInvalidConfig, cfg.Version, maxVersion)
	case cfg.Founder == nil || cfg.Epochs == nil:
		return fmt.Errorf("%w: founder and epochs are required", ErrInvalidConfig)
	case t.LeaderLease > t.Heartbeat:
		return fmt.Errorf("%w: leader lease %v must not exceed the heartbeat timeout %v", ErrInvalidConfig, t.LeaderLease, t.Heartbeat)
	case t.StaleAfter < 2*t.Heartbeat+2*t.Renew:
		return fmt.Errorf("%w: a founding must not be stale (%v) before an election (%v) and a lost renewal (%v)",
			ErrInvalidConfig, t.StaleAfter, 2*t.Heartbeat, 2*t.Renew)
	}
	_, err := cfg.largestMeta().encode()
	return err
}

// gossipName is unique to this start of this node, so that names never conflict.
func (cfg Config) gossipName() string { return cfg.NodeID + "." + cfg.BootID }

// raftID is stable where raft's state is, and fresh where it is not: a voter that
// came back with its name but without its memory could vote twice in one term.
func (cfg Config) raftID() string {
	if cfg.Ephemeral {
		return cfg.gossipName()
	}
	return cfg.NodeID
}

func (cfg Config) raftDir() string { return filepath.Join(cfg.DataDir, "raft") }

// jitter spreads d over [d/2, d], so that nodes started together do not act
// together.
func jitter(d time.Duration) time.Duration {
	var b [1]byte
	_, _ = rand.Read(b[:])
	return d/2 + d/2*time.Duration(b[0])/255
}
