package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/faultnet"
)

// database is a Founder and Epochs in memory, with the semantics that their
// comments promise and a switch that makes it unreachable.
type database struct {
	mu      sync.Mutex
	row     *cluster.Founding
	renewed time.Time
	epoch   uint64
	down    bool
}

var errDown = errors.New("database is unreachable")

func (d *database) setDown(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

func (d *database) founding() cluster.Founding {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.row == nil {
		return cluster.Founding{}
	}
	return *d.row
}

func (d *database) readLocked() cluster.Founding {
	row := *d.row
	row.Age = time.Since(d.renewed)
	return row
}

func (d *database) writeLocked(f cluster.Founding) { d.row, d.renewed = &f, time.Now() }

func (d *database) Found(_ context.Context, candidate cluster.Founding, staleAfter time.Duration) (cluster.Founding, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.down:
		return cluster.Founding{}, errDown
	case d.row == nil:
		d.writeLocked(candidate)
	case d.row.Ephemeral && staleAfter > 0 && time.Since(d.renewed) >= staleAfter:
		next := candidate
		next.ID, next.Generation, next.Established = d.row.ID, d.row.Generation+1, false
		d.writeLocked(next)
	}
	return d.readLocked(), nil
}

func (d *database) Renew(_ context.Context, f cluster.Founding) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errDown
	}
	if d.row != nil && (d.row.ID != f.ID || d.row.Generation > f.Generation) {
		return cluster.ErrOtherFounding
	}
	f.Established = true
	d.writeLocked(f)
	return nil
}

func (d *database) Release(_ context.Context, f cluster.Founding) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errDown
	}
	if d.row != nil && d.row.ID == f.ID && d.row.Generation == f.Generation {
		d.renewed = time.Time{}
	}
	return nil
}

func (d *database) Replace(_ context.Context, old, next cluster.Founding) (cluster.Founding, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return cluster.Founding{}, errDown
	}
	if d.row != nil && d.row.ID == old.ID && d.row.Generation == old.Generation {
		d.writeLocked(next)
	}
	return d.readLocked(), nil
}

// lapse lets more time pass by the database's clock than a founding lives
// without being renewed.
func (d *database) lapse() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renewed = d.renewed.Add(-2 * timings().StaleAfter)
}

// lastEpoch is the one that was taken last.
func (d *database) lastEpoch() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.epoch
}

func (d *database) TakeEpoch(context.Context, string) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return 0, errDown
	}
	d.epoch++
	return d.epoch, nil
}

// timings are short enough for tests and long enough for two busy cores. What is
// founded again is a matter of database.lapse, not of a busy machine.
func timings() cluster.Timings {
	return cluster.Timings{
		Probe: 100 * time.Millisecond, ProbeTimeout: 80 * time.Millisecond, Gossip: 20 * time.Millisecond,
		PushPull: time.Second, StreamTimeout: 500 * time.Millisecond, JoinWait: 500 * time.Millisecond,
		JoinRetry: 50 * time.Millisecond, JoinEvery: 300 * time.Millisecond,
		Heartbeat: 250 * time.Millisecond, LeaderLease: 200 * time.Millisecond, Commit: 50 * time.Millisecond,
		RaftTimeout: 500 * time.Millisecond, HandOver: 20 * time.Millisecond, LeaveWait: 500 * time.Millisecond,
		Reconcile: 200 * time.Millisecond, PromoteAfter: 200 * time.Millisecond, SilentAfter: 2 * time.Second,
		Renew: 100 * time.Millisecond, StaleAfter: time.Hour, LeaderlessWait: 300 * time.Millisecond,
		Beat: 50 * time.Millisecond, LogEvery: 100 * time.Millisecond,
	}
}

// world is one test's database, network and nodes.
type world struct {
	t     *testing.T
	db    *database
	net   *faultnet.Net
	seeds *seeds
	nodes map[string]*node
	beats sync.WaitGroup // of patient nodes; they end with them
}

// seeds is the DNS of a world: the name "seeds" means every node ever started.
type seeds struct {
	mu    sync.Mutex
	addrs map[string]string // gossip address by node
}

