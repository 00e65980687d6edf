package turns

import (
	"slices"

	"github.com/buntime/keyval/bench/result"
)

// Spent is the processor time of one of the first operation in microseconds: that of all the
// run's programs, or of those alone that of says so of.
func (r Runs) Spent(of func(program string) bool) Figure {
	return r.each(func(run result.Run) (float64, bool) {
		return perOperation(run, func(cpu result.CPU) float64 { return ofPrograms(cpu, of) })
	})
}

// ofPrograms is the processor time of some of the programs, in seconds.
func ofPrograms(cpu result.CPU, of func(program string) bool) (seconds float64) {
	for _, p := range cpu.Programs {
		if of(p.Name) {
			seconds += p.Seconds
		}
	}
	return seconds
}

// All is every program.
func All(string) bool { return true }

// Named is the programs with one of these names.
func Named(names ...string) func(string) bool {
	return func(program string) bool { return slices.Contains(names, program) }
}

// Busiest is what Spent is, of the one program of a name that has worked most: of the nodes
// of a cluster the one that is full first.
func (r Runs) Busiest(name string) Figure {
	return r.each(func(run result.Run) (float64, bool) {
		return perOperation(run, func(cpu result.CPU) (seconds float64) {
			for _, p := range cpu.Programs {
				if p.Name == name {
					seconds = max(seconds, p.Seconds)
				}
			}
			return seconds
		})
	})
}

func perOperation(run result.Run, spent func(result.CPU) float64) (microseconds float64, ok bool) {
	if run.CPU == nil || len(run.Operations) == 0 || run.Operations[0].Count == 0 {
		return 0, false
	}
	return spent(*run.CPU) * 1e6 / float64(run.Operations[0].Count), true
}

// Cores is how many of the processors the run's programs kept busy.
func (r Runs) Cores() Figure {
	return r.inUse(func(cpu result.CPU) float64 { return ofPrograms(cpu, All) })
}

// Busy is how many of them were busy with anything at all.
func (r Runs) Busy() Figure { return r.inUse(func(cpu result.CPU) float64 { return cpu.Busy }) }

// Besides is how many of them were busy with something else.
func (r Runs) Besides() Figure {
	return r.each(func(run result.Run) (float64, bool) {
		if run.CPU == nil || run.CPU.Busy == 0 {
			return 0, false
		}
		return max(0, run.CPU.Busy-ofPrograms(*run.CPU, All)) / run.CPU.Seconds, true
	})
}

// inUse is how many processors some time is, while was looked.
func (r Runs) inUse(seconds func(result.CPU) float64) Figure {
	return r.each(func(run result.Run) (float64, bool) {
		if run.CPU == nil || run.CPU.Seconds == 0 {
			return 0, false
		}
		return seconds(*run.CPU) / run.CPU.Seconds, true
	})
}
