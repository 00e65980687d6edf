package cputime

import (
	"time"

	"github.com/buntime/keyval/bench/result"
)

// A Watch reads what programs use of the processors between its Start and its Stop.
type Watch struct {
	programs      []Program
	before, after reading
	err           error
}

// NewWatch returns one of these programs.
func NewWatch(programs []Program) *Watch { return &Watch{programs: programs} }

// reading is a moment's.
type reading struct {
	at    time.Time
	busy  float64
	spent []float64 // of each program
}

// Start begins.
func (w *Watch) Start() { w.before = w.read() }

// Stop ends.
func (w *Watch) Stop() { w.after = w.read() }

// Used is what was used in between, nil if the watch was not started and stopped. A program
// that has ended is an error.
func (w *Watch) Used() (*result.CPU, error) {
	if w.err != nil || w.before.at.IsZero() || w.after.at.IsZero() {
		return nil, w.err
	}
	used := &result.CPU{
		Seconds: w.after.at.Sub(w.before.at).Seconds(),
		Busy:    w.after.busy - w.before.busy,
	}
	for i, p := range w.programs {
		used.Programs = append(used.Programs, result.Program{Name: p.Name, Seconds: w.after.spent[i] - w.before.spent[i]})
	}
	return used, nil
}

func (w *Watch) read() reading {
	now := reading{at: time.Now()}
	machine, err := ThisMachine()
	w.keep(err)
	now.busy = machine.Busy
	for _, p := range w.programs {
		spent, err := p.Spent()
		w.keep(err)
		now.spent = append(now.spent, spent)
	}
	return now
}

// keep keeps the first error.
func (w *Watch) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}
