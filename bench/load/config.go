package load

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// validate names what is missing or makes no sense.
func (cfg Config) validate() error {
	switch {
	case len(cfg.Operations) == 0:
		return errors.New("load: Operations is empty: name at least one")
	case cfg.Workers < 1:
		return fmt.Errorf("load: Workers is %d, must be at least 1", cfg.Workers)
	case cfg.New == nil:
		return errors.New("load: New is missing: there is nobody to do the work")
	case cfg.Rate < 0, math.IsNaN(cfg.Rate), math.IsInf(cfg.Rate, 0):
		return fmt.Errorf("load: Rate is %v, must be operations a second, or 0 for a closed loop", cfg.Rate)
	case cfg.WarmUp < 0:
		return fmt.Errorf("load: WarmUp is %v, must not be negative", cfg.WarmUp)
	case cfg.Duration <= 0:
		return fmt.Errorf("load: Duration is %v, must be more than 0", cfg.Duration)
	}
	return nil
}

// open makes the workers. If one cannot be made, those before it are returned all the same.
func (cfg Config) open(ctx context.Context) ([]Worker, error) {
	workers := make([]Worker, 0, cfg.Workers)
	for i := range cfg.Workers {
		w, err := cfg.New(ctx, i)
		if err != nil {
			return workers, fmt.Errorf("open worker %d of %d: %w", i, cfg.Workers, err)
		}
		workers = append(workers, w)
	}
	return workers, nil
}

func closeAll(workers []Worker) {
	for _, w := range workers {
		_ = w.Close() // everything has been measured
	}
}

// failure is the name of a failed operation's kind.
func (cfg Config) failure(err error) string {
	if cfg.Failure == nil {
		return "failed"
	}
	return cfg.Failure(err)
}

// unreachable says whether an operation has failed because nobody was there.
func (cfg Config) unreachable(err error) bool {
	return cfg.Unreachable != nil && cfg.Unreachable(err)
}
