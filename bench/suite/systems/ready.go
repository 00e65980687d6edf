package systems

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	"github.com/buntime/keyval/node/nodetest"
)

// startTimeout is how long a program may take to answer on a busy machine.
const startTimeout = time.Minute

// starts asks again and again, until it is answered, the program has ended, or time is up.
func starts(ctx context.Context, process *nodetest.Process, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return until(ctx, process, ready)
}

// until does so for as long as ctx allows.
func until(ctx context.Context, process *nodetest.Process, ready func(context.Context) error) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-process.Exited():
			return errors.New("it has ended")
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// firstLine is what a program says of its version, without the words around it.
func firstLine(ctx context.Context, prefix, path string, args ...string) (string, error) {
	output, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	line, _, _ := strings.Cut(string(output), "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, prefix)), err
}

// versionOf asks the program that find has found for its version, the first word after a prefix.
func versionOf(program, prefix string, find func(context.Context, *Host) (string, error)) func(context.Context, *Host) (string, string, error) {
	return func(ctx context.Context, host *Host) (string, string, error) {
		path, err := find(ctx, host)
		if err != nil {
			return program, "", err
		}
		line, err := firstLine(ctx, prefix, path, "--version")
		version, _, _ := strings.Cut(line, " ")
		return program, version, err
	}
}
