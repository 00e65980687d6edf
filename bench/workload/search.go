package workload

import (
	"context"
	"fmt"
	"slices"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/httpapi/api"
)

func openSearch(p *place) Workload { return &search{filled: filled{p, sizes(p.ValueBytes).worded}} }

// search finds texts by one of their words.
type search struct {
	filled
	ours bool // the index is
}

func (w *search) Operations() []string { return []string{"search"} }

// Prepare makes the index when the keys are there, in one go.
func (w *search) Prepare(ctx context.Context, progress func(float64)) error {
	indexes, err := w.client.Indexes(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(indexes, func(i api.IndexStatus) bool { return samePlace(i.Prefix, w.Prefix) }) {
		return fmt.Errorf("there is a full-text index over the prefix %s already, which would be lost: choose another prefix, or drop it", w.path)
	}
	if err := w.filled.Prepare(ctx, progress); err != nil {
		return err
	}
	w.ours = true
	if err := w.client.CreateIndex(ctx, api.Index{Prefix: w.Prefix, Fields: []string{"text"}}); err != nil {
		return err
	}
	return w.client.WaitForIndex(ctx, w.Prefix)
}

// samePlace compares the form that URLs have: a number of an answer has another type.
func samePlace(a, b api.Key) bool {
	pathA, errA := a.Path()
	pathB, errB := b.Path()
	return errA == nil && errB == nil && pathA == pathB
}

// Clean drops the index first, which would have to follow every delete.
func (w *search) Clean(ctx context.Context) error {
	if w.ours {
		if err := w.client.DropIndex(ctx, w.Prefix); err != nil {
			return err
		}
	}
	return w.filled.Clean(ctx)
}

func (w *search) Worker(ctx context.Context, i int) (load.Worker, error) {
	c, err := w.caller(ctx, i)
	return &searching{c}, err
}

type searching struct{ caller }

func (w *searching) Do(ctx context.Context) (int, error) {
	w.body = append(w.appendSelection(w.body[:0]), `,"query":"`...)
	w.body = append(appendWord(w.body, w.rand.IntN(vocabulary)), `"}`...)
	_, err := w.post(ctx, "/search")
	return 0, err
}
