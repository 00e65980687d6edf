// Package workload is what "keyval bench" can do to a server: each workload in a file of its
// own, with the keys that it makes, what one operation is, and how it cleans up.
//
// A workload touches nothing but keys below its prefix, one queue and one index that are
// named after it. Its workers ask one request for each operation, over a connection of their
// own, and build targets and bodies in buffers of their own: the harness shares its machine
// with the server. The same settings make the same requests; only which of two workers comes
// first is not settled.
package workload

import (
	"context"

	"github.com/buntime/keyval/bench/conn"
	"github.com/buntime/keyval/bench/load"
)

// A Workload is one opened against a server.
type Workload interface {
	// Operations are the names of what its workers do; the first is what it is about.
	Operations() []string
	// Prepare makes what must be there. progress is told how far it is, 0 to 1, by one
	// goroutine at a time; nil is nobody. ctx bounds Prepare only.
	Prepare(ctx context.Context, progress func(float64)) error
	// Worker makes the i-th of the workers. ctx bounds its making.
	Worker(ctx context.Context, i int) (load.Worker, error)
	// Clean removes everything that it has made, also after a Prepare that failed. No
	// worker may be at work.
	Clean(ctx context.Context) error
}

// Load is what a run of a workload does, whatever the load: how much and how long is the
// caller's to fill in.
func Load(w Workload) load.Config {
	return load.Config{Operations: w.Operations(), New: w.Worker, Failure: Failure, Unreachable: conn.IsUnreachable}
}
