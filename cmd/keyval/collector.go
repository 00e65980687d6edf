package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// spareHeap is how much garbage may lie about before it is collected, however little is in
// use. Go collects when the heap has doubled. Of a node's few MiB that is twenty times a
// second under load, and a fifth of what a GET costs.
const spareHeap = 64 << 20

// mostPercent is also for the heap of a moment in which next to nothing is in use.
const mostPercent = 1000

// collectLess has the collector wait for spareHeap, unless the environment says when it is to
// begin. Larger heaps are collected as ever, and boundMemory's limit holds for all.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		adjust(100)
	}
}

// adjust sets by how many percent the heap may grow, from what the last collection has left
// and was set then, and again after the next one.
func adjust(set int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	// Setting it stops all goroutines for a moment.
	if percent := growth(live[0].Value.Uint64()); percent < set*9/10 || percent > set*11/10 {
		debug.SetGCPercent(percent)
		set = percent
	}
	runtime.AddCleanup(new([64]byte), adjust, set)
}

// growth is by how many percent a heap with so many bytes in use may grow.
func growth(live uint64) int {
	return int(min(mostPercent, max(100, spareHeap*100/max(live, 1))))
}
