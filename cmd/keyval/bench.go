package main

import (
	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/bench/workload"
)

// benchCmd has a command for each workload, so that help, completion and advice on what was
// mistyped are those of every command. What each does, package workload says.
type benchCmd struct {
	Put        benchWorkloadCmd `cmd:""`
	Get        benchWorkloadCmd `cmd:""`
	Mixed      benchWorkloadCmd `cmd:""`
	List       benchWorkloadCmd `cmd:""`
	Atomic     benchWorkloadCmd `cmd:""`
	HotCounter benchWorkloadCmd `cmd:""`
	Queue      benchWorkloadCmd `cmd:""`
	Watch      benchWorkloadCmd `cmd:""`
	Cluster    benchWorkloadCmd `cmd:""`
	Filter     benchWorkloadCmd `cmd:""`
	Search     benchWorkloadCmd `cmd:""`
	Compare    benchCompareCmd  `cmd:"" help:"Compare two measurements, each a file of --json: fails if B is slower than A."`
}

// describeWorkloads gives each workload's command the sentence that its package has for it.
func describeWorkloads(app *kong.Node) {
	bench := find(app, "bench")
	for _, w := range workload.All() {
		if command := find(bench, w.Name); command != nil {
			command.Help = w.Summary
		}
	}
}
