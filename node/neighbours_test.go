package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// A meanNeighbour is a client whose requests cost much, each in a way of its own.
type meanNeighbour interface {
	// moveIn puts in place what it needs, before anything is measured.
	moveIn(ctx context.Context, c *client.Client) error
	// bother does it once. The error says that it did not come about; that the node
	// refused it is none.
	bother(ctx context.Context, c *client.Client) error
}

// A dose is how much each of the mean neighbours does at once.
type dose struct {
	expiring    int // entries, of which one expires each millisecond
	commits     int // on what was read of them
	large       int // bytes of the value that is named a thousand times
	middle      int // bytes of each of a thousand values that are named once
	callers     int // who go away
	small       int // entries that they read
	ranged      int // entries that a commit on a snapshot has looked at
	fallbacks   int // messages that die together
	fallback    int // bytes of each, written under ten keys
	prefixes    int // that are deleted together, each with ten entries
	statsAtOnce int

	uploads     int           // bodies without an end, over one connection
	connections int           // that are not read, or announce what does not come
	unread      int           // streams that begin with all of the middle values
	crowd       int           // connections of one address
	header      int           // bytes of a long one
	hold        time.Duration // all of these are held
}

var (
	aDrop = dose{expiring: 20, commits: 2, large: 1 << 10, middle: 1 << 10, callers: 2, small: 100, ranged: 1000,
		fallbacks: 2, fallback: 10 << 10, prefixes: 10, statsAtOnce: 4,
		uploads: 4, connections: 2, unread: 1, crowd: 20, header: 100 << 10, hold: 100 * time.Millisecond}
	aFlood = dose{expiring: 1000, commits: 10, large: 1<<20 - 2, middle: 64_000, callers: 4, small: 1000, ranged: 400_000,
		fallbacks: 12, fallback: 400_000, prefixes: 500, statsAtOnce: 16,
		uploads: 100, connections: 20, unread: 4, crowd: mostOfOneAddress + 200, header: 900 << 10, hold: 3 * time.Second}
)

// meanNeighbours are all of them. Batches go through store.
func (d dose) meanNeighbours(store plain) map[string]meanNeighbour {
	all := d.hostiles(store)
	maps.Copy(all, map[string]meanNeighbour{
		"reads what expires":                   &expiring{entries: d.expiring, commits: d.commits},
		"reads one large value often":          &batch{store: store, name: "large", keys: 1, size: d.large},
		"reads many values":                    &batch{store: store, name: "middle", keys: 1000, size: d.middle},
		"leaves":                               &leaving{batch{store: store, name: "small", keys: d.small, size: 1}, d.callers},
		"commits on a snapshot of a range":     &ranging{entries: d.ranged},
		"fails messages with fallback keys":    &failing{queue: "failed", messages: d.fallbacks, size: d.fallback},
		"abandons messages with fallback keys": &failing{queue: "abandoned", messages: d.fallbacks, size: d.fallback, abandons: true},
		"deletes prefixes":                     &deleting{prefixes: d.prefixes},
		"counts":                               &counting{atOnce: d.statsAtOnce},
	})
	return all
}

// expiring has an entry expire each millisecond and commits what it reads of them.
type expiring struct{ entries, commits int }

func (*expiring) moveIn(context.Context, *client.Client) error { return nil }

func (e *expiring) bother(ctx context.Context, c *client.Client) error {
	entries := c.Atomic()
	for i := range e.entries {
		entries.Set(api.Key{"expiring", i}, i, client.ExpireIn(time.Duration(i+1)*time.Millisecond))
	}
	if _, err := entries.Commit(ctx); err != nil {
		return err
	}
	for range e.commits {
		_, err := c.Transaction(ctx, api.TransactionRequest{
			Reads:     []api.Read{{Prefix: api.Key{"expiring"}, Limit: 1000}},
			Mutations: []api.Mutation{setOf(api.Key{"expired", "last"})},
		})
		if err != nil {
			return err
		}
	}
	_, err := c.Transaction(ctx, api.TransactionRequest{Reads: []api.Read{{Prefix: api.Key{"expiring"}}}})
	return err
}

// batch names a thousand keys at once, which may all be the same one.
type batch struct {
	store      plain
	name       string
	keys, size int
	body       []byte
}

func (b *batch) moveIn(ctx context.Context, c *client.Client) error {
	const named = 1000
	var in struct {
		Keys []api.Key `json:"keys"`
	}
	for i := range named {
		in.Keys = append(in.Keys, api.Key{b.name, i % b.keys})
	}
	var err error
	if b.body, err = json.Marshal(in); err != nil {
		return err
	}
	return fill(ctx, c, b.keys, b.size, below(b.name))
}

