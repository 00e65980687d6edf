package watch

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/buntime/keyval/kv"
)

// A KeysPoll asks what has changed of exact keys.
type KeysPoll struct {
	Keys []kv.Key
	// Known are the versionstamps that the client has, in the order of Keys,
	// "" for missing ones; nil for a client that knows nothing.
	Known []kv.Versionstamp
	// Since asks instead for what has changed after a position.
	Since kv.Versionstamp
	// Wait is how long to wait for a change if there is none.
	Wait time.Duration
	// Read says how fresh the answer must be.
	Read kv.ReadOptions
}

// A KeysChanged answers it.
type KeysChanged struct {
	// Entries are those that have changed, in the order of the keys.
	Entries []kv.Entry
	// Versionstamps are those of all keys, in their order, "" for missing ones.
	Versionstamps []kv.Versionstamp
	// Position is that of the snapshot.
	Position kv.Versionstamp
}

// PollKeys answers as soon as one of the keys is not as the client knows it,
// or after the wait.
func (h *Hub) PollKeys(ctx context.Context, poll KeysPoll) (KeysChanged, error) {
	if poll.Since != "" {
		return h.pollKeysSince(ctx, poll)
	}
	known := poll.Known
	if known == nil {
		known = make([]kv.Versionstamp, len(poll.Keys))
	}
	if poll.Wait == 0 {
		return h.compare(ctx, poll, known, "")
	}
	// The stream is there before the first look: no change falls in between.
	s, err := h.Open(ctx, Request{Keys: poll.Keys})
	if err != nil {
		return KeysChanged{}, err
	}
	defer s.Close()
	deadline := time.Now().Add(poll.Wait)
	for {
		changed, err := h.compare(ctx, poll, known, s.Passed())
		if err != nil || len(changed.Entries) > 0 {
			return changed, err
		}
		e, err := s.Next(ctx, time.Until(deadline))
		if err != nil || e == nil {
			return changed, err
		}
	}
}

// compare reads keys and picks those that differ from what is known.
func (h *Hub) compare(ctx context.Context, poll KeysPoll, known []kv.Versionstamp, from kv.Versionstamp) (KeysChanged, error) {
	ctx, cancel := h.bounded(ctx)
	defer cancel()
	entries, position, err := h.read(ctx, poll, from)
	if err != nil {
		return KeysChanged{}, err
	}
	return keysChanged(entries, position, func(i int, e kv.Entry) bool { return e.Versionstamp != known[i] }), nil
}

// read reads the keys of a poll, not older than a position.
func (h *Hub) read(ctx context.Context, poll KeysPoll, from kv.Versionstamp) ([]kv.Entry, kv.Versionstamp, error) {
	poll.Read.Min = max(poll.Read.Min, from)
	entries, position, err := h.cfg.Store.Get(ctx, poll.Keys, poll.Read)
	return entries, position, failure(err)
}

// keysChanged answers with the changed ones of entries that were read at a
// position.
func keysChanged(entries []kv.Entry, position kv.Versionstamp, changed func(int, kv.Entry) bool) KeysChanged {
	answer := KeysChanged{Position: position, Versionstamps: make([]kv.Versionstamp, len(entries))}
	for i, e := range entries {
		answer.Versionstamps[i] = e.Versionstamp
		if changed(i, e) {
			answer.Entries = append(answer.Entries, e)
		}
	}
	return answer
}

// pollKeysSince waits for a change after a position and answers with the
// present state of all keys that have changed after it. Only when to look comes
// from the stream: the state is newer, and what has gone until then is told now
// or never.
func (h *Hub) pollKeysSince(ctx context.Context, poll KeysPoll) (KeysChanged, error) {
	seen, err := h.awaitChange(ctx, Request{Keys: poll.Keys, Since: poll.Since, Read: poll.Read}, poll.Wait)
	if err != nil {
		return KeysChanged{}, err
	}
	ctx, cancel := h.bounded(ctx)
	defer cancel()
	entries, position, err := h.read(ctx, poll, seen)
	if err != nil {
		return KeysChanged{}, err
	}
	gone, err := h.changes.gone(ctx, entries, poll.Since, position)
	if err != nil {
		return KeysChanged{}, failure(err)
	}
	return keysChanged(entries, position, func(_ int, e kv.Entry) bool {
		return e.Versionstamp > poll.Since || gone[e.Key]
	}), nil
}

