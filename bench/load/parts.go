package load

import "time"

// A Recorder is a Worker that does several operations in one Do, such as the enqueue, the
// dequeue and the ack of a cycle: the whole is what Do returns, the parts go to record, which
// Run sets before the first Do. It must be called within Do, by its goroutine, and not with
// what the end of ctx has cut off. latency counts from the part's own beginning, in an open
// loop, too.
type Recorder interface {
	Worker
	RecordWith(record func(operation int, latency time.Duration, err error))
}

// recordParts lets a worker that has parts record them.
func (l *loop) recordParts() {
	if r, ok := l.worker.(Recorder); ok {
		r.RecordWith(l.part)
	}
}

// part records one that has just ended.
func (l *loop) part(operation int, latency time.Duration, err error) {
	ended := l.now()
	began := max(0, ended-latency)
	if err != nil && began >= l.cfg.WarmUp {
		l.failures[operation][l.cfg.failure(err)]++
	}
	l.samples.add(sample{began: began, ended: ended, operation: int32(operation), failed: err != nil, part: true})
}
