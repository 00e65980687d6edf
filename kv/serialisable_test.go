package kv_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// Operations of many clients on two nodes, which meet on few keys. Put in the order of
// their versionstamps, each must have read what those before it have left.
func TestTransactionsThatShareGroupsAreSerialisableInVersionstampOrder(t *testing.T) {
	t.Parallel()
	serialisable(t, 8, 8)
}

func TestSoakTransactionsThatShareGroupsAreSerialisableInVersionstampOrder(t *testing.T) {
	nodetest.OnlyInSoak(t)
	serialisable(t, 16, 200)
}

func serialisable(t *testing.T, clients, operations int) {
	onEachDatabase(t, func(t *testing.T, d database) {
		h := &history{t: t, nodes: []*kv.Store{d.store(t), d.store(t)}}
		h.run(clients, operations)
		h.replay()
	})
}

// A history is what clients did.
type history struct {
	t     *testing.T
	nodes []*kv.Store

	mu     sync.Mutex
	events []event
}

// An event is one operation as its client knows it.
type event struct {
	stamp     kv.Versionstamp
	mutations []kv.Mutation // none: it only reads, what there is at stamp
	reads     []kv.Read
	read      [][]kv.Entry
	// decided is what the client read of the snapshot that it gave; nil if it gave none.
	decided   [][]kv.Entry
	snapshot  kv.Versionstamp
	conflicts []kv.Check // instead of all that
}

func (h *history) run(clients, operations int) {
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(c)))
			for range operations {
				h.operate(random, h.nodes[c%len(h.nodes)])
			}
		})
	}
	all.Wait()
}

func (h *history) operate(random *rand.Rand, s *kv.Store) {
	e := event{reads: h.someReads(random), mutations: h.someMutations(random)}
	req := kv.TransactionRequest{Reads: e.reads, AtomicRequest: kv.AtomicRequest{Mutations: e.mutations}}
	switch random.IntN(4) {
	case 0:
		h.add(e.ended(s.Atomic(timeout(h.t), req.AtomicRequest)))
		return
	case 1: // decides on a snapshot
		before, err := s.Transaction(timeout(h.t), kv.TransactionRequest{Reads: e.reads})
		if err != nil {
			h.t.Error(err)
			return
		}
		h.add(event{stamp: before.Versionstamp, reads: e.reads, read: before.Reads}, nil)
		req.Snapshot, e.snapshot, e.decided = before.Versionstamp, before.Versionstamp, before.Reads
	}
	r, err := s.Transaction(timeout(h.t), req)
	e.read = r.Reads
	h.add(e.ended(r.AtomicResult, err))
}

func (e event) ended(r kv.AtomicResult, err error) (event, error) {
	e.stamp, e.conflicts = r.Versionstamp, r.Conflicts
	return e, err
}

