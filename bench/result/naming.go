package result

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/buntime/keyval/bench/unit"
)

// A Naming names runs so that one tells them apart: by their workload, what only
// that has, and whatever else is not the same in all.
type Naming struct {
	targets  bool
	settings []setting
}

// setting is one of a run's, as people read it.
type setting struct {
	name string
	of   func(Settings) string
}

// NewNaming names these runs.
func NewNaming(runs []Run) Naming {
	n := Naming{targets: differ(runs, func(r Run) string { return r.Target })}
	for _, s := range []setting{
		{"keys", func(s Settings) string { return count(s.Keys) }},
		{"bytes", func(s Settings) string { return s.Sizes() }},
		{"endpoints", func(s Settings) string { return count(s.Endpoints) }},
		{"watchers", func(s Settings) string { return count(s.Watchers) }},
	} {
		if differ(runs, func(r Run) string { return s.of(r.Settings) }) {
			n.settings = append(n.settings, s)
		}
	}
	return n
}

func differ(runs []Run, what func(Run) string) bool {
	return slices.ContainsFunc(runs, func(r Run) bool { return what(r) != what(runs[0]) })
}

// Workload names a run without its target and load: "mixed mix=a keys=1,000".
func (n Naming) Workload(r Run) string {
	name := r.Workload
	for _, setting := range slices.Sorted(maps.Keys(r.Settings.Extra)) {
		name += fmt.Sprintf(" %s=%s", setting, r.Settings.Extra[setting])
	}
	for _, s := range n.settings {
		name += fmt.Sprintf(" %s=%s", s.name, s.of(r.Settings))
	}
	return name
}

// Group adds to the workload what one must know of the runs.
func (n Naming) Group(g Group) string {
	var notes []string
	if len(g.Runs) > 1 {
		notes = append(notes, fmt.Sprintf("%d runs", len(g.Runs)))
	}
	if slices.ContainsFunc(g.Runs, func(r Run) bool { return r.Interrupted }) {
		notes = append(notes, "interrupted")
	}
	name := n.Workload(g.Runs[0])
	if notes != nil {
		name += " (" + strings.Join(notes, ", ") + ")"
	}
	return name
}

// At adds the target to a title, if there are several.
func (n Naming) At(title string, r Run) string {
	if n.targets {
		return title + ", " + r.Target
	}
	return title
}

// Sizes are the bytes of a value: "10–1,000", or – if there are none.
func (s Settings) Sizes() string {
	bytes := s.ValueBytes
	switch {
	case bytes[1] == 0:
		return "–"
	case bytes[0] == bytes[1]:
		return unit.Thousands(float64(bytes[0]))
	default:
		return unit.Thousands(float64(bytes[0])) + "–" + unit.Thousands(float64(bytes[1]))
	}
}

func count(n int) string { return unit.Thousands(float64(n)) }
