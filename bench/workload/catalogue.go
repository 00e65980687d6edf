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
	Description
	uses uses
	// leastValue is the smallest value that has room for what the workload looks for.
	leastValue int
	endpoints  int // that it takes at least
	open       func(*place) Workload
}

// catalogue is every workload, in the order in which they are shown.
func catalogue() []kind {
	return []kind{
		{Description{"put", "Overwrites keys, evenly chosen."}, uses{keys: true, values: true}, 0, 1, openPut},
		{Description{"get", "Reads keys, evenly chosen."}, uses{keys: true, values: true, consistency: true}, 0, 1, openGet},
		{Description{"mixed", "Reads and writes as YCSB's workload A to F does, few keys more often than most."}, uses{keys: true, values: true, mix: true, consistency: true}, 0, 1, openMixed},
		{Description{"list", "Lists entries from a key on, evenly chosen."}, uses{keys: true, values: true, limit: true, consistency: true}, 0, 1, openList},
		{Description{"atomic", "Sets a key if it is as it was last seen; the fewer keys, the more conflicts."}, uses{keys: true, values: true}, 0, 1, openAtomic},
		{Description{"hot-counter", "Adds to one number, all at once."}, uses{}, 0, 1, openHotCounter},
		{Description{"queue", "Enqueues a message, takes one, and acknowledges it."}, uses{values: true}, 0, 1, openQueue},
		{Description{"watch", "Writes a key and waits until the stream that watches it, on another endpoint if there are several, tells of it."}, uses{values: true, watchers: true}, 0, 1, openWatch},
		{Description{"cluster", "Writes at one endpoint and reads the same key at the next, which must have it."}, uses{keys: true, values: true, consistency: true}, 0, 2, openCluster},
		{Description{"filter", "Lists the few entries whose values match."}, uses{keys: true, values: true, limit: true, consistency: true}, leastObject, 1, openFilter},
		{Description{"search", "Finds entries with a word, by a full-text index."}, uses{keys: true, values: true, limit: true, consistency: true}, leastObject, 1, openSearch},
	}
}

// All are the workloads, in the order in which they are shown.
func All() []Description {
	var all []Description
	for _, k := range catalogue() {
		all = append(all, k.Description)
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
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.Name == name })
	if i >= 0 {
		return kinds[i], nil
	}
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return kind{}, fmt.Errorf("there is no workload %q; choose one of %s", name, strings.Join(names, ", "))
}

func (k kind) validate(s Settings) error {
	if err := s.validate(); err != nil {
		return err
	}
	switch {
	case len(s.URLs) < k.endpoints:
		return badSetting("URLs", "the workload %q needs %d endpoints or more", k.Name, k.endpoints)
	case k.endpoints > 1 && hasDouble(s.URLs):
		return badSetting("URLs", "the workload %q tells its endpoints apart: each must be there once", k.Name)
	case k.uses.values && s.ValueBytes[0] < k.leastValue:
		return badSetting("ValueBytes", "the workload %q needs values of %d bytes or more, for what it looks for", k.Name, k.leastValue)
	}
	return k.uses.refuse(k.Name, s)
}

func hasDouble(urls []string) bool {
	seen := map[string]bool{}
	for _, url := range urls {
		seen[endpointName(url)] = true
	}
	return len(seen) < len(urls)
}