func (h *history) add(e event, err error) {
	if errors.Is(err, kv.ErrTypeMismatch) {
		return
	}
	if err != nil {
		h.t.Error(err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *history) key(random *rand.Rand) kv.Key {
	return mustKey(h.t, "h", string(rune('a'+random.IntN(2))), string(rune('a'+random.IntN(4))))
}

func (h *history) someReads(random *rand.Rand) (reads []kv.Read) {
	for range 1 + random.IntN(2) {
		if random.IntN(3) > 0 {
			reads = append(reads, kv.Read{Key: h.key(random)})
			continue
		}
		prefix := mustKey(h.t, "h", string(rune('a'+random.IntN(2))))
		reads = append(reads, kv.Read{List: &kv.Selector{Range: kv.PrefixRange(prefix), Limit: 3 + random.IntN(40), Reverse: random.IntN(2) == 0}})
	}
	return reads
}

func (h *history) someMutations(random *rand.Rand) (mutations []kv.Mutation) {
	for range 1 + random.IntN(2) {
		m := set(h.key(random), fmt.Sprintf(`"%d"`, random.IntN(100)))
		switch random.IntN(8) {
		case 0:
			m.Type = kv.MutationDelete
		case 1:
			m.Key, m.Suffix = mustKey(h.t, "h", "b"), true
		case 2:
			m.Value = []byte(`"` + strings.Repeat("x", 80<<10) + `"`) // too large to be read within a group
		}
		mutations = append(mutations, m)
	}
	return mutations
}

// replay puts all in order and looks whether everybody read what was there.
func (h *history) replay() {
	slices.SortStableFunc(h.events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.stamp, b.stamp), cmp.Compare(len(b.mutations), len(a.mutations)))
	})
	state, versions, shared := replayed{}, map[kv.Check]bool{}, 0
	last := kv.Versionstamp("")
	for _, e := range h.events {
		if len(e.conflicts) > 0 {
			continue
		}
		if e.read != nil {
			h.want(e, "read", state.answer(e.reads), e.read)
		}
		if e.decided != nil {
			h.want(e, "decided on", state.answer(e.reads), e.decided)
		}
		for _, key := range state.apply(e) {
			versions[kv.Check{Key: key, Versionstamp: state[key].Versionstamp}] = true
		}
		if len(e.mutations) > 0 && len(last) == len(e.stamp) && last[:16] == e.stamp[:16] {
			shared++
		}
		last = e.stamp
	}
	h.wantConflicts(versions)
	h.t.Logf("%d operations shared a transaction with the one before", shared)
}

// wantConflicts wants a conflict to name a version that came after the snapshot.
func (h *history) wantConflicts(versions map[kv.Check]bool) {
	for _, e := range h.events {
		for _, c := range e.conflicts {
			if c.Versionstamp != "" && c.Versionstamp <= e.snapshot || !versions[kv.Check{Key: c.Key, Versionstamp: c.Versionstamp}] {
				h.t.Errorf("a snapshot of %s conflicts with %v, which nobody has written since", e.snapshot, c)
			}
		}
	}
}

func (h *history) want(e event, what string, want, got [][]kv.Entry) {
	if !slices.EqualFunc(want, got, func(a, b []kv.Entry) bool { return slices.EqualFunc(a, b, sameEntry) }) {
		h.t.Errorf("the operation of %s %s\n%v, want\n%v", e.stamp, what, brief(got), brief(want))
	}
}

func sameEntry(a, b kv.Entry) bool {
	return a.Key == b.Key && string(a.Value) == string(b.Value) && a.Versionstamp == b.Versionstamp
}

func brief(reads [][]kv.Entry) string {
	text := fmt.Sprint(reads)
	return text[:min(len(text), 2000)]
}

// replayed are the entries at some point of the history.
type replayed map[kv.Key]kv.Entry

func (r replayed) apply(e event) (changed []kv.Key) {
	for _, m := range e.mutations {
		key := m.Key
		switch {
		case m.Type == kv.MutationDelete:
			delete(r, key)
			changed = append(changed, key)
			continue
		case m.Suffix:
			parts, _ := key.Parts()
			key, _ = kv.NewKey(append(parts, string(e.stamp))...)
		}
		r[key] = kv.Entry{Key: key, Value: m.Value, Versionstamp: e.stamp}
		changed = append(changed, key)
	}
	return changed
}

func (r replayed) answer(reads []kv.Read) [][]kv.Entry {
	answers := make([][]kv.Entry, len(reads))
	for i, read := range reads {
		if read.List == nil {
			entry := r[read.Key]
			entry.Key = read.Key
			answers[i] = []kv.Entry{entry}
			continue
		}
		for key, entry := range r {
			if read.List.Range.Contains(key) {
				answers[i] = append(answers[i], entry)
			}
		}
		slices.SortFunc(answers[i], func(a, b kv.Entry) int { return cmp.Compare(a.Key, b.Key) })
		if read.List.Reverse {
			slices.Reverse(answers[i])
		}
		answers[i] = answers[i][:min(len(answers[i]), read.List.Limit)]
	}
	return answers
}
