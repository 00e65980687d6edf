package sqldb

import (
	"context"
	"sync"
)

// observers are told of this process's commits.
type observers struct {
	mu  sync.Mutex
	all []func(context.Context, Position)
}

// OnCommit has f called after each commit of this process with its position,
// in commit order, from one goroutine. f must not block. The context is that of the
// group: it has the group's span, if that is traced, and ends at any time.
func (db *DB) OnCommit(f func(context.Context, Position)) {
	db.observers.mu.Lock()
	defer db.observers.mu.Unlock()
	db.observers.all = append(db.observers.all, f)
}

func (o *observers) notify(ctx context.Context, p Position) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.all {
		f(ctx, p)
	}
}
