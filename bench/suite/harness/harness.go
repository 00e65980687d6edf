// Package harness measures what loading a server costs, beside wrk: how many answers each gets
// from a server that does nothing, the client alone on one core, the server on another.
package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/buntime/keyval/bench/result"
)

// Nothing is the name of the measure, Own and Wrk are those of the clients.
const (
	Nothing = "no-op"
	Own     = "the harness"
	Wrk     = "wrk"
)

const (
	clients = 64
	// seconds is how long each client has its turn, of which each has two in a round.
	seconds = 1
)

// Round is one round of bench/selfcost.sh in keyval's module at source: a run of each client.
func Round(ctx context.Context, source string) ([]result.Run, error) {
	script := exec.CommandContext(ctx, filepath.Join(source, "bench", "selfcost.sh"))
	script.Env = append(os.Environ(), "ROUNDS=1", fmt.Sprint("SECONDS_EACH=", seconds), fmt.Sprint("CLIENTS=", clients))
	output, err := script.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%s: %w\n%s", script.Path, err, failed.Stderr)
	}
	if err != nil {
		return nil, err
	}
	return Parse(string(output))
}

// Parse reads what the script prints of each client:
//
//	wrk        139226/s, 7.2 µs of processor time each
//	harness    137516/s, 7.2 µs of processor time each
func Parse(output string) ([]result.Run, error) {
	var runs []result.Run
	for line := range strings.Lines(output) {
		var name string
		var rate, microseconds float64
		if n, _ := fmt.Sscanf(line, "%s %f/s, %f µs", &name, &rate, &microseconds); n == 3 {
			runs = append(runs, run(called(name), rate, microseconds))
		}
	}
	if len(runs) != 2 || runs[0].Target != Wrk || runs[1].Target != Own {
		return nil, fmt.Errorf("bench/selfcost.sh has not said what wrk and the harness did:\n%s", output)
	}
	return runs, nil
}

// called is the script's name of a client as a reader knows it.
func called(name string) string {
	if name == "harness" {
		return Own
	}
	return name
}

func run(client string, rate, microseconds float64) result.Run {
	answers := int64(rate * seconds)
	return result.Run{
		Target: client, Workload: Nothing, Seconds: seconds,
		Settings:   result.Settings{Connections: clients, Extra: map[string]string{}},
		Operations: []result.Operation{{Name: "get", Count: answers, Latency: result.NewHistogram(), Slices: []result.Slice{}}},
		CPU: &result.CPU{
			Seconds:  seconds,
			Programs: []result.Program{{Name: client, Seconds: microseconds / 1e6 * float64(answers)}},
		},
	}
}
