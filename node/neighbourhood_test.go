package node_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

const (
	// plainOnes is how many plain clients a neighbourhood has.
	plainOnes = 8
	// outageLength is more than a node takes to know that its database is down.
	outageLength = 12 * time.Second
	// recovery is how long after an outage a request may still suffer from it.
	recovery = 2 * time.Second
	// mostMemory is what a node may take whatever its clients do.
	mostMemory = 512 << 20
	// mostSlower is how many times as long a plain request may take, at the 99th
	// percentile.
	mostSlower = 10
	// mostOfOneAddress is how many connections an address may have: more than those who
	// share one have here.
	mostOfOneAddress = 1000
)

func TestAMeanNeighbourCostsNobodyElseAnError(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, sqld *nodetest.SqldPair) {
		t.Parallel()
		h := settle(t, sqld, aDrop)
		h.bother(t)
		await.That(t, "every neighbour has bothered", func() bool { return h.bothered() > 0 })
		h.mustHold(t)
	})
}

// TestSoakAMeanNeighbourCostsNobodyElseAnything is alone on the machine, so far as the
// package goes: it compares times.
func TestSoakAMeanNeighbourCostsNobodyElseAnything(t *testing.T) {
	nodetest.OnlyInSoak(t)
	length, _ := soaking(t)
	onEachDatabase(t, func(t *testing.T, sqld *nodetest.SqldPair) {
		h := settle(t, sqld, aFlood)
		<-time.After(10 * time.Second)
		h.bother(t)
		for end := time.Now().Add(length / 2); time.Now().Before(end); {
			<-time.After(10 * time.Second)
			h.outage(t)
		}
		<-time.After(10 * time.Second)
		h.mustHold(t)
		h.mustBeAsQuickAsBefore(t)
		if peak := peakBytes(t, h.node); peak > mostMemory {
			t.Errorf("the node took %d MiB at its largest, want at most %d", peak>>20, mostMemory>>20)
		}
	})
}

// onEachDatabase runs a test on an embedded database, where sqld is nil, and on libSQL
// servers.
func onEachDatabase(t *testing.T, test func(t *testing.T, sqld *nodetest.SqldPair)) {
	t.Run("embedded", func(t *testing.T) { test(t, nil) })
	t.Run("sqld", func(t *testing.T) { test(t, nodetest.MustStartSqldPair(t)) })
}

// A neighbourhood is a node whose clients know nothing of each other.
type neighbourhood struct {
	sqld   *nodetest.SqldPair // nil: the database is embedded
	node   *nodetest.NodeProcess
	plain  *plainClients
	mean   map[string]meanNeighbour
	client *client.Client // repeats nothing

	botheredSince time.Time
	outages       []outage
	leave         context.CancelFunc // ends the bother
	neighbours    sync.WaitGroup

	mu      sync.Mutex // covers what follows
	rounds  map[string]int
	refused map[string]error // the last one of each
}

// An outage is a time in which the database does not answer, recovery included.
type outage struct{ from, to time.Time }

// settle starts a node and its plain clients; the mean neighbours have moved in.
func settle(t *testing.T, sqld *nodetest.SqldPair, d dose) *neighbourhood {
	t.Helper()
	config := nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), Flags: []string{
		"--cleanup-interval", "2s", "--ephemeral", "--max-connections-per-address", strconv.Itoa(mostOfOneAddress)}}
	if sqld != nil {
		config.LibsqlURL, config.ReplicaURL = sqld.Primary.HTTPURL(), sqld.Replica.HTTPURL()
	}
	h := &neighbourhood{sqld: sqld, node: nodetest.MustStartNodeProcess(t, config), rounds: map[string]int{}, refused: map[string]error{}}
	var err error
	h.client, err = client.New(h.node.URL(), client.WithRetry(client.RetryPolicy{MaxAttempts: 1}))
	nodetest.Check(t, err)
	t.Cleanup(h.client.CloseIdleConnections)
	h.mean = d.meanNeighbours(newPlain(t, h.node.URL()))
	for _, m := range h.mean {
		nodetest.Check(t, m.moveIn(t.Context(), h.client))
	}
	h.plain = startPlainClients(t, h.client.Session(), plainOnes)
	return h
}

// bother lets the mean neighbours go at it, all at once, until mustHold.
func (h *neighbourhood) bother(t *testing.T) {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	h.leave, h.botheredSince = leave, time.Now()
	t.Cleanup(func() { leave(); h.neighbours.Wait() })
	for name, m := range h.mean {
		h.neighbours.Go(func() { h.botherOn(ctx, name, m) })
	}
}

// botherOn lets one neighbour rest for as long as it has bothered: it is mean and not
// the whole world.
func (h *neighbourhood) botherOn(ctx context.Context, name string, m meanNeighbour) {
	for ctx.Err() == nil {
		begun := time.Now()
		if err := m.bother(ctx, h.client); ctx.Err() == nil {
			h.noteRound(name, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(pace, time.Since(begun))):
		}
	}
}