// node is one start of one node.
type node struct {
	*cluster.Cluster
	cfg  cluster.Config
	jobs *jobs
	logs *lines
	rung *rung
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: &database{}, net: faultnet.New(1), seeds: &seeds{addrs: map[string]string{}}, nodes: map[string]*node{}}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.kill()
		}
		w.beats.Wait()
		if t.Failed() {
			for name, n := range w.nodes {
				t.Logf("log of %s:\n%s", name, n.logs)
			}
		}
	})
	return w
}

// config is that of a node which joins all nodes started before it.
func (w *world) config(name string) cluster.Config {
	w.seeds.mu.Lock()
	defer w.seeds.mu.Unlock()
	var join []string
	for other, addr := range w.seeds.addrs {
		if other != name {
			join = append(join, addr)
		}
	}
	return cluster.Config{
		NodeID: name, Version: "1.2.3", HTTPAddr: name + ":8080",
		GossipAddr: "127.0.0.1:0", RaftAddr: "127.0.0.1:0", Join: join,
		DatabaseID: "the-database", Ephemeral: true,
		Founder: w.db, Epochs: w.db, Network: w.net.Host(name), Timings: timings(),
	}
}

func (w *world) mustStart(name string, change ...func(*cluster.Config)) *node {
	w.t.Helper()
	n, err := w.start(name, change...)
	if err != nil {
		w.t.Fatalf("start %s: %v", name, err)
	}
	return n
}

func (w *world) start(name string, change ...func(*cluster.Config)) (*node, error) {
	cfg := w.config(name)
	n := &node{jobs: &jobs{}, logs: &lines{}, rung: &rung{queues: map[string]bool{}}}
	cfg.Lead, cfg.OnDoorbell = n.jobs.run, n.rung.add
	cfg.Logger = slog.New(slog.NewTextHandler(n.logs, nil))
	for _, f := range change {
		f(&cfg)
	}
	n.cfg = cfg
	var err error
	if n.Cluster, err = cluster.New(cfg); err != nil {
		return n, err
	}
	if err = n.Listen(); err != nil {
		return n, err
	}
	w.nodes[name] = n
	w.seeds.mu.Lock()
	w.seeds.addrs[name] = n.GossipAddr()
	w.seeds.mu.Unlock()
	return n, n.Start(w.t.Context())
}

// end is why the node's membership ended; nil if that does not happen.
func (n *node) end() error {
	select {
	case err := <-n.Failed():
		return err
	case <-time.After(time.Minute):
		return nil
	}
}

// three starts nodes a, b and c and waits until all are voters.
func (w *world) three(change ...func(*cluster.Config)) (a, b, c *node) {
	w.t.Helper()
	a, b, c = w.mustStart("a", change...), w.mustStart("b", change...), w.mustStart("c", change...)
	w.waitVoters(3, a, b, c)
	return a, b, c
}

// led is three that have a leader.
func (w *world) led(change ...func(*cluster.Config)) (leader *node, followers []*node) {
	w.t.Helper()
	a, b, c := w.three(change...)
	leader = w.leader(a, b, c)
	return leader, w.others(leader, a, b, c)
}

// orphan founds the cluster by a node that then dies, and that no other knows of.
func (w *world) orphan(change ...func(*cluster.Config)) {
	w.t.Helper()
	founder := w.mustStart("a", change...)
	w.leader(founder)
	founder.kill()
	w.seeds.forget()
}

func (w *world) waitVoters(voters int, nodes ...*node) {
	w.t.Helper()
	for _, n := range nodes {
		w.until(fmt.Sprintf("%s sees %d voters and a leader", n.cfg.NodeID, voters), func() bool {
			_, led := n.Leader()
			return led && n.count(cluster.Voter) == voters
		})
	}
}

// until waits for a condition. If it never comes, the test says what was wrong the last
// time, and how every node sees the others.
func (w *world) until(what string, cond func() bool, wrong ...func() string) {
	w.t.Helper()
	await.That(w.t, what, cond, append(wrong, w.describe)...)
}

func (w *world) describe() string {
	var b strings.Builder
	for name, n := range w.nodes {
		fmt.Fprintf(&b, "%s: epoch %d leads %v\n", name, n.Epoch(), n.IsLeader())
		for _, m := range n.Members() {
			fmt.Fprintf(&b, "    %+v\n", m)
		}
	}
	return b.String()
}

