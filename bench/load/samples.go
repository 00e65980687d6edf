package load

import (
	"sync/atomic"
	"time"
)

// A sample is one operation that has ended. Its times are since the first one began.
type sample struct {
	began, ended time.Duration // began is the intended start
	operation    int32
	failed       bool
	part         bool // of another operation
}

// samples carries samples from the one goroutine that adds to the one that reads. Nobody
// waits for anybody: a worker pays a few stores for each operation, and its cache is spared
// the histograms, of more than 100 KiB each, which the reader fills on its behalf.
type samples struct {
	last  *block // the writer's
	first *block // the reader's, like read
	read  int
	spare chan *block
}

// A block is as many samples as a worker adds without having to ask for memory.
type block struct {
	samples [512]sample
	written atomic.Int32
	next    atomic.Pointer[block]
}

// newSamples returns one that is empty. Blocks that have been read go to spare and come from
// there, whosever they were.
func newSamples(spare chan *block) *samples {
	b := new(block)
	return &samples{last: b, first: b, spare: spare}
}

func (s *samples) add(one sample) {
	b := s.last
	n := b.written.Load()
	if int(n) == len(b.samples) {
		b = s.block()
		s.last.next.Store(b)
		s.last, n = b, 0
	}
	b.samples[n] = one
	b.written.Store(n + 1)
}

func (s *samples) block() *block {
	select {
	case b := <-s.spare:
		return b
	default:
		return new(block)
	}
}

// drain calls take with what was added since the last time, in its order, until one that
// ended at before or later.
func (s *samples) drain(before time.Duration, take func(sample)) {
	for {
		b := s.first
		for n := int(b.written.Load()); s.read < n; s.read++ {
			if b.samples[s.read].ended >= before {
				return
			}
			take(b.samples[s.read])
		}
		next := b.next.Load()
		if s.read < len(b.samples) || next == nil {
			return
		}
		s.first, s.read = next, 0
		s.free(b)
	}
}

func (s *samples) free(b *block) {
	b.written.Store(0)
	b.next.Store(nil)
	select {
	case s.spare <- b:
	default:
	}
}
