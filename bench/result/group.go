package result

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/buntime/keyval/bench/unit"
)

// A Group is the runs of one workload at one load against one target: repeats of each
// other. They may differ in seed and warm-up.
type Group struct {
	Runs []Run
}

// Groups returns the runs that repeat each other together, in the order of their first.
func (f File) Groups() []Group {
	var groups []Group
	at := make(map[string]int)
	for _, run := range f.Runs {
		key := run.Target + "\x00" + run.Key()
		i, found := at[key]
		if !found {
			i = len(groups)
			at[key] = i
			groups = append(groups, Group{})
		}
		groups[i].Runs = append(groups[i].Runs, run)
	}
	return groups
}

// Key is the same for runs that do the same, whatever they do it to.
func (r Run) Key() string {
	s := r.Settings
	s.Seed, s.WarmUpSeconds = 0, 0
	b, err := json.Marshal(s)
	if err != nil {
		return r.Workload // a rate that is no number; nothing compares with it
	}
	return r.Workload + "\x00" + string(b)
}

// Load says how much was asked for: "64 connections, 1,000/s".
func (s Settings) Load() string {
	load := fmt.Sprintf("%d connections", s.Connections)
	if s.Connections == 1 {
		load = "1 connection"
	}
	if s.Rate > 0 {
		load += ", " + unit.PerSecond(s.Rate) + "/s"
	}
	return load
}

// Operations are the names of what the group's runs do, in their order.
func (g Group) Operations() []string {
	var names []string
	for _, run := range g.Runs {
		for _, o := range run.Operations {
			if !slices.Contains(names, o.Name) {
				names = append(names, o.Name)
			}
		}
	}
	return names
}

// Operation returns a run's operation of a name, false if it has none.
func (r Run) Operation(name string) (Operation, bool) {
	for _, o := range r.Operations {
		if o.Name == name {
			return o, true
		}
	}
	return Operation{}, false
}

// Failed is how many failed, by whatever code.
func (o Operation) Failed() int64 {
	total := int64(0)
	for _, count := range o.Failures {
		total += count
	}
	return total
}

// Failed is how many of the operations failed by each code. Parts are not counted beside
// what they are parts of.
func (r Run) Failed() map[string]int64 {
	failed := make(map[string]int64)
	for _, o := range r.Operations {
		if o.Part {
			continue
		}
		for code, count := range o.Failures {
			failed[code] += count
		}
	}
	return failed
}

// Latency is that of all the group's runs together.
func (g Group) Latency(operation string) Histogram {
	merged := NewHistogram()
	for _, run := range g.Runs {
		if o, found := run.Operation(operation); found {
			merged.Add(o.Latency)
		}
	}
	return merged
}
