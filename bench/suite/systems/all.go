package systems

import (
	"slices"

	"github.com/buntime/keyval/bench/result"
)

// All are keyval's shapes, then its peers.
func All() []System { return append(Keyval(), Peers()...) }

// Names are those of all systems, in the order of a table.
func Names() []string {
	var names []string
	for _, s := range All() {
		names = append(names, s.Name)
	}
	return names
}

// Takes tells whether a system has turns in a measure: not all shapes of keyval's are for
// everything, and Open knows the rest.
func (s System) Takes(measure string) bool {
	return (len(s.Only) == 0 || slices.Contains(s.Only, measure)) && s.Cannot[measure] == ""
}

// A Measure is one row of what is compared.
type Measure struct {
	Name string
	Size
	// Rate is that of an open loop, 0 is a closed one.
	Rate float64
}

// Measures are all of them, as "make bench" takes them.
func Measures() []Measure {
	small := Size{Connections: 64, Keys: 10_000, ValueBytes: [2]int{40, 100}}
	documents := Size{Connections: 8, Keys: 10_000, ValueBytes: [2]int{200, 400}}
	watched := small
	watched.Watchers = 1000
	return []Measure{
		{Name: Put, Size: small}, {Name: Get, Size: small}, {Name: Sum, Size: small}, {Name: Atomic, Size: small},
		{Name: List, Size: small}, {Name: Queue, Size: small},
		{Name: Filter, Size: documents}, {Name: Search, Size: documents},
		{Name: Watch, Size: watched, Rate: 1000},
	}
}

// Settings are what is told of it to whoever reads a result.
func (m Measure) Settings() result.Settings {
	return result.Settings{
		Connections: m.Connections, Rate: m.Rate, Keys: m.Keys, ValueBytes: m.ValueBytes, Seed: 1, Watchers: m.Watchers,
		Extra: map[string]string{},
	}
}
