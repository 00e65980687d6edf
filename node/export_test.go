package node

import "context"

// HalfNode is as much of a node as a leader's jobs need.
type HalfNode struct{ n *Node }

// NewHalfNode opens the database of cfg. It listens nowhere, so it cannot say meanwhile
// that it waits.
func NewHalfNode(ctx context.Context, cfg Config) (h HalfNode, err error) {
	if cfg.Database, err = OpenDatabase(ctx, cfg); err != nil {
		return HalfNode{}, err
	}
	n := newNode(cfg)
	if err := n.openDatabase(ctx); err != nil {
		return HalfNode{}, err
	}
	if err := n.openIndexes(ctx); err != nil {
		return HalfNode{}, err
	}
	return HalfNode{n}, n.openQueue(ctx)
}

// Close closes the queue and the database.
func (h HalfNode) Close() error {
	h.n.queue.Close()
	return h.n.db.Close()
}

// TakeEpoch makes the node the leader, for the database.
func (h HalfNode) TakeEpoch(ctx context.Context, name string) (uint64, error) {
	return registry{h.n.db}.TakeEpoch(ctx, name)
}

// Jobs does each of the leader's jobs and reports its error under its name.
func (h HalfNode) Jobs(ctx context.Context, epoch uint64, report func(name string, err error)) {
	for _, j := range h.n.jobs() {
		_, err := j.run(ctx, int64(epoch))
		report(j.name, err)
	}
}
