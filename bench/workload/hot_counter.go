package workload

import (
	"bytes"
	"context"

	"github.com/buntime/keyval/bench/load"
)

func openHotCounter(p *place) Workload { return &hotCounter{p} }

// hotCounter adds 1 to one key. It is not there at first, which counts as 0.
type hotCounter struct{ *place }

func (w *hotCounter) Operations() []string { return []string{"sum"} }

// Prepare has nothing to do.
func (w *hotCounter) Prepare(context.Context, func(float64)) error { return nil }

func (w *hotCounter) Worker(ctx context.Context, i int) (load.Worker, error) {
	c, err := w.caller(ctx, i)
	c.body = w.appendKey([]byte(`{"mutations":[{"type":"sum","value":1,"key":`), 0)
	c.body = append(c.body, `}]}`...)
	return &counting{c}, err
}

type counting struct{ caller }

func (w *counting) Do(ctx context.Context) (int, error) {
	answer, err := w.post(ctx, "/atomic")
	if err == nil && !bytes.HasPrefix(answer.Body, []byte(`{"ok":true`)) {
		err = errMalformed
	}
	return 0, err
}
