// Package filewatch has files read again when they may have changed. It looks at them
// from time to time, which works on every file system and for every way of replacing
// a file: written in place, renamed over, or behind a symbolic link that is turned to
// another directory, as Kubernetes does. A change is seen within Every and one look
// later at the latest; nothing is lost that lies between two looks.
package filewatch

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"
)

// DefaultEvery is how often files are looked at, which costs one stat for each.
const DefaultEvery = 400 * time.Millisecond

// Config is what Start watches, and who is told.
type Config struct {
	// Paths are the files. They need not exist.
	Paths []string
	// Every is the time between two looks. Zero: DefaultEvery.
	Every time.Duration
	// Load reads the files. It is called from one goroutine: once at the beginning,
	// because a file may have changed since the caller has read it, then whenever one
	// may have changed, at every look while it fails, and after Poke. It is also called
	// for files that are as they were, so it compares what it has read with what it
	// has, and keeps that when it returns an error.
	Load func() error
	// Complain is called from the same goroutine with an error of Load: once for each
	// text, and not before the next look has found the same, because files that
	// belong together are written one after the other. After Poke it is called at once.
	// Nil: nobody is told.
	Complain func(error)
}

// A Watcher looks at files until Stop.
type Watcher struct {
	cfg    Config
	poked  chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup

	seen         []os.FileInfo // by path; nil: not there
	unsettled    bool          // what the last look has seen may have changed again since, unnoticed
	failing      bool          // Load has returned an error
	failed, told string        // its text, and the last that Complain has been told since Load succeeded
}

// Start begins to watch. It reads nothing before it returns.
func Start(cfg Config) *Watcher {
	if cfg.Every <= 0 {
		cfg.Every = DefaultEvery
	}
	if cfg.Complain == nil {
		cfg.Complain = func(error) {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watcher{cfg: cfg, poked: make(chan struct{}, 1), cancel: cancel}
	w.done.Go(func() { w.run(ctx) })
	return w
}

// Poke has the files loaded now, whether they look changed or not. It does not wait.
func (w *Watcher) Poke() {
	select {
	case w.poked <- struct{}{}:
	default: // one is on its way
	}
}

// Stop ends the watching and waits for a call that is under way. Twice is safe.
func (w *Watcher) Stop() {
	w.cancel()
	w.done.Wait()
}

func (w *Watcher) run(ctx context.Context) {
	ticks := time.NewTicker(w.cfg.Every)
	defer ticks.Stop()
	w.look(false)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			w.look(false)
		case <-w.poked:
			w.look(true)
		}
	}
}

// look loads if there may be something new. What has changed is loaded once more at the
// next look: a second change within the clock tick of the first leaves no trace in the
// file's time.
func (w *Watcher) look(poked bool) {
	changed := w.changed()
	if changed || w.unsettled || w.failing || poked {
		w.load(poked)
	}
	w.unsettled = changed
}

// changed tells whether a file is another one than at the last look, if there was one,
// and remembers it.
func (w *Watcher) changed() bool {
	now := make([]os.FileInfo, len(w.cfg.Paths))
	for i, path := range w.cfg.Paths {
		if info, err := os.Stat(path); err == nil {
			now[i] = info
		}
	}
	same := slices.EqualFunc(w.seen, now, sameFile)
	w.seen = now
	return !same
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}

func (w *Watcher) load(poked bool) {
	err := w.cfg.Load()
	w.failing = err != nil
	if err == nil {
		w.failed, w.told = "", ""
		return
	}
	text := err.Error()
	if poked || text == w.failed && text != w.told {
		w.told = text
		w.cfg.Complain(err)
	}
	w.failed = text
}
