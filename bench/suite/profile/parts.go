// Package profile says what a node's processor time is spent on, from a profile that the node
// has made of itself.
package profile

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// rest is the part of what is in no other.
const rest = "everything else"

// parts are told by the functions that are at work, of which the innermost that belongs to
// one decides: what Go allocates for SQLite's rows is memory, and what SQLite compares is
// SQLite's.
var parts = []struct {
	name     string
	prefixes []string
}{
	{"memory: allocating and collecting", []string{
		"runtime.mallocgc", "runtime.gc", "runtime.bgsweep", "runtime.growslice", "runtime.newobject", "runtime.makeslice", "runtime.(*mcache)", "runtime.(*sweepLocked)"}},
	{"goroutines: waking and switching", []string{
		"runtime.schedule", "runtime.findRunnable", "runtime.mcall", "runtime.park_m", "runtime.newproc", "runtime.goready", "runtime.ready", "runtime.netpoll",
		"runtime.goexit0", "runtime.wakep", "runtime.startm", "runtime.selectgo", "runtime.chan", "runtime.send", "runtime.gopark"}},
	{"the network: the kernel reads and writes", []string{"internal/poll.(*FD).Read", "internal/poll.(*FD).Write", "internal/poll.(*FD).Accept"}},
	{"SQLite, within the process", []string{"modernc.org/"}},
	{"rows: `database/sql` and the libSQL driver", []string{"database/sql", "github.com/tursodatabase/", "github.com/coder/websocket"}},
	{"keyval: grouping reads, entries", []string{"github.com/buntime/keyval/internal/sqldb.", "github.com/buntime/keyval/kv."}},
	{"keyval: routing, access, limits, metrics, the answer", []string{"github.com/buntime/keyval/", "github.com/go-chi/"}},
	{"`net/http`: the heads of request and answer", []string{"net/http.", "net/textproto."}},
}

// Names are those of all parts, in the order of a table.
func Names() []string {
	names := make([]string, 0, len(parts)+1)
	for _, p := range parts {
		names = append(names, p.name)
	}
	return append(names, rest)
}

// A Profile is processor time by parts.
type Profile struct {
	Parts map[string]time.Duration
	// Lasted is for how long the processors were watched.
	Lasted time.Duration
}

// Read reads a profile of processor time as Go's pprof makes it.
func Read(r io.Reader) (Profile, error) {
	p, err := profile.Parse(r)
	if err != nil {
		return Profile{}, err
	}
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "cpu" && t.Unit == "nanoseconds" })
	if at < 0 {
		return Profile{}, fmt.Errorf("it is no profile of processor time")
	}
	read := Profile{Parts: map[string]time.Duration{}, Lasted: time.Duration(p.DurationNanos)}
	for _, s := range p.Sample {
		read.Parts[partOf(s)] += time.Duration(s.Value[at])
	}
	return read, nil
}

func partOf(s *profile.Sample) string {
	for _, location := range s.Location { // the innermost first
		for _, line := range location.Line {
			if name, ok := partOfFunction(line.Function.Name); ok {
				return name
			}
		}
	}
	return rest
}

func partOfFunction(function string) (part string, ok bool) {
	for _, p := range parts {
		if slices.ContainsFunc(p.prefixes, func(prefix string) bool { return strings.HasPrefix(function, prefix) }) {
			return p.name, true
		}
	}
	return "", false
}
