package sqldb

import "sync"

// observers are told of this process's commits.
type observers struct {
	mu  sync.Mutex
	all []func(Position)
}

// OnCommit has f called after each commit of this process with its position,
// in commit order, from one goroutine. f must not block.
func (db *DB) OnCommit(f func(Position)) {
	db.observers.mu.Lock()
	defer db.observers.mu.Unlock()
	db.observers.all = append(db.observers.all, f)
}

func (o *observers) notify(p Position) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.all {
		f(p)
	}
}
