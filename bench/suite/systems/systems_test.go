package systems_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/node/nodetest"
)

// source is keyval's module, from here.
const source = "../../.."

// TestEverySystemDoesWhatItTakes starts each as "make bench" does, one after the other, and
// has two workers do every measure until they have done some.
func TestEverySystemDoesWhatItTakes(t *testing.T) {
	host, err := systems.NewHost(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, host.Close()) })
	for _, system := range systems.All() {
		t.Run(system.Name, func(t *testing.T) { tryAll(t, system, host) })
	}
}

func tryAll(t *testing.T, system systems.System, host *systems.Host) {
	program, version, err := system.Version(t.Context(), host)
	if errors.Is(err, nodetest.ErrToolMissing) && os.Getenv("KEYVAL_REQUIRE_TOOLS") == "" {
		t.Skip("SKIPPED, nothing was tested: ", err)
	}
	check(t, err)
	if program == "" || version == "" {
		t.Errorf("got version %q of program %q, want both", version, program)
	}
	instance, err := system.Start(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { check(t, instance.Close()) }()
	if len(instance.Programs) == 0 {
		t.Error("nobody knows what it consists of")
	}
	for _, m := range systems.Measures() {
		if system.Takes(m.Name) {
			t.Run(m.Name, func(t *testing.T) { try(t, instance, m) })
		}
	}
}

// try works in a small place until something was done.
func try(t *testing.T, instance *systems.Instance, m systems.Measure) {
	m.Connections, m.Keys = 2, 200
	if m.Watchers > 0 {
		m.Watchers = 3
	}
	w, err := instance.Open(m.Name, m.Size)
	if err != nil {
		t.Fatal(err)
	}
	// Its own context: that of the test has ended when this is done.
	defer func() { check(t, w.Clean(context.WithoutCancel(t.Context()))) }()
	if err := w.Prepare(t.Context(), func(float64) {}); err != nil {
		t.Fatal(err)
	}
	for done := int64(0); done == 0; {
		run, err := load.Run(t.Context(), load.Config{
			Operations: w.Operations(), Workers: 2, New: w.Worker, Duration: 100 * time.Millisecond,
			Failure: workload.Failure,
		})
		if err != nil {
			t.Fatal(err)
		}
		done = run.Operations[0].Count
		if failures := run.Operations[0].Failures; len(failures) > 0 {
			t.Fatalf("%d operations succeeded, these failed: %v", done, failures)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
