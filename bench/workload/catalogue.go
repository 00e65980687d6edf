package workload

import (
	"fmt"
	"slices"
	"strings"
)

// Description is a workload in the list of what there is.
type Description struct {
	Name string
	// Summary is a sentence for --help.
	Summary string
}

// kind is a workload that can be opened.
type kind struct {
	name, summary string
	open          func(*place) Workload
	uses          uses
	// leastValue is the smallest value that has room for what the workload looks for.
	leastValue int
	endpoints  int // that it takes at least; 0 is 1
}

// catalogue is every workload, in the order in which they are shown.
func catalogue() []kind {
	filled := uses{keys: true, values: true}
	reads := uses{keys: true, values: true, consistency: true}
	mixed := uses{keys: true, values: true, consistency: true, mix: true}
	lists := uses{keys: true, values: true, consistency: true, limit: true}
	return []kind{
		{name: "put", open: openPut, uses: filled,
			summary: "Overwrites keys, evenly chosen."},
		{name: "get", open: openGet, uses: reads,
			summary: "Reads keys, evenly chosen."},
		{name: "mixed", open: openMixed, uses: mixed,
			summary: "Reads and writes as YCSB's workload A to F does, few keys more often than most."},
		{name: "list", open: openList, uses: lists,
			summary: "Lists entries from a key on, evenly chosen."},
		{name: "atomic", open: openAtomic, uses: uses{keys: true, values: true, ownKeys: true},
			summary: "Sets a key if it is as it was last seen; the fewer keys, the more conflicts."},
		{name: "hot-counter", open: openHotCounter,
			summary: "Adds to one number, all at once."},
		{name: "queue", open: openQueue, uses: uses{values: true},
			summary: "Enqueues a message, takes one, and acknowledges it."},
		{name: "watch", open: openWatch, uses: uses{values: true, watchers: true},
			summary: "Writes a key and waits until the stream that watches it, at another endpoint if there are several, tells of it."},
		{name: "cluster", open: openCluster, uses: reads, endpoints: 2,
			summary: "Writes at one endpoint and reads the same key at the next, which must have it."},
		{name: "filter", open: openFilter, uses: lists, leastValue: leastObject,
			summary: "Lists the few entries whose values match."},
		{name: "search", open: openSearch, uses: lists, leastValue: leastObject,
			summary: "Finds entries with a word, by a full-text index."},
	}
}

// All are the workloads, in the order in which they are shown.
func All() []Description {
	var all []Description
	for _, k := range catalogue() {
		all = append(all, Description{Name: k.name, Summary: k.summary})
	}
	return all
}

// Open returns a workload by its name. Nothing is sent yet. A setting that does not fit is a
// *SettingError.
func Open(name string, s Settings) (Workload, error) {
	k, err := find(name)
	if err != nil {
		return nil, err
	}
	if err := k.validate(s); err != nil {
		return nil, err
	}
	p, err := newPlace(s)
	if err != nil {
		return nil, err
	}
	return k.open(p), nil
}

func find(name string) (kind, error) {
	kinds := catalogue()
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i >= 0 {
		return kinds[i], nil
	}
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return kind{}, fmt.Errorf("there is no workload %q; choose one of %s", name, strings.Join(names, ", "))
}

func (k kind) validate(s Settings) error {
	if err := s.validate(); err != nil {
		return err
	}
	switch {
	case len(s.URLs) < k.endpoints:
		return badSetting("URLs", "the workload %q needs %d endpoints or more", k.name, k.endpoints)
	case k.endpoints > 1 && hasDouble(s.URLs):
		return badSetting("URLs", "the workload %q tells its endpoints apart: each must be there once", k.name)
	case k.uses.values && s.ValueBytes[0] < k.leastValue:
		return badSetting("ValueBytes", "the workload %q needs values of %d bytes or more, for what it looks for", k.name, k.leastValue)
	}
	return k.uses.refuse(k.name, s)
}

func hasDouble(urls []string) bool {
	seen := map[string]bool{}
	for _, url := range urls {
		seen[endpointName(url)] = true
	}
	return len(seen) < len(urls)
}
