// Package result is what a benchmark has measured, as it is kept in a file: the common
// language of what loads a server, what draws reports, and what compares two of them.
package result

import "time"

// Version is the version of the file's format. A reader refuses others.
const Version = 1

// A File is everything that one command has measured, as "keyval bench --json" writes it.
type File struct {
	Version int       `json:"version"`
	Started time.Time `json:"started"`
	// Command is the command line, without its token.
	Command []string `json:"command"`
	Machine Machine  `json:"machine"`
	Runs    []Run    `json:"runs"`
}

// Machine is where the harness ran.
type Machine struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
	// CPU is the processor's own name, empty where it is not known.
	CPU   string `json:"cpu,omitempty"`
	Cores int    `json:"cores"`
	// MemoryBytes is 0 where it is not known.
	MemoryBytes int64  `json:"memoryBytes,omitempty"`
	Go          string `json:"go"`
	// Keyval is the harness's own version.
	Keyval string `json:"keyval"`
}

// A Run is one workload at one load against one target.
type Run struct {
	// Target names what was measured, such as "keyval, embedded" or a URL.
	Target   string `json:"target"`
	Workload string `json:"workload"`
	// Settings are what one must know to repeat it.
	Settings Settings  `json:"settings"`
	Started  time.Time `json:"started"`
	// Seconds is how long was measured, without the warm-up.
	Seconds float64 `json:"seconds"`
	// Interrupted says that it was to take longer.
	Interrupted bool        `json:"interrupted,omitempty"`
	Operations  []Operation `json:"operations"`
	// CPU is what the run took of the processors, nil where nobody looked.
	CPU *CPU `json:"cpu,omitempty"`
}

// CPU is what programs have used of one machine's processors while a run was measured.
type CPU struct {
	// Seconds is how long was looked: until the last operation had ended.
	Seconds float64 `json:"seconds"`
	// Busy is the processor time of everything on the machine, in seconds.
	Busy     float64   `json:"busy"`
	Programs []Program `json:"programs"`
}

// A Program is a process that took part.
type Program struct {
	// Name is what it is; the nodes of a cluster have the same.
	Name string `json:"name"`
	// Seconds is the processor time that it used.
	Seconds float64 `json:"seconds"`
}

// Settings are a run's load and its data.
type Settings struct {
	// Connections is how many requests can be under way at once.
	Connections int `json:"connections"`
	// Rate is how many operations were to begin each second, over all connections; 0 is
	// a closed loop: each connection begins one when the last has ended.
	Rate          float64 `json:"rate,omitempty"`
	WarmUpSeconds float64 `json:"warmUpSeconds"`
	Keys          int     `json:"keys,omitempty"`
	// ValueBytes are the least and the greatest size of a value.
	ValueBytes [2]int `json:"valueBytes,omitempty"`
	Seed       uint64 `json:"seed"`
	Endpoints  int    `json:"endpoints,omitempty"`
	Watchers   int    `json:"watchers,omitempty"`
	// Extra are settings that only this workload has, such as "mix": "a".
	Extra map[string]string `json:"extra,omitempty"`
}

// An Operation is one kind of request, or of what a workload counts as one, such as an
// enqueue, or a commit until its event.
type Operation struct {
	Name string `json:"name"`
	// Part says that it is part of another operation, which fails if this does.
	Part bool `json:"part,omitempty"`
	// Count is how many succeeded.
	Count int64 `json:"count"`
	// Failures counts the others by code, such as "overloaded" or "connection".
	Failures map[string]int64 `json:"failures,omitempty"`
	// Latency is of those that succeeded, in nanoseconds: from the intended start, in a
	// run with a rate.
	Latency Histogram `json:"latency"`
	// Slices are the run second by second.
	Slices []Slice `json:"slices"`
}

// A Slice is what ended within a part of a run.
type Slice struct {
	// At is when it began, in seconds after the run's start.
	At       float64 `json:"at"`
	Seconds  float64 `json:"seconds"`
	Count    int64   `json:"count"`
	Failures int64   `json:"failures,omitempty"`
	// P50, P99 and Max are latencies in nanoseconds; 0 if nothing ended.
	P50 int64 `json:"p50"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
}

// Rate is how many succeeded each second.
func (o Operation) Rate(r Run) float64 {
	if r.Seconds == 0 {
		return 0
	}
	return float64(o.Count) / r.Seconds
}
