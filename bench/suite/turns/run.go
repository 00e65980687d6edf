package turns

import (
	"context"
	"os"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/cputime"
)

// Client is the name of this program among those of a run.
const Client = "client"

// Run loads, and reads what that takes of the processors, warm-up left out: in this program,
// which is the client, and in these others.
func Run(ctx context.Context, how load.Config, programs []cputime.Program) (result.Run, error) {
	watch := cputime.NewWatch(append([]cputime.Program{{Name: Client, PID: os.Getpid()}}, programs...))
	if how.WarmUp == 0 {
		watch.Start()
	}
	how.Progress = func(p load.Progress) {
		switch p.Elapsed {
		case how.WarmUp:
			watch.Start()
		case p.Total:
			watch.Stop()
		}
	}
	run, err := load.Run(ctx, how)
	if err != nil {
		return run, err
	}
	run.CPU, err = watch.Used()
	return run, err
}
