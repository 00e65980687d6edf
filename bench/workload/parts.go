package workload

import (
	"context"
	"time"

	"github.com/buntime/keyval/bench/load"
)

// A Recording worker does several operations in one Do, such as the enqueue, the dequeue and
// the ack of a cycle, and the whole is what Do returns. The parts go to record, which whoever
// drives the worker sets before the first Do. It is called within Do, by its goroutine, with
// what Do would have returned and a latency that counts from the part's own beginning.
type Recording interface {
	load.Worker
	RecordWith(record func(operation int, latency time.Duration, err error))
}

// parts are the operations of a worker that is Recording.
type parts struct {
	record func(operation int, latency time.Duration, err error)
}

// RecordWith is Recording's.
func (p *parts) RecordWith(record func(operation int, latency time.Duration, err error)) {
	p.record = record
}

// timed does and records a part, unless the end of the run has cut it off.
func (p *parts) timed(ctx context.Context, operation int, do func(context.Context) error) error {
	begun := time.Now()
	err := do(ctx)
	if err == nil || ctx.Err() == nil {
		p.record(operation, time.Since(begun), err)
	}
	return err
}

// unrecorded are parts of a worker that nobody has given a record.
func unrecorded() parts { return parts{func(int, time.Duration, error) {}} }