func (b *batch) bother(ctx context.Context, _ *client.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.store.url+"/keys/batch", bytes.NewReader(b.body))
	if err != nil {
		return err
	}
	response, err := b.store.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// What it says is of no interest, and would cost this process more than the node.
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// leaving is several callers who wait for their batches for 50 ms.
type leaving struct {
	batch
	callers int
}

func (l *leaving) bother(ctx context.Context, c *client.Client) error {
	return atOnce(l.callers, func(int) error {
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		err := l.batch.bother(ctx, c)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	})
}

// ranging commits on a snapshot of a large range, of which it has read little.
type ranging struct{ entries int }

func (r *ranging) moveIn(ctx context.Context, c *client.Client) error {
	return fill(ctx, c, r.entries, 1, below("ranged"))
}

func (r *ranging) bother(ctx context.Context, c *client.Client) error {
	reads := []api.Read{{Prefix: api.Key{"ranged"}, Limit: 1}}
	read, err := c.Transaction(ctx, api.TransactionRequest{Reads: reads})
	if err != nil {
		return err
	}
	_, err = c.Transaction(ctx, api.TransactionRequest{
		Reads: reads, Snapshot: read.Versionstamp, Mutations: []api.Mutation{setOf(api.Key{"other"})},
	})
	return err
}

// failing has large messages die together, each of which is then written under ten
// keys: by giving them back, or by leaving them to the sweep.
type failing struct {
	queue          string
	messages, size int
	abandons       bool
}

func (*failing) moveIn(context.Context, *client.Client) error { return nil }

func (f *failing) bother(ctx context.Context, c *client.Client) error {
	if err := atOnce(f.messages, func(i int) error { return f.enqueue(ctx, c, i) }); err != nil {
		return err
	}
	lock := time.Minute
	if f.abandons {
		lock = time.Second
	}
	taken, err := c.Dequeue(ctx, f.queue, client.Max(f.messages), client.Lock(lock))
	if err != nil {
		return err
	}
	if !f.abandons {
		err = atOnce(len(taken), func(i int) error { return c.Nack(ctx, taken[i]) })
	}
	_, purged := c.PurgeDeadLetters(ctx, f.queue)
	return errors.Join(err, purged)
}

func (f *failing) enqueue(ctx context.Context, c *client.Client, i int) error {
	var keys []api.Key
	for j := range 10 {
		keys = append(keys, api.Key{"undelivered", f.queue, i, j})
	}
	_, err := c.Enqueue(ctx, f.queue, strings.Repeat("x", f.size), client.MaxAttempts(1), client.KeysIfUndelivered(keys...))
	return err
}

// deleting fills prefixes and deletes all of them at once.
type deleting struct{ prefixes int }

func (*deleting) moveIn(context.Context, *client.Client) error { return nil }

func (d *deleting) bother(ctx context.Context, c *client.Client) error {
	const each = 10
	if err := fill(ctx, c, d.prefixes*each, 1, func(i int) api.Key { return api.Key{"deleted", i / each, i % each} }); err != nil {
		return err
	}
	return atOnce(d.prefixes, func(i int) error {
		_, err := c.DeletePrefix(ctx, api.Key{"deleted", i})
		return err
	})
}

// counting asks for the figures of all queues, several times at once.
type counting struct{ atOnce int }

func (*counting) moveIn(context.Context, *client.Client) error { return nil }

func (s *counting) bother(ctx context.Context, c *client.Client) error {
	return atOnce(s.atOnce, func(int) error {
		_, err := c.QueueStats(ctx, "")
		return err
	})
}

// fill sets so many entries of so many bytes, in few commits.
func fill(ctx context.Context, c *client.Client, entries, size int, key func(i int) api.Key) error {
	value, most := strings.Repeat("x", size), min(1000, 3<<20/size)
	for at := 0; at < entries; at += most {
		commit := c.Atomic()
		for i := at; i < min(at+most, entries); i++ {
			commit.Set(key(i), value)
		}
		if _, err := commit.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// below is a key of fill: the entry's number below a part.
func below(part string) func(i int) api.Key {
	return func(i int) api.Key { return api.Key{part, i} }
}

// setOf is a mutation of a key that nobody reads.
func setOf(key api.Key) api.Mutation {
	return api.Mutation{Type: api.MutationSet, Key: key, Value: json.RawMessage("1")}
}

// atOnce calls do for 0, 1, … at once and returns the first thing that went wrong.
func atOnce(times int, do func(i int) error) error {
	var all errgroup.Group
	for i := range times {
		all.Go(func() error { return do(i) })
	}
	return all.Wait()
}
