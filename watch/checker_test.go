package watch_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/watch"
)

// A history is what writers have committed: what each operation made of the
// keys that it changed, nil for deleted.
type history struct {
	mu         sync.Mutex
	operations map[kv.Versionstamp]map[kv.Key]*string
	// begun counts the operations that have begun, and turns are their numbers.
	begun int
	turns map[kv.Versionstamp]int
	err   error
}

func newHistory() *history {
	return &history{operations: map[kv.Versionstamp]map[kv.Key]*string{}, turns: map[kv.Versionstamp]int{}}
}

// begin notes that an operation begins, and returns its turn.
func (h *history) begin() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begun++
	return h.begun
}

// now is the turn of the operation that has begun last.
func (h *history) now() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begun
}

func (h *history) add(v kv.Versionstamp, turn int, changes map[kv.Key]*string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations[v], h.turns[v] = changes, turn
}

// changedLater tells whether an operation after v changed k.
func (h *history) changedLater(k kv.Key, v kv.Versionstamp) bool {
	for at, changes := range h.operations {
		if _, ok := changes[k]; ok && at > v {
			return true
		}
	}
	return false
}

// settle takes deletions out that found nothing: they changed nothing.
func (h *history) settle() {
	exists := map[kv.Key]bool{}
	for _, v := range slices.Sorted(maps.Keys(h.operations)) {
		for k, value := range h.operations[v] {
			if value == nil && !exists[k] {
				delete(h.operations[v], k)
			}
			exists[k] = value != nil
		}
	}
}

// write commits random operations until told to stop, the last one to its end.
// Every value is different.
func (h *history) write(ctx, stop context.Context, n *node, keys []kv.Key, rng *rand.Rand, name string) {
	for i := 0; stop.Err() == nil; i++ {
		var mutations []kv.Mutation
		changes := map[kv.Key]*string{}
		for range 1 + rng.IntN(4) {
			k := keys[rng.IntN(len(keys))]
			if _, twice := changes[k]; twice {
				continue
			}
			if rng.IntN(4) == 0 {
				mutations = append(mutations, remove(k))
				changes[k] = nil
				continue
			}
			value := fmt.Sprintf(`"%s %d %d"`, name, i, len(mutations))
			mutations = append(mutations, set(k, value))
			changes[k] = &value
		}
		turn := h.begin()
		result, err := n.store.Atomic(ctx, kv.AtomicRequest{Mutations: mutations})
		if err != nil {
			h.mu.Lock()
			h.err = err
			h.mu.Unlock()
			return
		}
		h.add(result.Versionstamp, turn, changes)
		pass(stop, time.Duration(rng.IntN(1000))*time.Microsecond)
	}
}

// A recording is what one client has seen over all of its connections.
type recording struct {
	name   string
	req    watch.Request
	polls  bool           // it polls instead of following streams
	events []*watch.Event // without initial states
	// answers are those of its polls, or what it had where its stream said that it had
	// handed out everything.
	answers []answered
	state   map[kv.Key]kv.Entry
	err     error

	mu   sync.Mutex      // covers what follows
	at   kv.Versionstamp // it goes on after that
	seen int             // events, or entries of polls
	cuts int             // or polls
}

// note keeps what the other goroutines want to know of a recording.
func (r *recording) note(at kv.Versionstamp, seen, cuts int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.seen, r.cuts = max(r.at, at), r.seen+seen, r.cuts+cuts
}

// recordings are those of one run.
type recordings []*recording

// A total is how much has happened in a run.
type total struct{ events, cuts, polled, polls int }

func (all recordings) total() (sum total) {
	for _, r := range all {
		r.mu.Lock()
		if r.polls {
			sum.polled, sum.polls = sum.polled+r.seen, sum.polls+r.cuts
		} else {
			sum.events, sum.cuts = sum.events+r.seen, sum.cuts+r.cuts
		}
		r.mu.Unlock()
	}
	return sum
}

// shows tells whether a run of so much shows anything.
func (sum total) shows() bool {
	return sum.events >= 50 && sum.cuts >= 5 && sum.polled >= 50 && sum.polls >= 50
}

// behind is the position that all clients go on after.
func (all recordings) behind() kv.Versionstamp {
	var least kv.Versionstamp
	for i, r := range all {
		r.mu.Lock()
		if i == 0 || r.at < least {
			least = r.at
		}
		r.mu.Unlock()
	}
	return least
}

// record follows a request through the hubs until it has passed the position
// that stop tells. The connection is cut at random events, and the client
// comes back to any node.
func (r *recording) record(ctx context.Context, run *run, rng *rand.Rand, stop func() kv.Versionstamp) error {
	since := r.req.Since
	for done := false; !done; {
		var err error
		if since, done, err = r.connect(ctx, run, rng, since, stop); err != nil {
			return err
		}
		r.note(since, 0, 1)
	}
	return nil
}

