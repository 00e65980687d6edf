package sqldb

import (
	"math/rand/v2"
	"time"
)

// A pacer spaces the transactions of a node out when many nodes write to one
// primary. Those that wait for its write lock cost sqld so much that from about
// twenty on nobody gets on any more, even after they are gone. Nodes that take
// breaks wait in themselves instead, where waiting is free and groups grow.
//
// Each transaction counts the nodes that write, and each node then rests as long as
// the transactions of all others but one take. That leaves between one and two at a
// time under way, 1.03 of 30 nodes,
// by Little's law, without anybody handing out turns: with two at a time, ten nodes
// on a busy machine were already seen to lock each other up. What one node alone can
// learn, such as how many transactions the others had since its own last one, will
// not do: who rests finds that it has been overtaken, and would rest longer and
// longer.
//
// It belongs to the committing goroutine.
type pacer struct {
	took  time.Duration // by a transaction, smoothed
	pause time.Duration // the break that follows
	due   time.Time     // the end of the break

	// company is how many operations the last group has answered, and how many had
	// come since it was made, if that tells of clients that write side by side;
	// patience is until when they are waited for. Those who were answered come back
	// within a moment, and are one group with the others; without that moment they
	// would be two that take turns, each paying for a transaction of its own.
	company  int
	patience time.Time
}

const (
	// leastCompany is from how many operations on there is company.
	leastCompany = 8
	// longestGather bounds the moment for it, which is half as long as a
	// transaction.
	longestGather = 2 * time.Millisecond
	// longestPause bounds the break, so that a node that rests still counts as
	// one that writes.
	longestPause = time.Second
	// othersSQL counts the other nodes, by boot, that have written in the last
	// 3 s.
	othersSQL = `(SELECT count(*) FROM keyval_nodes n WHERE n.time>keyval_sequence.time-3000 AND n.boot_id<>?2)`
)

// committed notes that a transaction took so long while so many other nodes write,
// and how many operations it has answered or had come meanwhile, and begins the break.
func (p *pacer) committed(others int64, operations int, took time.Duration) {
	if p.took == 0 {
		p.took = took
	}
	p.took += (took - p.took) / 4
	p.pause = min(p.took*time.Duration(max(0, others-1)), longestPause)
	p.company = 0
	if operations >= leastCompany {
		p.company, p.patience = operations, time.Now().Add(min(p.took/2, longestGather))
	}
	p.beginBreak()
}

// beginBreak begins a break of about the length that was last chosen: nodes that rest
// equally long would come back together.
func (p *pacer) beginBreak() {
	p.due = time.Now()
	if p.pause > 0 {
		p.due = p.due.Add(p.pause*3/4 + rand.N(p.pause/2+1))
	}
}
