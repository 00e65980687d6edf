package turns_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/cputime"
	"github.com/buntime/keyval/bench/suite/turns"
)

// spinning is a worker that uses a processor for a while, however long it takes to get one.
type spinning struct{}

func (spinning) Do(context.Context) (int, error) {
	this := cputime.Program{Name: "this", PID: os.Getpid()}
	begun, err := this.Spent()
	for now := begun; err == nil && now < begun+0.05; {
		now, err = this.Spent()
	}
	return 0, err
}

func (spinning) Close() error { return nil }

// spin is a run of that.
func spin(t *testing.T, warmUp time.Duration) result.Run {
	t.Helper()
	run, err := turns.Run(t.Context(), load.Config{
		Operations: []string{"spin"}, Workers: 1, WarmUp: warmUp, Duration: 50 * time.Millisecond,
		New: func(context.Context, int) (load.Worker, error) { return spinning{}, nil },
	}, []cputime.Program{{Name: "parent", PID: os.Getppid()}})
	if err != nil {
		t.Fatal(err)
	}
	if run.CPU == nil || len(run.CPU.Programs) != 2 || run.CPU.Programs[0].Name != turns.Client || run.CPU.Programs[1].Name != "parent" {
		t.Fatalf("got %+v, want that of the client and its parent", run.CPU)
	}
	return run
}

func TestARunKnowsWhatItTookOfTheProcessors(t *testing.T) {
	t.Parallel()
	of := turns.Runs{spin(t, 0)}
	if of.Spent(turns.Named(turns.Client)).Median == 0 || of.Cores().Median == 0 || of.Busy().Median == 0 {
		t.Errorf("got %+v, want some time of the client", of[0].CPU)
	}
}

func TestTheWarmUpIsNotPartOfThat(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	run := spin(t, time.Second)
	if most := time.Since(begun).Seconds() - 0.9; run.CPU.Seconds > most {
		t.Errorf("it was looked for %v s, want at most %v", run.CPU.Seconds, most)
	}
}

func TestTheBusiestOfSeveralIsTheOneThatWorkedMost(t *testing.T) {
	t.Parallel()
	run := measured("ours", 500)[0] // 1,000 operations
	run.CPU = cpu(2, map[string][]float64{"keyval": {0.1, 0.3, 0.2}, "client": {0.4}})
	run.CPU.Busy = 1.5
	of := turns.Runs{run}
	if got := of.Busiest("keyval").Median; got != 300 {
		t.Errorf("the busiest: got %v µs, want 300", got)
	}
	if got := of.Spent(turns.All).Median; got < 999 || got > 1001 {
		t.Errorf("all: got %v µs, want 1,000", got)
	}
	if got := of.Besides().Median; got < 0.249 || got > 0.251 {
		t.Errorf("got %v cores besides, want 0.25", got)
	}
	if got := of.Cores().Median; got < 0.499 || got > 0.501 {
		t.Errorf("got %v cores, want 0.5", got)
	}
}

func TestARunThatNobodyLookedAtHasNoProcessorTime(t *testing.T) {
	t.Parallel()
	of := measured("ours", 500)
	if of.Spent(turns.All).Of != 0 || of.Cores().Of != 0 || of.Busy().Of != 0 {
		t.Errorf("got %+v, %+v", of.Spent(turns.All), of.Cores())
	}
}
