// Package workload is what "keyval bench" can do to a server: each workload in a file of its
// own, with the keys that it makes, what one operation is, and how it cleans up.
package workload

import (
	"context"
	"errors"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/httpapi/api"
)

// Settings are what a workload can be told. A field that it does not use must be as Defaults
// has it; Open names one that is not.
type Settings struct {
	// URLs are the endpoints; connections are dealt out to them in turn.
	URLs []string
	// Token is the bearer token; empty is none.
	Token string
	// Prefix is where the workload's keys are; its queues and indexes carry the name, too.
	Prefix api.Key
	// Connections is how many workers there will be at most.
	Connections int
	// Keys is how many different keys are read and written.
	Keys int
	// ValueBytes are the least and the greatest size of a value as JSON.
	ValueBytes [2]int
	// Seed makes keys, values and their order; the same seed, the same requests.
	Seed uint64
	// Mix is YCSB's letter for "mixed": a to f.
	Mix string
	// Watchers is how many streams "watch" opens.
	Watchers int
	// Limit is how many entries a "list" asks for.
	Limit int
	// Consistency is that of reads: session, strong or eventual.
	Consistency string
}

// A Workload is one opened against a server.
type Workload interface {
	// Operations are the names of what its workers do; the first is what it is about.
	Operations() []string
	// Prepare makes what must be there. progress is told how far it is, 0 to 1.
	Prepare(ctx context.Context, progress func(float64)) error
	// Worker makes the i-th of the workers.
	Worker(ctx context.Context, i int) (load.Worker, error)
	// Clean removes everything that it has made, also after a Prepare that failed.
	Clean(ctx context.Context) error
}

// Description is a workload in the list of what there is.
type Description struct {
	Name string
	// Summary is a sentence for --help.
	Summary string
}

// All are the workloads, in the order in which they are shown.
func All() []Description { return nil }

// Open returns a workload by its name. Nothing is sent yet.
func Open(name string, s Settings) (Workload, error) {
	return nil, errors.New("not built yet")
}

// Failure names what an operation failed by: the API's error code, or "connection",
// "timeout", "status 502".
func Failure(err error) string { return "failed" }
