package workload

import (
	"context"
	"errors"
	"sync"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/httpapi/api"
)

func openAtomic(p *place) Workload {
	return &atomic{place: p, seen: make([]stamp, p.Keys)}
}

// atomic sets keys if they are as they were last seen by any worker: an operation is one
// request, and it conflicts only with one that is under way at the same time.
type atomic struct {
	*place
	seen []stamp // of each key
}

func (w *atomic) Operations() []string { return []string{"atomic"} }

// Prepare writes all keys, and remembers their versionstamps.
func (w *atomic) Prepare(ctx context.Context, progress func(float64)) error {
	return (&filling{
		place: w.place,
		value: sizes(w.ValueBytes).plain,
		told:  &share{whole: w.Keys, progress: progress},
		filled: func(first, n int, versionstamp api.Versionstamp) {
			for i := range n {
				w.seen[first+i].advance([]byte(versionstamp))
			}
		},
	}).fill(ctx)
}

func (w *atomic) Worker(ctx context.Context, i int) (load.Worker, error) {
	c, err := w.caller(ctx, i)
	checks := &checking{caller: c, seen: w.seen, step: 1}
	if w.OwnKeys {
		checks.first, checks.step = i, w.Connections
	}
	return checks, err
}

type checking struct {
	caller
	seen []stamp
	// first and step are its keys: the first, and every step-th after it.
	first, step int
	known       []byte // a buffer
}

// key is one of its keys, each as likely as the other.
func (w *checking) key() int {
	after := (w.Keys - w.first - 1) / w.step
	return w.first + w.step*w.rand.IntN(after+1)
}

func (w *checking) Do(ctx context.Context) (int, error) {
	n := w.key()
	w.known = w.seen[n].appendTo(w.known[:0])
	answer, err := w.setChecked(ctx, n, w.known)
	if err == nil || errors.Is(err, errConflict) {
		// The answer to a conflict has the versionstamp that the key has now.
		w.seen[n].advance(member(answer.Body, "versionstamp"))
	}
	return 0, err
}

// stamp is the newest versionstamp that a key was seen with.
type stamp struct {
	mu   sync.Mutex // covers text
	text string
}

// advance takes a versionstamp unless it is older than the one that is there: answers arrive
// in any order.
func (s *stamp) advance(versionstamp []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(versionstamp) > s.text {
		s.text = string(versionstamp)
	}
}

func (s *stamp) appendTo(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(b, s.text...)
}
