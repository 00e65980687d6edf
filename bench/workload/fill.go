package workload

import (
	"context"
	"encoding/json"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

const (
	// fillers is how many batches are on their way at most: more would not be faster, as
	// the server commits them together.
	fillers = 16
	// batchKeys and batchBytes bound a batch: a node takes 1,000 mutations and 4 MiB.
	batchKeys, batchBytes = 500, 1 << 20
	// setBytes is the room in a batch for a key's number and what is around key and value.
	setBytes = 64
)

// filled is what workloads have in common that work on keys which are there.
type filled struct {
	*place
	value shape
}

// Prepare writes all keys.
func (w *filled) Prepare(ctx context.Context, progress func(float64)) error {
	return (&filling{place: w.place, value: w.value, told: &share{whole: w.Keys, progress: progress}}).fill(ctx)
}

// filling is the making of the keys that must be there.
type filling struct {
	*place
	value shape
	// filled is told of each batch, of keys first to first+n; nil is nobody.
	filled func(first, n int, versionstamp api.Versionstamp)
	told   *share
}

// fill writes all keys in batches, several at a time.
func (f *filling) fill(whole context.Context) error {
	g, ctx := errgroup.WithContext(whole)
	g.SetLimit(min(f.Connections, fillers))
	per := min(batchKeys, max(1, batchBytes/(len(f.json)+setBytes+f.ValueBytes[1])))
	for first := 0; first < f.Keys && ctx.Err() == nil; first += per {
		g.Go(func() error { return f.batch(ctx, first, min(per, f.Keys-first)) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return f.settle(whole)
}

// settle has every endpoint see what was written, whichever wrote it: from then on its
// session reads do.
func (f *filling) settle(ctx context.Context) error {
	for _, url := range f.URLs {
		c, err := f.Client([]string{url})
		if err != nil {
			return err
		}
		defer c.CloseIdleConnections()
		if _, err := c.SessionAt(f.client.Position()).Get(ctx, f.key(0), client.Consistency(api.Session)); err != nil {
			return err
		}
	}
	return nil
}

func (f *filling) batch(ctx context.Context, first, n int) error {
	// A generator for each batch: which one comes first does not change its values.
	r := rand.New(rand.NewPCG(f.Seed, 1<<63|uint64(first)))
	versionstamp, err := f.write(ctx, r, first, n)
	if err != nil {
		return err
	}
	if f.filled != nil {
		f.filled(first, n, versionstamp)
	}
	f.told.add(n)
	return nil
}

// write makes a commit of one key a PUT: it may be larger than what else a body may hold.
func (f *filling) write(ctx context.Context, r *rand.Rand, first, n int) (api.Versionstamp, error) {
	if n == 1 {
		return f.client.Put(ctx, f.key(first), json.RawMessage(f.value(nil, r, first)))
	}
	atomic := f.client.Atomic()
	for i := first; i < first+n; i++ {
		atomic.Set(f.key(i), json.RawMessage(f.value(nil, r, i)))
	}
	commit, err := atomic.Commit(ctx)
	return commit.Versionstamp, err
}
