package cluster_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/cluster"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// patiently lets a start wait until it has joined.
func patiently(cfg *cluster.Config) {
	cfg.Timings.JoinWait, cfg.Timings.StreamTimeout = time.Minute, time.Minute
}

func TestStrangersAreKeptOutWithAClearLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ours func(*cluster.Config)
		them func(*cluster.Config)
		line string // in the log of the node that was asked
	}{
		{
			name: "another gossip key",
			ours: func(cfg *cluster.Config) { cfg.GossipKeys = [][]byte{key(1)} },
			them: func(cfg *cluster.Config) { cfg.GossipKeys = [][]byte{key(2)} },
			line: "check gossip-key",
		},
		{
			name: "no gossip key",
			ours: func(cfg *cluster.Config) { cfg.GossipKeys = [][]byte{key(1)} },
			them: func(*cluster.Config) {},
			line: "check gossip-key",
		},
		{
			name: "a gossip key where there is none",
			ours: func(*cluster.Config) {},
			them: func(cfg *cluster.Config) { cfg.GossipKeys = [][]byte{key(1)} },
			line: "set gossip-key",
		},
		{
			name: "another cluster's name",
			ours: func(*cluster.Config) {},
			them: func(cfg *cluster.Config) { cfg.Name = "other" },
			line: "check the cluster's name",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.mustStart("a", c.ours)
			w.leader(a)
			them := &database{} // another cluster in all respects
			b := w.mustStart("b", c.them, func(cfg *cluster.Config) { cfg.Founder, cfg.Epochs = them, them })
			w.until("a clear line", func() bool { return a.logs.count(c.line) > 0 })
			w.until("a line where it tried to join", func() bool { return b.logs.count("cannot join") > 0 })
			w.leader(b) // of its own cluster
			if got := len(a.Members()); got != 1 {
				t.Errorf("members = %d, want 1", got)
			}
			if !a.IsLeader() {
				t.Error("the stranger has unseated the leader")
			}
			if a.jobs.lastEpoch() != 1 {
				t.Errorf("epoch = %d, want 1", a.jobs.lastEpoch())
			}
		})
	}
}

func TestGossipKeysCanBeRotatedOneNodeAfterTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys := func(keys ...[]byte) func(*cluster.Config) {
		return func(cfg *cluster.Config) { cfg.GossipKeys = keys }
	}
	a := w.mustStart("a", keys(key(1), key(2)))
	b := w.mustStart("b", keys(key(2), key(1)))
	c := w.mustStart("c", keys(key(2)))
	w.waitVoters(3, b, c, a)
}

func TestGossipKeysCanBeRotatedWhileAllNodesRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three(func(cfg *cluster.Config) { cfg.GossipKeys = [][]byte{key(1)} })
	for _, keys := range [][][]byte{{key(1), key(2)}, {key(2), key(1)}, {key(2)}} {
		for _, n := range []*node{a, b, c} {
			if err := n.SetGossipKeys(keys); err != nil {
				t.Fatal(err)
			}
		}
		w.waitVoters(3, a, b, c)
	}
	// Whoever has the new key alone is let in; with the old one nobody is.
	d := w.mustStart("d", func(cfg *cluster.Config) { cfg.GossipKeys = [][]byte{key(2)} })
	w.until("they know d", func() bool { return a.status("d") == cluster.Alive })
	e := w.mustStart("e", func(cfg *cluster.Config) { cfg.GossipKeys = [][]byte{key(1)} })
	w.until("e says that it cannot join", func() bool { return e.logs.count("cannot join") > 0 })
	if got := len(d.Members()); got != 4 {
		t.Errorf("%d members, want 4", got)
	}
}

func TestGossipIsNotBegunToBeEncryptedWhileANodeRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.mustStart("a")
	for _, keys := range [][][]byte{{key(1)}, {[]byte("sesame")}, nil} {
		if err := a.SetGossipKeys(keys); err == nil {
			t.Errorf("%d keys are taken", len(keys))
		}
	}
}

func TestGarbageChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three(func(cfg *cluster.Config) { cfg.Timings.LogEvery = time.Hour })
	unharmed := func() bool {
		leader := w.leader(a, b, c)
		epoch := leader.jobs.lastEpoch()
		for _, n := range []*node{a, b, c} {
			throwGarbage(t, n.GossipAddr(), n.RaftAddr())
		}
		w.until("raft's garbage was noticed", func() bool { return a.logs.count("another cluster or founding") > 0 })
		w.waitVoters(3, a, b, c)
		return leader.IsLeader() && leader.jobs.lastEpoch() == epoch
	}
	// A slow machine may unseat a leader, but not each time.
	for tries := 1; !unharmed(); tries++ {
		if tries == 5 {
			t.Fatal("garbage has unseated the leader, time and again")
		}
	}
	w.until("there are three members still", func() bool { return len(a.Members()) == 3 })
	// 200 packets and 20 connections, but a line for each class of them only.
	if got := a.logs.count("level=WARN"); got > 40 {
		t.Errorf("%d warnings, want few", got)
	}
}

func throwGarbage(t *testing.T, gossip, raft string) {
	t.Helper()
	udp, err := net.Dial("udp", gossip)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for i := range 200 {
		p := make([]byte, 1+i*6)
		_, _ = rand.Read(p)
		_, _ = udp.Write(p)
	}
	for i := range 20 {
		addr := gossip
		if i%2 == 0 {
			addr = raft
		}
		tcp, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 64)
		_, _ = rand.Read(p)
		_, _ = tcp.Write(p)
		_ = tcp.Close()
	}
}

func TestAnotherDatabaseEndsTheNodeThatJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.mustStart("a")
	w.leader(a)
	b, err := w.start("b", patiently, func(cfg *cluster.Config) { cfg.DatabaseID = "another-database" })
	if !errors.Is(err, cluster.ErrOtherDatabase) || !strings.Contains(err.Error(), a.GossipAddr()) {
		t.Errorf("start = %v, want ErrOtherDatabase that names %s", err, a.GossipAddr())
	}
	if got := len(b.Members()); got != 1 {
		t.Errorf("the refused node sees %d members, want itself", got)
	}
	select {
	case err := <-a.Failed():
		t.Errorf("the node that was there first ended too: %v", err)
	default:
	}
	if got := len(a.Members()); got != 1 {
		t.Errorf("members = %d, want 1", got)
	}
}

func TestAMemberWithAnotherDatabaseIsFoundAmongGoodSeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	odd := w.mustStart("odd", func(cfg *cluster.Config) {
		cfg.DatabaseID = "another-database"
		cfg.Founder, cfg.Epochs = &database{}, &database{}
	})
	oddAddr := odd.GossipAddr()
	w.seeds.forget()
	a := w.mustStart("a")
	b := w.mustStart("b", func(cfg *cluster.Config) { cfg.Join = append(cfg.Join, oddAddr) })
	w.waitVoters(2, a, b)
	select {
	case err := <-b.Failed():
		t.Errorf("one odd seed among good ones ended the node: %v", err)
	default:
	}
}

func TestADuplicateNodeIDIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.mustStart("a", persistent(t)), w.mustStart("b", persistent(t))
	w.waitVoters(2, a, b)
	seeds := []string{b.GossipAddr()} // it learns of the first a from b
	copied, err := w.start("a", persistent(t), patiently, func(cfg *cluster.Config) { cfg.Join = seeds })
	defer copied.kill()
	w.nodes["a"] = a
	if err == nil { // the first a did not answer within the time of a probe
		err = copied.end()
	}
	if !errors.Is(err, cluster.ErrDuplicateNode) || !strings.Contains(err.Error(), a.GossipAddr()) {
		t.Errorf("start = %v, want ErrDuplicateNode that names %s", err, a.GossipAddr())
	}
	select {
	case err := <-a.Failed():
		t.Errorf("the first node ended: %v", err)
	default:
	}
	w.waitVoters(2, a, b)
}

func TestADuplicateThatCouldNotJoinAtFirstIsRefusedWhenItDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.mustStart("a", persistent(t)), w.mustStart("b", persistent(t))
	w.waitVoters(2, a, b)
	w.net.Partition([]string{"copy"})
	copied := w.mustStart("a", persistent(t), func(cfg *cluster.Config) {
		cfg.Join = []string{b.GossipAddr()}
		cfg.Network = w.net.Host("copy")
		cfg.Timings.JoinWait = time.Millisecond
		// It is a newcomer for some time, however long that takes here.
		cfg.Timings.JoinEvery = 10 * time.Second
	})
	defer copied.kill()
	w.nodes["a"] = a
	w.until("the copy has settled", func() bool { return copied.logs.count("waiting to be added") > 0 })
	w.net.Heal()
	if err := copied.end(); !errors.Is(err, cluster.ErrDuplicateNode) {
		t.Errorf("the copy ended with %v, want ErrDuplicateNode", err)
	}
	select {
	case err := <-a.Failed():
		t.Errorf("the first node ended: %v", err)
	default:
	}
}

func TestAStrangerThatJoinsEndsNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.Partition([]string{"far"})
	far := w.mustStart("far")
	a := w.mustStart("a") // its only seed hangs, so it is joining all the time
	w.seeds.forget()
	b, err := w.start("b", patiently, func(cfg *cluster.Config) {
		cfg.DatabaseID = "another-database"
		cfg.Join = []string{a.GossipAddr()}
	})
	if !errors.Is(err, cluster.ErrOtherDatabase) {
		t.Errorf("start = %v, want ErrOtherDatabase", err)
	}
	w.until("it was refused", func() bool { return a.logs.count("another database") > 0 })
	b.kill()
	w.net.Heal()
	w.waitVoters(2, a, far)
	select {
	case err := <-a.Failed():
		t.Errorf("the node that was joined ended: %v", err)
	default:
	}
}

func TestANodeThatRestartsQuicklyIsNoDuplicateOfItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disk := persistent(t)
	a, b := w.mustStart("a", persistent(t)), w.mustStart("b", disk)
	w.waitVoters(2, a, b)
	b.kill()
	again, err := w.start("b", disk) // a still takes the old b for alive
	if err != nil {
		t.Fatalf("start = %v", err)
	}
	w.waitVoters(2, a, again)
}

func TestBadAddressesAreNamedInOneLine(t *testing.T) {
	t.Parallel()
	newWorld(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, c := range []struct {
		name   string
		change func(*cluster.Config)
		want   []string
	}{
		{"gossip port in use", func(cfg *cluster.Config) { cfg.GossipAddr = taken.Addr().String() }, []string{"gossip-addr", taken.Addr().String(), "in use"}},
		{"raft port in use", func(cfg *cluster.Config) { cfg.RaftAddr = taken.Addr().String() }, []string{"raft-addr", taken.Addr().String(), "in use"}},
		{"gossip address without port", func(cfg *cluster.Config) { cfg.GossipAddr = "127.0.0.1" }, []string{"gossip-addr", "IP:PORT"}},
		{"advertised name", func(cfg *cluster.Config) { cfg.GossipAdvertise = "db1:7946" }, []string{"gossip-advertise", `"db1"`, "IP"}},
		{"advertised wildcard", func(cfg *cluster.Config) { cfg.RaftAdvertise = "0.0.0.0:7947" }, []string{"raft-advertise", "reach"}},
		{"advertised nonsense", func(cfg *cluster.Config) { cfg.RaftAdvertise = "x" }, []string{"raft-advertise", "IP"}},
		{"seed with a bad port", func(cfg *cluster.Config) { cfg.Join = []string{"db1:http"} }, []string{"join", "db1:http"}},
		{"empty seed", func(cfg *cluster.Config) { cfg.Join = []string{""} }, []string{"join"}},
		{"short gossip key", func(cfg *cluster.Config) { cfg.GossipKeys = [][]byte{key(1), []byte("sesame")} }, []string{"gossip-key", "key 2", "6 bytes"}},
		{"no node id", func(cfg *cluster.Config) { cfg.NodeID = "" }, []string{"node-id"}},
		{"node id with a dot", func(cfg *cluster.Config) { cfg.NodeID = "a.b" }, []string{"node-id"}},
		{"no data directory", func(cfg *cluster.Config) { cfg.Ephemeral = false }, []string{"data-dir"}},
		{"long http address", func(cfg *cluster.Config) { cfg.HTTPAddr = strings.Repeat("x", 300) }, []string{"http-addr", "long"}},
		{"lease over heartbeat", func(cfg *cluster.Config) { cfg.Timings.LeaderLease = time.Hour }, []string{"lease"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := &database{}
			cfg := cluster.Config{
				NodeID: "a", Ephemeral: true, GossipAddr: "127.0.0.1:0", RaftAddr: "127.0.0.1:0",
				Founder: db, Epochs: db, Timings: timings(),
			}
			c.change(&cfg)
			n, err := cluster.New(cfg)
			if err == nil {
				err = n.Listen()
				defer func() { _ = n.Close(t.Context()) }()
			}
			if !errors.Is(err, cluster.ErrInvalidConfig) {
				t.Fatalf("error = %v, want ErrInvalidConfig", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not contain %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "sesame") {
				t.Errorf("error %q has several lines or a secret", err)
			}
		})
	}
}
