package workload

import (
	"context"

	"github.com/buntime/keyval/bench/load"
)

func openList(p *place) Workload { return &list{filled{p, sizes(p.ValueBytes).plain}} }

// list lists as many entries as asked for, if there are so many keys.
type list struct{ filled }

func (w *list) Operations() []string { return []string{"list"} }

func (w *list) Worker(ctx context.Context, i int) (load.Worker, error) {
	c, err := w.caller(ctx, i)
	return &listing{c}, err
}

type listing struct{ caller }

func (w *listing) Do(ctx context.Context) (int, error) {
	starts := max(1, w.Keys-w.Limit+1)
	return 0, w.scan(ctx, w.rand.IntN(starts), w.Limit)
}
