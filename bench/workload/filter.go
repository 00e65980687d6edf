package workload

import (
	"context"
	"strconv"

	"github.com/buntime/keyval/bench/load"
)

// groupKeys is how many entries match.
const groupKeys = 10

func openFilter(p *place) Workload {
	groups := max(1, p.Keys/groupKeys)
	return &filter{filled{p, sizes(p.ValueBytes).grouped(groups)}, groups}
}

// filter lists the entries of one group among all.
type filter struct {
	filled
	groups int
}

func (w *filter) Operations() []string { return []string{"filter"} }

func (w *filter) Worker(ctx context.Context, i int) (load.Worker, error) {
	c, err := w.caller(ctx, i)
	return &filtering{c, w.groups}, err
}

type filtering struct {
	caller
	groups int
}

func (w *filtering) Do(ctx context.Context) (int, error) {
	w.body = w.appendSelection(w.body[:0])
	w.body = strconv.AppendInt(append(w.body, `,"where":{"group":`...), int64(w.rand.IntN(w.groups)), 10)
	w.body = append(w.body, `}}`...)
	return 0, notEmpty(w.post(ctx, "/keys/list"))
}

// appendSelection appends the beginning of a body that selects below the prefix.
func (p *place) appendSelection(b []byte) []byte {
	b = append(append(append(b, `{"prefix":`...), p.json...), `],"limit":`...)
	b = strconv.AppendInt(b, int64(p.Limit), 10)
	if p.Consistency != "" {
		b = append(append(append(b, `,"consistency":"`...), p.Consistency...), '"')
	}
	return b
}
