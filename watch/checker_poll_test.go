package watch_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// An answered poll is what a client has after it, and where that is.
type answered struct {
	position kv.Versionstamp
	state    map[kv.Key]kv.Entry
	turn     int // of the last operation that had begun
}

// A pollClient goes on from poll to poll.
type pollClient struct {
	*recording
	rng *rand.Rand
	// position and known are those of the last answer; "" and nil for none.
	position kv.Versionstamp
	known    []kv.Versionstamp
	history  *history
}

// poll follows a request by polls of any node until it has passed the position that
// stop tells. Every other one brings the last answer's position as its minimum.
func (r *recording) poll(ctx context.Context, run *run, rng *rand.Rand, stop func() kv.Versionstamp) error {
	c := &pollClient{recording: r, rng: rng, history: run.history}
	for {
		run.connections.RLock()
		told, err := c.ask(ctx, run.nodes[rng.IntN(len(run.nodes))])
		run.connections.RUnlock()
		if err != nil {
			return err
		}
		r.note(c.position, told, 1)
		if end := stop(); end != "" && c.position >= end {
			return nil
		}
		pass(ctx, time.Duration(rng.IntN(3000))*time.Microsecond)
	}
}

// ask polls a node, and tells how many entries it answered with.
func (c *pollClient) ask(ctx context.Context, n *node) (int, error) {
	read := kv.ReadOptions{Consistency: kv.Consistency(c.rng.IntN(3))}
	if c.rng.IntN(2) == 0 {
		read.Min = c.position
	}
	least := read.Min
	if read.Consistency != kv.Eventual {
		least = max(least, kv.Versionstamp(n.db.LastAnswered()))
	}
	wait := []time.Duration{0, 0, 5 * time.Millisecond, 50 * time.Millisecond}[c.rng.IntN(4)]
	before := c.position
	entries, err := c.next(ctx, n, read, wait)
	switch {
	case err != nil:
		return 0, err
	case c.position < least:
		return 0, fmt.Errorf("the answer is at %s, with %s it must be at %s", c.position, read.Consistency, least)
	}
	for _, e := range entries {
		c.state[e.Key] = e
	}
	if c.position != before || len(entries) > 0 {
		c.answers = append(c.answers, answered{c.position, maps.Clone(c.state), c.history.now()})
	}
	return len(entries), nil
}

// next goes on in one of the ways that there are.
func (c *pollClient) next(ctx context.Context, n *node, read kv.ReadOptions, wait time.Duration) ([]kv.Entry, error) {
	if c.req.Prefixes {
		answer, err := n.hub.PollPrefix(ctx, watch.PrefixPoll{Prefixes: c.req.Keys, Since: c.position, Limit: c.req.Limit, Wait: wait, Read: read})
		if err == nil && answer.Position < c.position {
			err = fmt.Errorf("the answer is at %s, before %s", answer.Position, c.position)
		}
		c.position = answer.Position
		return answer.Entries, err
	}
	poll := watch.KeysPoll{Keys: c.req.Keys, Wait: wait, Read: read}
	if c.position != "" && c.rng.IntN(2) == 0 {
		poll.Since = c.position
	} else {
		poll.Known = c.known
	}
	answer, err := n.hub.PollKeys(ctx, poll)
	if err == nil && answer.Position < poll.Since {
		err = fmt.Errorf("the answer is at %s, before %s", answer.Position, poll.Since)
	}
	c.position, c.known = answer.Position, answer.Versionstamps
	return answer.Entries, err
}

// overtaken tells whether k had been changed after the position of an answer when that
// was given.
func (h *history) overtaken(k kv.Key, a answered) bool {
	for at, changes := range h.operations {
		if _, ok := changes[k]; ok && at > a.position && h.turns[at] <= a.turn {
			return true
		}
	}
	return false
}

// checkAnswers compares what a client had after each poll with the history. Polls of
// keys have them as they were at the position; otherwise a change may be folded into a
// later one, which must have begun by then.
func (r *recording) checkAnswers(t *testing.T, h *history) {
	t.Helper()
	operations := slices.Sorted(maps.Keys(h.operations))
	slices.SortStableFunc(r.answers, func(a, b answered) int { return cmp.Compare(a.position, b.position) })
	truth := map[kv.Key]kv.Entry{}
	for _, a := range r.answers {
		for len(operations) > 0 && operations[0] <= a.position {
			for k, value := range h.operations[operations[0]] {
				truth[k] = kv.Entry{}
				if value != nil {
					truth[k] = kv.Entry{Value: []byte(*value), Versionstamp: operations[0]}
				}
			}
			operations = operations[1:]
		}
		for k, want := range truth {
			got := a.state[k]
			if !r.covers(k) || got.Versionstamp == want.Versionstamp && string(got.Value) == string(want.Value) {
				continue
			}
			exact := r.polls && !r.req.Prefixes
			if exact || got.Versionstamp > a.position || !h.overtaken(k, a) {
				t.Errorf("%s: after the answer at %s it has %s as %q of %q, it was %q of %q",
					r.name, a.position, k, got.Value, got.Versionstamp, want.Value, want.Versionstamp)
			}
		}
	}
}

// The checker must find what it is there to find.
func TestTheCheckerFindsWhatIsWrongWithAPoll(t *testing.T) {
	t.Parallel()
	a, b := key(t, "a"), key(t, "b")
	one, two := "1", "2"
	const first, second = kv.Versionstamp("00000000000000010000"), kv.Versionstamp("00000000000000020000")
	h := newHistory()
	h.add(first, h.begin(), map[kv.Key]*string{a: &one, b: &two})
	h.add(second, h.begin(), map[kv.Key]*string{a: nil})
	entry := func(value string, v kv.Versionstamp) kv.Entry {
		return kv.Entry{Value: []byte(value), Versionstamp: v}
	}
	for name, test := range map[string]struct {
		prefixes bool
		at       kv.Versionstamp
		turn     int
		state    map[kv.Key]kv.Entry
		good     bool
	}{
		"as it was":             {false, first, 2, map[kv.Key]kv.Entry{a: entry("1", first), b: entry("2", first)}, true},
		"deleted":               {false, second, 2, map[kv.Key]kv.Entry{a: {Key: a}, b: entry("2", first)}, true},
		"folded":                {true, first, 2, map[kv.Key]kv.Entry{b: entry("2", first)}, true},
		"not folded yet":        {true, first, 1, map[kv.Key]kv.Entry{b: entry("2", first)}, false},
		"keys are not folded":   {false, first, 2, map[kv.Key]kv.Entry{b: entry("2", first)}, false},
		"the deletion is lost":  {true, second, 2, map[kv.Key]kv.Entry{a: entry("1", first), b: entry("2", first)}, false},
		"a key is lost":         {true, second, 2, map[kv.Key]kv.Entry{a: {Key: a}}, false},
		"from after its answer": {true, first, 2, map[kv.Key]kv.Entry{a: entry("1", second), b: entry("2", first)}, false},
	} {
		inner := &testing.T{}
		r := &recording{name: name, req: watch.Request{Keys: []kv.Key{a, b}, Prefixes: test.prefixes}, polls: true, answers: []answered{{test.at, test.state, test.turn}}}
		r.checkAnswers(inner, h)
		if inner.Failed() == test.good {
			t.Errorf("%s: the checker says failed=%v", name, inner.Failed())
		}
	}
}
