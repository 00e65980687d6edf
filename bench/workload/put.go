package workload

import (
	"context"

	"github.com/buntime/keyval/bench/load"
)

func openPut(p *place) Workload { return &put{filled{p, sizes(p.ValueBytes).plain}} }

// put overwrites keys that are there, so that the thousandth second is like the first.
type put struct{ filled }

func (w *put) Operations() []string { return []string{"put"} }

func (w *put) Worker(ctx context.Context, i int) (load.Worker, error) {
	c, err := w.caller(ctx, i)
	return &putting{c}, err
}

type putting struct{ caller }

func (w *putting) Do(ctx context.Context) (int, error) {
	_, err := w.write(ctx, w.rand.IntN(w.Keys))
	return 0, err
}
