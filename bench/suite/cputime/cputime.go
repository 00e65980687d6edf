// Package cputime reads how much of the processors programs use, from Linux's /proc.
package cputime

import (
	"fmt"

	"github.com/prometheus/procfs"
)

// A Program is one that runs.
type Program struct {
	// Name is what a reader of the result knows it by. Several may have the same one.
	Name string
	PID  int
}

// Spent is the processor time of a program since it began, in seconds.
func (p Program) Spent() (float64, error) {
	proc, err := procfs.NewProc(p.PID)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.Name, err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.Name, err)
	}
	return stat.CPUTime(), nil
}

// Machine is what all processors together have done since the machine began, in seconds. Busy
// and Idle leave out what they waited for the disk, and what a host gave to others; All has it.
type Machine struct{ Busy, Idle, All float64 }

// ThisMachine reads it.
func ThisMachine() (Machine, error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return Machine{}, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return Machine{}, err
	}
	c := stat.CPUTotal
	busy := c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ
	return Machine{Busy: busy, Idle: c.Idle, All: busy + c.Idle + c.Iowait + c.Steal}, nil
}