// connect follows one stream until it is cut, and returns the position to go on
// after.
func (r *recording) connect(ctx context.Context, run *run, rng *rand.Rand, since kv.Versionstamp, stop func() kv.Versionstamp) (_ kv.Versionstamp, done bool, err error) {
	run.connections.RLock()
	defer run.connections.RUnlock()
	req := r.req
	req.Since, req.Initial = since, since == ""
	s, err := run.nodes[rng.IntN(len(run.nodes))].hub.Open(ctx, req)
	if err != nil {
		return "", false, err
	}
	defer s.Close()
	for range rng.IntN(60) { // events until the cut
		e, err := s.Next(ctx, 20*time.Millisecond)
		switch {
		case err != nil:
			return "", false, err
		case e == nil:
			if end := stop(); end != "" && s.Passed() >= end {
				return since, true, nil
			}
			since = max(since, s.Passed())
			r.note(since, 0, 0)
			r.answers = append(r.answers, answered{s.Passed(), maps.Clone(r.state), run.history.now()})
			continue
		case e.Versionstamp <= since:
			return "", false, fmt.Errorf("event %s does not come after %s", e.Versionstamp, since)
		}
		if since != "" {
			r.events = append(r.events, e)
			r.note("", 1, 0)
		}
		since = e.Versionstamp
		r.note(since, 0, 0)
		for _, entry := range e.Entries {
			r.state[entry.Key] = entry
		}
	}
	return since, false, nil
}

// check compares a recording with the history.
func (r *recording) check(t *testing.T, h *history) {
	t.Helper()
	for _, e := range r.events {
		changes, known := h.operations[e.Versionstamp]
		if !known {
			t.Errorf("%s: event %s is of no operation", r.name, e.Versionstamp)
			continue
		}
		shown := map[kv.Key]bool{}
		for _, entry := range e.Entries {
			shown[entry.Key] = true
			want, changed := changes[entry.Key]
			switch {
			case !changed:
				t.Errorf("%s: event %s shows %s, which its operation did not change", r.name, e.Versionstamp, entry.Key)
			case want == nil && entry.Exists(), want != nil && string(entry.Value) != *want:
				t.Errorf("%s: event %s shows %s as %s", r.name, e.Versionstamp, entry.Key, entry.Value)
			case entry.Exists() && entry.Versionstamp != e.Versionstamp:
				t.Errorf("%s: event %s shows %s at %s", r.name, e.Versionstamp, entry.Key, entry.Versionstamp)
			}
		}
		for k := range changes {
			if r.covers(k) && !shown[k] && !h.changedLater(k, e.Versionstamp) {
				t.Errorf("%s: event %s lacks %s, which nothing has changed since", r.name, e.Versionstamp, k)
			}
		}
	}
}

func (r *recording) covers(k kv.Key) bool {
	for _, watched := range r.req.Keys {
		if k == watched || r.req.Prefixes && k.HasPrefix(watched) {
			return true
		}
	}
	return false
}

// checkEnd compares what a client has at the end with the database.
func (r *recording) checkEnd(t *testing.T, entries map[kv.Key]kv.Entry) {
	t.Helper()
	for k, want := range entries {
		got := r.state[k]
		if r.covers(k) && (got.Versionstamp != want.Versionstamp || string(got.Value) != string(want.Value)) {
			t.Errorf("%s ends with %s as %q at %s, the database has %q at %s",
				r.name, k, got.Value, got.Versionstamp, want.Value, want.Versionstamp)
		}
	}
	for k, got := range r.state {
		if _, there := entries[k]; got.Exists() && !there {
			t.Errorf("%s ends with %s, which the database does not have", r.name, k)
		}
	}
}

// A run has writers, and watchers that follow streams or poll, on two nodes.
type run struct {
	nodes   []*node
	history *history
	all     recordings
	// connections is held for reading by each connection, and each poll.
	connections sync.RWMutex
}

// park cuts all connections and lets none begin until the tailers have parked.
func (r *run) park(ctx context.Context) {
	r.connections.Lock()
	defer r.connections.Unlock()
	for _, n := range r.nodes {
		for n.hub.Park(); !n.hub.Parked() && ctx.Err() == nil; n.hub.Park() {
			pass(ctx, 5*time.Millisecond)
		}
	}
}

