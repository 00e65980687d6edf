package bench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"strings"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/workload"
)

// A series is the runs of one opened workload.
type series struct {
	Config
	workload workload.Workload
}

// run prepares, measures each load, and cleans up whatever came of it.
func (s series) run(ctx context.Context) (runs []result.Run, err error) {
	defer func() { err = errors.Join(err, s.clean(ctx)) }()
	if err := s.workload.Prepare(ctx, s.Observer.Preparing); err != nil {
		return nil, unlessEnded(ctx, fmt.Errorf("preparing: %w", err))
	}
	for settings := range s.loads() {
		if ctx.Err() != nil {
			return runs, nil
		}
		run, err := s.measure(ctx, settings)
		if err != nil {
			return runs, unlessEnded(ctx, err)
		}
		if run.Seconds > 0 { // else it ended before anything was measured
			runs = append(runs, run)
			s.Observer.Ran(run)
		}
	}
	return runs, nil
}

// loads are the settings of the runs in their order: a repeat comes after all loads have
// had their turn, so that what drifts on the machine does not look like one of them.
func (s series) loads() iter.Seq[result.Settings] {
	rates := s.Rates
	if len(rates) == 0 {
		rates = []float64{0}
	}
	return func(yield func(result.Settings) bool) {
		for range max(s.Repeat, 1) {
			for _, connections := range s.Connections {
				for _, rate := range rates {
					if !yield(s.settings(connections, rate)) {
						return
					}
				}
			}
		}
	}
}

func (s series) settings(connections int, rate float64) result.Settings {
	told := workload.Heeded(s.Workload, s.Settings)
	return result.Settings{
		Connections:   connections,
		Rate:          rate,
		WarmUpSeconds: s.WarmUp.Seconds(),
		Keys:          told.Keys,
		ValueBytes:    told.ValueBytes,
		Seed:          told.Seed,
		Endpoints:     len(told.URLs),
		Watchers:      told.Watchers,
		Extra:         extra(told),
	}
}

// extra are the settings that only some workloads have.
func extra(told workload.Settings) map[string]string {
	settings := map[string]string{"mix": told.Mix, "consistency": told.Consistency}
	if told.Limit > 0 {
		settings["limit"] = fmt.Sprint(told.Limit)
	}
	maps.DeleteFunc(settings, func(_, value string) bool { return value == "" })
	if len(settings) == 0 {
		return nil
	}
	return settings
}

func (s series) measure(ctx context.Context, settings result.Settings) (result.Run, error) {
	how := workload.Load(s.workload)
	how.Workers, how.Rate = settings.Connections, settings.Rate
	how.WarmUp, how.Duration = s.WarmUp, s.Duration
	how.Progress = func(p load.Progress) { s.Observer.Running(settings, p) }
	run, err := load.Run(ctx, how)
	run.Target, run.Workload, run.Settings = s.target(), s.Workload, settings
	return run, err
}

func (s series) target() string {
	if s.Target != "" {
		return s.Target
	}
	var names []string
	for _, text := range s.Settings.URLs {
		names = append(names, withoutUser(text))
	}
	return strings.Join(names, ", ")
}

// withoutUser is a URL without the name and password that may be in it.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a server"
	}
	u.User = nil
	return u.String()
}

// unlessEnded is err, or nil if that came of the series' end.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
