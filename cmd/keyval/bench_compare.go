package main

import (
	"errors"
	"fmt"

	"github.com/buntime/keyval/bench/compare"
	measurement "github.com/buntime/keyval/bench/result"
)

type benchCompareCmd struct {
	A         string  `arg:"" placeholder:"A.json" help:"What was measured before."`
	B         string  `arg:"" placeholder:"B.json" help:"What was measured after."`
	Threshold float64 `default:"5" placeholder:"PERCENT" help:"How much slower B may be before it counts as a regression."`
}

// Help is what --help says beside the flags.
func (benchCompareCmd) Help() string {
	return `A verdict needs 3 runs of each, measured with --repeat 3; with 5 or more it assumes less and finds smaller differences. Of one run each, of 4 seconds or more, the seconds are compared: that cannot tell a change from a drift of the machine.`
}

// errRegression makes the exit code that of a failure. What cannot be judged is neither good
// nor bad: it has the other one.
var errRegression = errors.New("a regression")

func (c *benchCompareCmd) Run(from *layers, p process) error {
	if !(c.Threshold >= 0) {
		return from.badSetting("threshold", fmt.Sprintf("%v is below 0; use a number of per cent such as 5", c.Threshold))
	}
	a, err := readResult(c.A)
	if err != nil {
		return err
	}
	b, err := readResult(c.B)
	if err != nil {
		return err
	}
	comparison := compare.Files(a, b, c.Threshold)
	if err := comparison.Text(p.stdout); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err) // exit code 1 is kept for a regression
	}
	switch {
	case comparison.Regressed():
		return fmt.Errorf("%w: %s is slower than %s by more than %g %%", errRegression, c.B, c.A, c.Threshold)
	case comparison.Undecided():
		return fmt.Errorf("%w: not everything could be compared: measure both alike, each with --repeat 5", errUsage)
	}
	return nil
}

// readResult's errors are those of a command line that names the wrong file: exit code 1 is
// kept for a regression.
func readResult(path string) (measurement.File, error) {
	file, err := measurement.ReadFile(path)
	if err != nil {
		return measurement.File{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	return file, nil
}