// A checked run is compared with the history. disturb runs beside the writers and
// watchers and ends before them.
func checkedRun(t *testing.T, d database, disturb func(context.Context, *run) error) {
	nodes := []*node{d.node(t), d.node(t)}
	run := &run{nodes: nodes}
	var keys []kv.Key
	for i := range 12 {
		keys = append(keys, key(t, "w", i%3, i))
	}
	h := newHistory()
	run.history = h
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := func(n int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(n))) }

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	writing, stopWriting := context.WithCancel(ctx)
	var end kv.Versionstamp
	var mu sync.Mutex
	stop := func() kv.Versionstamp {
		mu.Lock()
		defer mu.Unlock()
		return end
	}
	var writers, watchers sync.WaitGroup
	for i, n := range nodes {
		writers.Go(func() { h.write(ctx, writing, n, keys, rng(i), fmt.Sprint("node", i)) })
	}
	for i, req := range []watch.Request{
		{Keys: keys[:1]}, {Keys: keys[2:7]}, {Keys: keys},
		{Keys: []kv.Key{key(t, "w", 0)}, Prefixes: true}, {Keys: []kv.Key{key(t, "w", 1), key(t, "w", 2, 2)}, Prefixes: true},
		{Keys: []kv.Key{""}, Prefixes: true}, {Keys: []kv.Key{key(t, "w")}, Prefixes: true},
	} {
		req.Limit = 1000
		follows := &recording{name: fmt.Sprint("watcher ", i), req: req, state: map[kv.Key]kv.Entry{}}
		polls := &recording{name: fmt.Sprint("poller ", i), polls: true, req: req, state: map[kv.Key]kv.Entry{}}
		run.all = append(run.all, follows, polls)
		watchers.Go(func() { follows.err = follows.record(ctx, run, rng(10+i), stop) })
		watchers.Go(func() { polls.err = polls.poll(ctx, run, rng(30+i), stop) })
	}
	if err := disturb(ctx, run); err != nil {
		t.Error(err)
	}
	for !run.all.total().shows() && ctx.Err() == nil {
		pass(ctx, 5*time.Millisecond)
	}
	stopWriting()
	writers.Wait()
	if h.err != nil {
		t.Fatal(h.err)
	}
	turn := h.begin()
	last := nodes[0].commit(t, set(key(t, "end"), `"end"`))
	endValue := `"end"`
	h.add(last, turn, map[kv.Key]*string{key(t, "end"): &endValue})
	mu.Lock()
	end = last
	mu.Unlock()
	watchers.Wait()
	h.settle()

	page, err := nodes[0].store.List(within(t), kv.Selector{Range: kv.SubtreeRange(""), Limit: 1000}, kv.ReadOptions{Consistency: kv.Strong})
	if err != nil {
		t.Fatal(err)
	}
	entries := map[kv.Key]kv.Entry{}
	for _, e := range page.Entries {
		entries[e.Key] = e
	}
	for _, r := range run.all {
		if r.err != nil {
			t.Errorf("%s: %v", r.name, r.err)
			continue
		}
		r.check(t, h)
		r.checkAnswers(t, h)
		r.checkEnd(t, entries)
	}
	sum := run.all.total()
	t.Logf("%d operations, %+v", len(h.operations), sum)
	if !sum.shows() {
		t.Errorf("only %+v: this run shows nothing", sum)
	}
}

// pass lets time pass while a run goes on.
func pass(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func TestWatchersSeeEveryOperationOnceInOrderAndWhole(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		checkedRun(t, d, func(ctx context.Context, _ *run) error {
			pass(ctx, time.Second)
			return nil
		})
	})
}

