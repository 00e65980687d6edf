package node_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// TestSoakUnderRandomFaultsKeepsEveryPromise lets random faults happen to a whole
// system, KEYVAL_SOAK long, and then checks every invariant of the design.
func TestSoakUnderRandomFaultsKeepsEveryPromise(t *testing.T) {
	t.Parallel()
	length, _ := soaking(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := newSoak(t, rand.New(rand.NewPCG(seed, 0)))

	var endpoints []string
	for _, n := range s.nodes {
		endpoints = append(endpoints, n.URL())
	}
	all, err := client.New(endpoints[0], client.WithEndpoints(endpoints...), client.WithIdempotency(client.IdempotencyAll),
		client.WithRetry(client.RetryPolicy{AttemptTimeout: 5 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(all.CloseIdleConnections)
	load := startTraffic(t, 6, typed{Client: all.Session()}, typed{Client: all.Session()})
	messages := startMessages(t, all)
	seen := startWatching(t, all)
	chores := startChores(t, s.nodes[0].URL(), s.sqld.Primary)

	faults := 0
	for end := time.Now().Add(length); time.Now().Before(end); faults++ {
		s.fault(t)
		<-time.After(time.Duration(s.random.IntN(2000)) * time.Millisecond)
	}
	t.Logf("%d faults", faults)
	// Nodes that have taken each other for dead look for each other every 15 s.
	await.That(t, "the cluster is whole", func() bool { return whole(t.Context(), s.nodes) })
	chores.stop()
	load.stop()
	load.mustBeThere(t, typed{Client: all, strong: true})
	messages.mustAllBeHandled(t)
	seen.mustAgree(t, all)
	await.That(t, "everything that expired is gone", func() bool {
		return s.count(t, "SELECT count(*) FROM kv_entries WHERE expires_at IS NOT NULL") == 0
	})
	if twice := s.count(t, sweptTwiceSQL); twice != 0 {
		t.Errorf("%d keys were swept more than once", twice)
	}
}

// soak is a deployment whose parts are reached through proxies.
type soak struct {
	*deployment
	random  *rand.Rand
	primary *nodetest.FaultProxy
}

func newSoak(t *testing.T, random *rand.Rand) *soak {
	t.Helper()
	s := &soak{deployment: &deployment{sqld: nodetest.MustStartSqldPair(t)}, random: random}
	s.primary = nodetest.MustStartFaultProxy(t, s.sqld.Primary.Addr())
	for i := range 3 {
		config := s.serveConfig(t, keyval(t), "--cleanup-interval", "2s", "--drain-delay", "100ms")
		config.LibsqlURL = s.primary.HTTPURL()
		if i > 0 {
			config.Join = []string{s.nodes[0].GossipAddr()}
		}
		s.nodes = append(s.nodes, nodetest.MustStartNodeProcess(t, config))
	}
	// From their next start on, all know all.
	for _, n := range s.nodes {
		var seeds []string
		for _, other := range s.nodes {
			if other != n {
				seeds = append(seeds, other.GossipAddr())
			}
		}
		n.Configure(func(config *nodetest.ServeConfig) { config.Join = seeds })
	}
	s.awaitWhole(t)
	return s
}

// fault lets one thing go wrong and mends it.
func (s *soak) fault(t *testing.T) {
	t.Helper()
	n := s.nodes[s.random.IntN(len(s.nodes))]
	moment := time.Duration(s.random.IntN(2000)) * time.Millisecond
	switch s.random.IntN(7) {
	case 0:
		nodetest.Check(t, n.Kill())
		<-time.After(moment)
		nodetest.Check(t, n.Start(t.Context()))
	case 1:
		nodetest.Check(t, n.Pause())
		<-time.After(moment)
		nodetest.Check(t, n.Resume())
	case 2:
		stopNode(t, n)
		nodetest.Check(t, n.Start(t.Context()))
	case 3:
		s.primary.CutConnections()
	case 4:
		s.primary.BlackHole()
		<-time.After(moment)
		nodetest.Check(t, s.primary.Heal())
	case 5:
		nodetest.Check(t, s.sqld.Primary.Kill())
		<-time.After(moment)
		nodetest.Check(t, s.sqld.Primary.Start(t.Context()))
	case 6:
		nodetest.Check(t, s.sqld.Replica.Kill())
		<-time.After(moment)
		nodetest.Check(t, s.sqld.Replica.Start(t.Context()))
	}
}

// messages are enqueued by one and handled by others.
type messages struct {
	work    sync.WaitGroup
	stop    context.CancelFunc // no more enqueues
	release context.CancelFunc // no more workers

	mu       sync.Mutex // covers what follows
	enqueued map[string]bool
	handled  map[string]bool
}

func startMessages(t *testing.T, c *client.Client) *messages {
	t.Helper()
	enqueuing, stop := context.WithCancel(context.Background())
	working, release := context.WithCancel(context.Background())
	m := &messages{stop: stop, release: release, enqueued: map[string]bool{}, handled: map[string]bool{}}
	t.Cleanup(func() { stop(); release(); m.work.Wait() })
	m.work.Go(func() {
		tick := time.NewTicker(2 * pace)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-enqueuing.Done():
				return
			case <-tick.C:
			}
			result, err := c.Enqueue(context.WithoutCancel(enqueuing), "soak", i, client.MaxAttempts(100), client.Backoff(10*time.Millisecond))
			if err == nil {
				m.note(m.enqueued, result.ID)
			}
		}
	})
	for range 2 {
		m.work.Go(func() {
			for working.Err() == nil {
				err := c.Consume(working, "soak", func(ctx context.Context, message api.Message) error {
					if rand.N(10) == 0 {
						return fmt.Errorf("one in ten fails")
					}
					m.note(m.handled, message.ID)
					return nil
				}, client.Lock(2*time.Second))
				if err != nil {
					t.Errorf("the worker ended: %v", err)
				}
			}
		})
	}
	return m
}

func (m *messages) note(in map[string]bool, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in[id] = true
}

// mustAllBeHandled stops enqueuing and waits until every message whose enqueuing was
// answered has been handled.
func (m *messages) mustAllBeHandled(t *testing.T) {
	t.Helper()
	m.stop()
	await.That(t, "all messages have been handled", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for id := range m.enqueued {
			if !m.handled[id] {
				return false
			}
		}
		return true
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Logf("%d messages enqueued, %d handled", len(m.enqueued), len(m.handled))
	if len(m.enqueued) == 0 {
		t.Error("no message was enqueued")
	}
}

// watching follows all keys of the traffic.
type watching struct {
	rest func() // ends the writing

	mu     sync.Mutex // covers what follows
	state  map[string]string
	newest api.Versionstamp
}

func startWatching(t *testing.T, c *client.Client) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	writing, stop := context.WithCancel(context.Background())
	var work, writer sync.WaitGroup
	w := &watching{state: map[string]string{}, rest: func() { stop(); writer.Wait() }}
	t.Cleanup(func() { w.rest(); cancel(); work.Wait() })
	work.Go(func() {
		for event, err := range c.WatchPrefix(ctx, api.Key{"watched"}) {
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("the watch ended: %v", err)
				}
				return
			}
			w.take(t, event)
		}
	})
	writer.Go(func() {
		tick := time.NewTicker(3 * pace)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-writing.Done():
				return
			case <-tick.C:
				_, _ = c.Put(writing, api.Key{"watched", fmt.Sprint("k", rand.N(20))}, i)
			}
		}
	})
	return w
}

func (w *watching) take(t *testing.T, event client.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if event.Versionstamp < w.newest {
		t.Errorf("an event at %s came after one at %s", event.Versionstamp, w.newest)
	}
	w.newest = event.Versionstamp
	for _, entry := range event.Entries {
		w.state[fmt.Sprint(entry.Key...)] = string(entry.Value)
	}
}

// mustAgree waits until what the watcher has seen is what is in the database.
func (w *watching) mustAgree(t *testing.T, c *client.Client) {
	t.Helper()
	w.rest()
	await.That(t, "the watcher has seen what is there", func() bool {
		entries, err := c.List(t.Context(), api.ListRequest{Prefix: api.Key{"watched"}, Consistency: api.Strong})
		if err != nil || len(entries) == 0 {
			return false
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, entry := range entries {
			if w.state[fmt.Sprint(entry.Key...)] != string(entry.Value) {
				return false
			}
		}
		return true
	})
}