func (h *neighbourhood) noteRound(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.refused[name] = err
		return
	}
	h.rounds[name]++
}

// bothered is how often each of the mean neighbours has had its way, at least.
func (h *neighbourhood) bothered() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.rounds) < len(h.mean) {
		return 0
	}
	return slices.Min(slices.Collect(maps.Values(h.rounds)))
}

// outage freezes the libSQL servers for a while; an embedded database cannot be.
func (h *neighbourhood) outage(t *testing.T) {
	t.Helper()
	if h.sqld == nil {
		return
	}
	o := outage{from: time.Now()}
	nodetest.Check(t, h.sqld.Primary.Pause())
	nodetest.Check(t, h.sqld.Replica.Pause())
	<-time.After(outageLength)
	nodetest.Check(t, h.sqld.Replica.Resume())
	nodetest.Check(t, h.sqld.Primary.Resume())
	o.to = time.Now().Add(recovery)
	h.outages = append(h.outages, o)
	<-time.After(recovery)
}

// during tells whether a request met an outage.
func (h *neighbourhood) during(o outcome) bool {
	return slices.ContainsFunc(h.outages, func(out outage) bool { return o.ended.After(out.from) && o.begun.Before(out.to) })
}

// mustHold sends the mean neighbours away and fails the test if the plain clients have
// had an error that they should not have had, or have not been served right.
func (h *neighbourhood) mustHold(t *testing.T) {
	t.Helper()
	h.leave()
	h.neighbours.Wait()
	h.plain.rest()
	h.mustHaveBothered(t)
	h.mustHaveServed(t)
	h.plain.registers.mustBeLinearisable(t)
	h.plain.mustBeAcked(t)
}

func (h *neighbourhood) mustHaveBothered(t *testing.T) {
	t.Helper()
	for name := range h.mean {
		t.Logf("the one that %s: %d times; last refused: %v", name, h.rounds[name], h.refused[name])
		if h.rounds[name] == 0 {
			t.Errorf("the one that %s has bothered nobody", name)
		}
	}
}

// mustHaveServed fails the test if a plain request was refused while the database was
// there, or with anything but 503 while it was not.
func (h *neighbourhood) mustHaveServed(t *testing.T) {
	t.Helper()
	wrong, refused := map[string]int{}, 0
	for _, o := range h.plain.outcomes {
		switch down := h.during(o); {
		case o.err == nil:
		case down && refusedForNow(o.err):
			refused++
		default:
			wrong[fmt.Sprintf("%s, database down: %v: %v", o.what, down, o.err)]++
		}
	}
	for what, times := range wrong {
		t.Errorf("%d times %s", times, what)
	}
	t.Logf("%d plain requests in %v; %d were refused in %d outages", len(h.plain.outcomes), time.Since(h.plain.begun).Round(time.Millisecond), refused, len(h.outages))
	if len(h.outages) > 0 && refused == 0 {
		t.Error("no outage was noticed")
	}
}

// mustBeAsQuickAsBefore compares the plain requests' times with those of before the
// mean neighbours came.
func (h *neighbourhood) mustBeAsQuickAsBefore(t *testing.T) {
	t.Helper()
	quiet, bothered := map[string][]time.Duration{}, map[string][]time.Duration{}
	for _, o := range h.plain.outcomes {
		times := bothered
		switch {
		case o.ended.Before(h.botheredSince):
			times = quiet
		case o.begun.Before(h.botheredSince), h.during(o):
			continue
		}
		for _, what := range []string{o.what, "all"} {
			times[what] = append(times[what], o.ended.Sub(o.begun))
		}
	}
	for what := range quiet {
		t.Logf("%s: quiet p50 %v p99 %v, bothered p50 %v p99 %v worst %v of %d", what, percentile(quiet[what], 50), percentile(quiet[what], 99),
			percentile(bothered[what], 50), percentile(bothered[what], 99), percentile(bothered[what], 100), len(bothered[what]))
	}
	if was, is := percentile(quiet["all"], 99), percentile(bothered["all"], 99); is > mostSlower*was {
		t.Errorf("a plain request's p99 is %v, and was %v before: more than %d times as long", is, was, mostSlower)
	}
}

// percentile sorts what it is given.
func percentile(times []time.Duration, p int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[(len(times)-1)*p/100].Round(10 * time.Microsecond)
}

// peakBytes is the most memory that the node has had.
func peakBytes(t *testing.T, n *nodetest.NodeProcess) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Process().PID()))
	nodetest.Check(t, err)
	_, after, _ := strings.Cut(string(status), "\nVmHWM:")
	kilobytes, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	nodetest.Check(t, err)
	t.Logf("the node took %d MiB at its largest", kilobytes>>10)
	return kilobytes << 10
}