// leader waits until exactly one of nodes leads and does the leader's work, and
// returns it.
func (w *world) leader(nodes ...*node) (leader *node) {
	w.t.Helper()
	w.until("one leader", func() bool {
		leading := 0
		for _, n := range nodes {
			if n.IsLeader() && n.jobs.lastEpoch() == n.Epoch() {
				leader = n
				leading++
			}
		}
		return leading == 1
	})
	return leader
}

// leaderNow waits until a node leads while others may still believe that they do,
// and returns the one with the highest epoch.
func (w *world) leaderNow(nodes ...*node) (leader *node) {
	w.t.Helper()
	w.until("a leader", func() bool {
		for _, n := range nodes {
			if n.IsLeader() && (leader == nil || n.jobs.lastEpoch() > leader.jobs.lastEpoch()) {
				leader = n
			}
		}
		return leader != nil
	})
	return leader
}

func (w *world) others(not *node, nodes ...*node) (rest []*node) {
	for _, n := range nodes {
		if n != not {
			rest = append(rest, n)
		}
	}
	return rest
}

func (n *node) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Errorf("close %s: %v", n.cfg.NodeID, err)
	}
}

// kill stops the node without a word, as if its process had died.
func (n *node) kill() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.Close(ctx)
}

func (n *node) status(id string) cluster.Status {
	for _, m := range n.Members() {
		if m.ID == id {
			return m.Status
		}
	}
	return ""
}

func (n *node) role(id string) cluster.Role {
	for _, m := range n.Members() {
		if m.ID == id {
			return m.Role
		}
	}
	return ""
}

// count is how many members have this role.
func (n *node) count(role cluster.Role) int {
	return count(n.Members(), func(m cluster.Member) bool { return m.Role == role })
}

func count[T any](all []T, match func(T) bool) (n int) {
	for _, v := range all {
		if match(v) {
			n++
		}
	}
	return n
}

// jobs records the leader's jobs of one node.
type jobs struct {
	mu      sync.Mutex
	running int
	epochs  []uint64
	causes  []error
	overlap bool
}

func (j *jobs) run(ctx context.Context, epoch uint64) {
	j.mu.Lock()
	j.running++
	j.overlap = j.overlap || j.running > 1
	j.epochs = append(j.epochs, epoch)
	j.mu.Unlock()
	<-ctx.Done()
	j.mu.Lock()
	j.running--
	j.causes = append(j.causes, context.Cause(ctx))
	j.mu.Unlock()
}

func (j *jobs) overlapped() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.overlap
}

// waitCause waits until a job has ended for the given reason.
func (j *jobs) waitCause(w *world, want error) {
	w.t.Helper()
	w.until("a job ended because: "+want.Error(), func() bool { return errors.Is(j.lastCause(), want) })
}

func (j *jobs) lastCause() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.causes) == 0 {
		return nil
	}
	return j.causes[len(j.causes)-1]
}

func (j *jobs) lastEpoch() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.epochs) == 0 {
		return 0
	}
	return j.epochs[len(j.epochs)-1]
}

// rung records the doorbells of one node.
type rung struct {
	mu       sync.Mutex
	position string
	queues   map[string]bool
	all      bool
	calls    int
}

func (r *rung) add(d cluster.Doorbell) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	r.position = max(r.position, d.Position)
	r.all = r.all || d.AllQueues
	for _, q := range d.Queues {
		r.queues[q] = true
	}
}

func (r *rung) at(position string, queues ...string) bool {
	r.mu.Lock()
	at := r.position
	r.mu.Unlock()
	return at == position && r.heard(queues...)
}

func (r *rung) heard(queues ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !slices.ContainsFunc(queues, func(q string) bool { return !r.queues[q] })
}

// lines is a log that tests can read.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) count(part string) int { return strings.Count(l.String(), part) }

// forget empties the list of addresses that new nodes join.
func (s *seeds) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.addrs)
}

// resolver answers only the third time it is asked, and reports what it is asked.
func resolver(asked chan<- string) func(context.Context, string) ([]string, error) {
	return func(_ context.Context, host string) ([]string, error) {
		select {
		case asked <- host:
		default:
		}
		if len(asked) < 3 {
			return nil, errors.New("no such host")
		}
		return []string{"127.0.0.1"}, nil
	}
}