// awaitChange follows a stream until it has an event, or has had none for a
// while, and returns the position that it has come to.
func (h *Hub) awaitChange(ctx context.Context, req Request, wait time.Duration) (kv.Versionstamp, error) {
	s, err := h.Open(ctx, req)
	if err != nil {
		return "", err
	}
	defer s.Close()
	_, err = s.Next(ctx, wait)
	return s.Passed(), err
}

// A PrefixPoll asks what has changed at and below prefixes.
type PrefixPoll struct {
	Prefixes []kv.Key
	// Since is the position that the client has seen; "" for none.
	Since kv.Versionstamp
	// Known are the entries that the client has seen, for one that keeps no
	// position; nil for none. Those that no prefix covers are ignored.
	Known map[kv.Key]kv.Versionstamp
	// Limit bounds the entries of an answer that begins with the present state.
	Limit int
	// Wait is how long to wait for a change if there is none.
	Wait time.Duration
	// Read says how fresh the answer must be.
	Read kv.ReadOptions
}

// A PrefixChanged answers it.
type PrefixChanged struct {
	// Entries are those that have changed; deleted ones do not exist.
	Entries []kv.Entry
	// Position is what the answer has seen: the next poll's Since.
	Position kv.Versionstamp
}

// PollPrefix answers with the present state, or with what has changed since
// the client last asked, as soon as there is something, or after the wait.
func (h *Hub) PollPrefix(ctx context.Context, poll PrefixPoll) (PrefixChanged, error) {
	since, read := poll.Since, poll.Read
	if since == "" {
		state, err := h.presentState(ctx, poll)
		if err != nil || len(state.Entries) > 0 || poll.Wait == 0 {
			return state, err
		}
		since, read = state.Position, kv.ReadOptions{Consistency: kv.Eventual} // it is fresh enough
	}
	entries, position, err := h.collect(ctx, Request{Keys: poll.Prefixes, Prefixes: true, Since: since, Read: read}, poll.Wait)
	return PrefixChanged{Entries: entries, Position: position}, err
}

// presentState is the state at and below the prefixes, without what the client
// knows.
func (h *Hub) presentState(ctx context.Context, poll PrefixPoll) (PrefixChanged, error) {
	ctx, cancel := h.bounded(ctx)
	defer cancel()
	if poll.Known != nil {
		return h.differences(ctx, poll)
	}
	entries, position, err := h.state(ctx, Request{Keys: poll.Prefixes, Prefixes: true, Limit: poll.Limit, Read: poll.Read}, "")
	return PrefixChanged{Entries: entries, Position: position}, failure(err)
}

// differences compares the state with what a client of the original server
// knows: entries up to the limit, and all that it named at and below the prefixes.
func (h *Hub) differences(ctx context.Context, poll PrefixPoll) (PrefixChanged, error) {
	var reads []kv.Read
	watched := Filter{Keys: poll.Prefixes, Prefixes: true}.normal()
	for k := range poll.Known {
		if watched.matches(k) { // else it is not the poll's to tell
			reads = append(reads, kv.Read{Key: k})
		}
	}
	for _, prefix := range watched.Keys {
		reads = append(reads, kv.Read{List: &kv.Selector{Range: kv.SubtreeRange(prefix), Limit: poll.Limit}})
	}
	result, err := h.cfg.Store.Transaction(ctx, kv.TransactionRequest{Reads: reads, Min: poll.Read.Min})
	if err != nil {
		return PrefixChanged{}, failure(err)
	}
	answer := PrefixChanged{Position: result.Versionstamp}
	seen := map[kv.Key]bool{}
	for _, entries := range result.Reads {
		for _, e := range entries {
			if !seen[e.Key] && e.Versionstamp != poll.Known[e.Key] {
				answer.Entries = append(answer.Entries, e)
			}
			seen[e.Key] = true
		}
	}
	slices.SortFunc(answer.Entries, byKey)
	return answer, nil
}

func byKey(a, b kv.Entry) int { return cmp.Compare(a.Key, b.Key) }
