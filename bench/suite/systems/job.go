package systems

import (
	"context"
	"math/rand/v2"
	"strings"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/workload"
)

// job is a workload against a system whose client is a C, one for each worker.
type job[C any] struct {
	operations []string
	dial       func(ctx context.Context) (C, error)
	hangUp     func(C) error
	// prepare fills; nil is nothing to fill. It may be called once for each round.
	prepare func(ctx context.Context, client C) error
	// worker makes what the i-th worker repeats.
	worker func(ctx context.Context, client C, i int) (step, error)
}

// step does one operation and says which.
type step func(ctx context.Context) (operation int, err error)

// one is a step of a workload with one operation.
func one(do func(ctx context.Context) error) step {
	return func(ctx context.Context) (int, error) { return 0, do(ctx) }
}

// maker makes what a worker repeats of its client, its keys and values, and its number.
type maker[C any] func(client C, draw *draws, i int) func(context.Context) error

// doing is the job with the worker that a system has for a measure.
func (j job[C]) doing(system, measure string, s Size, makers map[string]maker[C]) (workload.Workload, error) {
	make, ok := makers[measure]
	if !ok {
		return nil, unknown(system, measure)
	}
	j.worker = func(_ context.Context, client C, i int) (step, error) {
		return one(make(client, newDraws(s, i), i)), nil
	}
	return j, nil
}

func (j job[C]) Operations() []string { return j.operations }

func (j job[C]) Prepare(ctx context.Context, progress func(float64)) error {
	defer progress(1)
	if j.prepare == nil {
		return nil
	}
	client, err := j.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = j.hangUp(client) }() // what it was for is done
	return j.prepare(ctx, client)
}

func (j job[C]) Worker(ctx context.Context, i int) (load.Worker, error) {
	client, err := j.dial(ctx)
	if err != nil {
		return nil, err
	}
	do, err := j.worker(ctx, client, i)
	if err != nil {
		_ = j.hangUp(client)
		return nil, err
	}
	return worker{do: do, close: func() error { return j.hangUp(client) }}, nil
}

// Clean leaves everything: the system's directory goes with the system.
func (j job[C]) Clean(context.Context) error { return nil }

type worker struct {
	do    step
	close func() error
}

func (w worker) Do(ctx context.Context) (int, error) { return w.do(ctx) }
func (w worker) Close() error                        { return w.close() }

// draws are a worker's keys and values.
type draws struct {
	random *rand.Rand
	size   Size
	filler string
}

func newDraws(s Size, worker int) *draws {
	return &draws{
		random: rand.New(rand.NewPCG(1, uint64(worker))),
		size:   s,
		filler: strings.Repeat("abcdefghijklmnop", s.ValueBytes[1]/16+1),
	}
}

// key is the number of one of the keys, each as likely as the other.
func (d *draws) key() int { return d.random.IntN(d.size.Keys) }

// value is a string as JSON, of a size between the least and the greatest.
func (d *draws) value() string {
	least, greatest := d.size.ValueBytes[0], d.size.ValueBytes[1]
	return `"` + d.filler[:least+d.random.IntN(greatest-least+1)-2] + `"`
}

// mine returns the keys of the i-th worker that no other one writes.
func mine(s Size, i int) []int {
	var keys []int
	for k := i; k < s.Keys; k += s.Connections {
		keys = append(keys, k)
	}
	return keys
}
