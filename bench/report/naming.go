package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/unit"
)

// naming names the runs of a file so that one tells them apart: by their workload, what only
// that has, and whatever else is not the same in all.
type naming struct {
	targets  bool
	settings []setting
}

// setting is one of a run's, as people read it.
type setting struct {
	name string
	of   func(result.Settings) string
}

func newNaming(f result.File) naming {
	n := naming{targets: differ(f, func(r result.Run) string { return r.Target })}
	for _, s := range []setting{
		{"keys", func(s result.Settings) string { return orNone(s.Keys) }},
		{"bytes", func(s result.Settings) string { return sizes(s.ValueBytes) }},
		{"endpoints", func(s result.Settings) string { return orNone(s.Endpoints) }},
		{"watchers", func(s result.Settings) string { return orNone(s.Watchers) }},
	} {
		if differ(f, func(r result.Run) string { return s.of(r.Settings) }) {
			n.settings = append(n.settings, s)
		}
	}
	return n
}

func differ(f result.File, what func(result.Run) string) bool {
	return slices.ContainsFunc(f.Runs, func(r result.Run) bool { return what(r) != what(f.Runs[0]) })
}

// workload names a run without its target and load: "mixed mix=a keys=1,000".
func (n naming) workload(r result.Run) string {
	name := r.Workload
	for _, setting := range slices.Sorted(maps.Keys(r.Settings.Extra)) {
		name += fmt.Sprintf(" %s=%s", setting, r.Settings.Extra[setting])
	}
	for _, s := range n.settings {
		name += fmt.Sprintf(" %s=%s", s.name, s.of(r.Settings))
	}
	return name
}

// group adds to the workload what one must know of the runs.
func (n naming) group(g result.Group) string {
	var notes []string
	if count := len(g.Runs); count > 1 {
		notes = append(notes, fmt.Sprintf("%d runs", count))
	}
	if slices.ContainsFunc(g.Runs, func(r result.Run) bool { return r.Interrupted }) {
		notes = append(notes, "interrupted")
	}
	name := n.workload(g.Runs[0])
	if notes != nil {
		name += " (" + strings.Join(notes, ", ") + ")"
	}
	return name
}

// at adds the target to a title, if there are several.
func (n naming) at(title string, r result.Run) string {
	if n.targets {
		return title + ", " + r.Target
	}
	return title
}

func orNone(count int) string {
	if count == 0 {
		return "–"
	}
	return unit.Thousands(float64(count))
}

func sizes(bytes [2]int) string {
	switch {
	case bytes[1] == 0:
		return "–"
	case bytes[0] == bytes[1]:
		return unit.Thousands(float64(bytes[0]))
	default:
		return unit.Thousands(float64(bytes[0])) + "–" + unit.Thousands(float64(bytes[1]))
	}
}
