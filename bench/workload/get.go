package workload

import (
	"context"

	"github.com/buntime/keyval/bench/load"
)

func openGet(p *place) Workload { return &get{filled{p, sizes(p.ValueBytes).plain}} }

// get reads keys.
type get struct{ filled }

func (w *get) Operations() []string { return []string{"get"} }

func (w *get) Worker(ctx context.Context, i int) (load.Worker, error) {
	c, err := w.caller(ctx, i)
	return &getting{c}, err
}

type getting struct{ caller }

func (w *getting) Do(ctx context.Context) (int, error) {
	_, err := w.read(ctx, w.rand.IntN(w.Keys))
	return 0, err
}
