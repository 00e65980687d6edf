package watch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// metric is the sum of a counter's or gauge's values, of those whose first label is as said if
// that is not empty.
func metric(t *testing.T, g prometheus.Gatherer, name string, label ...string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				if len(label) == 0 || label[0] == "" || m.GetLabel()[0].GetValue() == label[0] {
					sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
	}
	return sum
}

func TestASlowReaderCostsBoundedMemoryAndMissesNothing(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		registry := prometheus.NewRegistry()
		hub := watch.New(watch.Config{DB: n.db, Store: n.store, Registerer: registry})
		t.Cleanup(hub.Close)
		open := func() *watch.Stream {
			s, err := hub.Open(within(t), watch.Request{Keys: []kv.Key{key(t, "p")}, Prefixes: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			return s
		}
		slow, quick := open(), open()
		large := `"` + strings.Repeat("x", 50_000) + `"`
		const writes = 60 // 3 MB, of which a buffer holds 1 MiB and no more than 2 MiB may wait
		var written []kv.Versionstamp
		for i := range writes {
			written = append(written, n.commit(t, set(key(t, "p", i), large)))
			if e := next(t, quick); e.Versionstamp != written[i] {
				t.Fatalf("the quick reader got %s, want %s", e.Versionstamp, written[i])
			}
			if held := metric(t, registry, "keyval_watch_buffered_bytes"); held > 2<<20 {
				t.Fatalf("%v bytes wait for readers", held)
			}
		}
		if got := metric(t, registry, "keyval_watch_fallbacks_total"); got != 1 {
			t.Errorf("dropped buffers: got %v, want 1", got)
		}
		for i := range writes {
			if e := next(t, slow); e.Versionstamp != written[i] || len(e.Entries) != 1 || string(e.Entries[0].Value) != large {
				t.Fatalf("event %d: got %s, want %s", i, e.Versionstamp, written[i])
			}
		}
		last := n.commit(t, set(key(t, "p", 1), "1"))
		for _, s := range []*watch.Stream{slow, quick} {
			if e := next(t, s); e.Versionstamp != last {
				t.Errorf("after it was level: got %s, want %s", e.Versionstamp, last)
			}
			quiet(t, s, n)
			s.Close()
		}
		if held := metric(t, registry, "keyval_watch_buffered_bytes"); held != 0 {
			t.Errorf("%v bytes are held for nobody", held)
		}
	})
}

func TestAnOperationLargerThanAnAnswerOfTheDatabaseIsOneEvent(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		since := n.commit(t)
		live := n.open(t, watch.Request{Keys: []kv.Key{key(t, "p")}, Prefixes: true})
		// Two operations make the values, the third appends to all of them.
		element := `["` + strings.Repeat("x", 300_000) + `"]`
		for half := range 2 {
			var mutations []kv.Mutation
			for i := range 10 {
				mutations = append(mutations, set(key(t, "p", half*10+i), element))
			}
			n.commit(t, mutations...)
			if e := next(t, live); len(e.Entries) != 10 {
				t.Fatalf("entries: got %d, want 10", len(e.Entries))
			}
		}
		var mutations []kv.Mutation
		for i := range 20 {
			mutations = append(mutations, kv.Mutation{Type: kv.MutationAppend, Key: key(t, "p", i), Value: []byte("[1]")})
		}
		at := n.commit(t, mutations...)
		resumed := n.open(t, watch.Request{Keys: []kv.Key{key(t, "p")}, Prefixes: true, Since: since})
		for name, s := range map[string]*watch.Stream{"live": live, "resumed": resumed} {
			e := next(t, s)
			for e.Versionstamp < at { // a replica may still show what was before
				e = next(t, s)
			}
			if e.Versionstamp != at || len(e.Entries) != 20 {
				t.Errorf("%s: got %d entries at %s, want 20 at %s", name, len(e.Entries), e.Versionstamp, at)
			}
			for _, entry := range e.Entries {
				if want := len(element) + 2; len(entry.Value) != want {
					t.Errorf("%s: %s has %d bytes, want %d", name, entry.Key, len(entry.Value), want)
				}
			}
		}
	})
}

func TestTheTailerAsksTheDatabaseOnlyForWatchers(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t)
	registry := prometheus.NewRegistry()
	hub := watch.New(watch.Config{DB: n.db, Store: n.store, Registerer: registry})
	t.Cleanup(hub.Close)
	for range 10 {
		n.commit(t, set(key(t, "a"), "1"))
	}
	if got := metric(t, registry, "keyval_watch_log_reads_total"); got != 0 {
		t.Errorf("without a watcher: %v reads, want none", got)
	}
	last := n.commit(t, set(key(t, "a"), "1"))
	await.That(t, "the hub hears of the commit", func() bool { return hub.Position() == last })
	s, err := hub.Open(within(t), watch.Request{Keys: []kv.Key{key(t, "a")}})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if got := metric(t, registry, "keyval_watch_log_reads_total"); got < 1 {
		t.Errorf("with a watcher: %v reads, want some", got)
	}
}

func TestAnIdleTailerAsksOnceASecondForAllItsWatchers(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t)
	registry := prometheus.NewRegistry()
	hub := watch.New(watch.Config{DB: n.db, Store: n.store, Registerer: registry})
	t.Cleanup(hub.Close)
	for i := range 500 {
		s, err := hub.Open(within(t), watch.Request{Keys: []kv.Key{key(t, i)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
	}
	reads := func() float64 { return metric(t, registry, "keyval_watch_log_reads_total") }
	await.That(t, "the first reads are over", func() bool { return reads() >= 2 })
	start := time.Now()
	before := reads()
	await.That(t, "two more reads", func() bool { return reads() >= before+2 })
	if took := time.Since(start); took < 900*time.Millisecond {
		t.Errorf("two reads within %v, want one a second", took)
	}
}