// troubledRun is a checked run that a trouble befalls so many times.
func troubledRun(t *testing.T, d database, times int, trouble func(ctx context.Context, run *run) error) {
	t.Helper()
	checkedRun(t, d, func(ctx context.Context, run *run) error {
		for range times {
			if err := trouble(ctx, run); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestWatchersMissNothingWhileTheLogIsCompacted(t *testing.T) { compactedRun(t, 4) }

func TestSoakWatchersMissNothingWhileTheLogIsCompacted(t *testing.T) {
	nodetest.OnlyInSoak(t)
	compactedRun(t, 40)
}

// compactedRun removes so many times what the watchers have seen, and they come back
// behind it.
func compactedRun(t *testing.T, times int) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		removed := int64(0)
		troubledRun(t, d, times, func(ctx context.Context, run *run) error {
			n, err := watch.Compact(ctx, run.nodes[1].db, 0, time.Hour, 1_000_000)
			if err != nil {
				return err
			}
			removed += n
			// The next time, what is in the log now is an hour old, and all have
			// seen it: they come back behind it.
			aged, err := run.nodes[1].db.Do(ctx, execute("UPDATE keyval_changelog_marks SET time=time-3600000"))
			if err != nil {
				return err
			}
			for run.all.behind() < kv.Versionstamp(aged.Versionstamp()) && ctx.Err() == nil {
				pass(ctx, 5*time.Millisecond)
			}
			return nil
		})
		if removed == 0 {
			t.Error("nothing was removed")
		}
	})
}

func TestWatchersMissNothingWhileTheReplicaIsAway(t *testing.T) { replicaAwayRun(t, 1) }

func TestSoakWatchersMissNothingWhileTheReplicaIsAway(t *testing.T) {
	nodetest.OnlyInSoak(t)
	replicaAwayRun(t, 10)
}

// replicaAwayRun kills and stops the replica so many times.
func replicaAwayRun(t *testing.T, times int) {
	t.Parallel()
	d, pair := sqld(t)
	replica := pair.Replica
	troubledRun(t, d, times, func(ctx context.Context, _ *run) error {
		for _, step := range []struct {
			after time.Duration
			do    func() error
		}{
			{500 * time.Millisecond, replica.Kill},
			{700 * time.Millisecond, func() error { return replica.Start(ctx) }},
			{500 * time.Millisecond, replica.Pause},
			{time.Second, replica.Resume},
		} {
			pass(ctx, step.after)
			if err := step.do(); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestWatchersMissNothingWhileTheReplicaStandsStill(t *testing.T) { replicaStandsStillRun(t, 2) }

func TestSoakWatchersMissNothingWhileTheReplicaStandsStill(t *testing.T) {
	nodetest.OnlyInSoak(t)
	replicaStandsStillRun(t, 20)
}

// replicaStandsStillRun has the replica stand still so many times, and the tailers park
// meanwhile: everybody comes back to a replica that is behind what had passed.
func replicaStandsStillRun(t *testing.T, times int) {
	t.Parallel()
	f := newFollowing(t)
	troubledRun(t, f.database, times, func(ctx context.Context, run *run) error {
		pass(ctx, 300*time.Millisecond)
		f.feed.BlackHole()
		for range 3 {
			pass(ctx, 500*time.Millisecond)
			run.park(ctx)
		}
		pass(ctx, 500*time.Millisecond)
		return f.feed.Heal()
	})
}

// The checker must find what it is there to find.
func TestTheCheckerFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	a, b := key(t, "a"), key(t, "b")
	one, two := "1", "2"
	h := &history{operations: map[kv.Versionstamp]map[kv.Key]*string{
		"00000000000000010000": {a: &one, b: &two},
		"00000000000000020000": {a: nil},
	}}
	entry := func(k kv.Key, value string, v kv.Versionstamp) kv.Entry {
		return kv.Entry{Key: k, Value: []byte(value), Versionstamp: v}
	}
	event := func(v kv.Versionstamp, entries ...kv.Entry) *watch.Event {
		return &watch.Event{Versionstamp: v, Entries: entries}
	}
	for name, test := range map[string]struct {
		e    *watch.Event
		good bool
	}{
		"as it was":             {event("00000000000000010000", entry(a, "1", "00000000000000010000"), entry(b, "2", "00000000000000010000")), true},
		"folded":                {event("00000000000000010000", entry(b, "2", "00000000000000010000")), true},
		"deleted":               {event("00000000000000020000", kv.Entry{Key: a}), true},
		"a part is missing":     {event("00000000000000010000", entry(a, "1", "00000000000000010000")), false},
		"another value":         {event("00000000000000010000", entry(b, "1", "00000000000000010000")), false},
		"another version":       {event("00000000000000010000", entry(b, "2", "00000000000000020000")), false},
		"another key":           {event("00000000000000020000", entry(b, "2", "00000000000000020000"), kv.Entry{Key: a}), false},
		"no such operation":     {event("00000000000000030000", kv.Entry{Key: a}), false},
		"not deleted after all": {event("00000000000000020000", entry(a, "1", "00000000000000020000")), false},
	} {
		inner := &testing.T{}
		r := &recording{name: name, req: watch.Request{Keys: []kv.Key{a, b}}, events: []*watch.Event{test.e}}
		r.check(inner, h)
		if inner.Failed() == test.good {
			t.Errorf("%s: the checker says failed=%v", name, inner.Failed())
		}
	}
	r := &recording{name: "end", req: watch.Request{Keys: []kv.Key{a, b}}, state: map[kv.Key]kv.Entry{a: entry(a, "1", "00000000000000010000")}}
	for name, entries := range map[string]map[kv.Key]kv.Entry{
		"stale": {a: entry(a, "2", "00000000000000020000")}, "gone": {},
		"unseen": {a: r.state[a], b: entry(b, "2", "00000000000000010000")},
	} {
		inner := &testing.T{}
		r.checkEnd(inner, entries)
		if !inner.Failed() {
			t.Errorf("%s: the checker finds nothing wrong at the end", name)
		}
	}
}
