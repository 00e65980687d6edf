package cputime_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/buntime/keyval/bench/suite/cputime"
)

// used is what programs use while do is done.
func used(t *testing.T, do func(), programs ...cputime.Program) map[string]float64 {
	t.Helper()
	watch := cputime.NewWatch(programs)
	watch.Start()
	do()
	watch.Stop()
	cpu, err := watch.Used()
	if err != nil {
		t.Fatal(err)
	}
	seconds := map[string]float64{"machine": cpu.Busy, "watched": cpu.Seconds}
	for _, p := range cpu.Programs {
		seconds[p.Name] = p.Seconds
	}
	return seconds
}

// work keeps a processor busy for this much of its time, however long that takes.
func work(t *testing.T, seconds float64) {
	t.Helper()
	this := cputime.Program{Name: "this", PID: os.Getpid()}
	for begun := spent(t, this); spent(t, this)-begun < seconds; {
		for i := range 1 << 20 {
			_ = i * i
		}
	}
}

func spent(t *testing.T, p cputime.Program) float64 {
	t.Helper()
	seconds, err := p.Spent()
	if err != nil {
		t.Fatal(err)
	}
	return seconds
}

func TestAWatchTellsWhichProgramHasWorked(t *testing.T) {
	idle := exec.CommandContext(t.Context(), "sleep", "3600")
	if err := idle.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idle.Wait() }) // the end of its context has ended it
	got := used(t, func() { work(t, 0.2) },
		cputime.Program{Name: "this", PID: os.Getpid()}, cputime.Program{Name: "idle", PID: idle.Process.Pid})
	if got["this"] < 0.2 || got["machine"] < 0.15 || got["watched"] < 0.1 {
		t.Errorf("got %v, want 0.2 s of this program", got)
	}
	if got["idle"] > 0.05 {
		t.Errorf("got %v, want nothing of the idle one", got)
	}
}

func TestAWatchThatWasNotStoppedTellsNothing(t *testing.T) {
	watch := cputime.NewWatch(nil)
	watch.Start()
	if cpu, err := watch.Used(); cpu != nil || err != nil {
		t.Errorf("got %+v, %v", cpu, err)
	}
}

func TestAProgramThatHasEndedIsAnError(t *testing.T) {
	ended := exec.CommandContext(t.Context(), "true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	watch := cputime.NewWatch([]cputime.Program{{Name: "true", PID: ended.Process.Pid}})
	watch.Start()
	watch.Stop()
	if _, err := watch.Used(); err == nil {
		t.Error("no error")
	}
}

func TestTheMachinesTimeGoesOn(t *testing.T) {
	before, err := cputime.ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(50 * time.Millisecond)
	after, err := cputime.ThisMachine()
	if err != nil || after.All <= before.All || after.Busy+after.Idle > after.All {
		t.Errorf("got %+v after %+v, %v", after, before, err)
	}
}
