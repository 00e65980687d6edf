package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/harness"
	"github.com/buntime/keyval/bench/suite/page"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/internal/sleep"
)

// connections is how many requests can be under way at once, for all systems alike.
const connections = 64

// compareCmd is "make bench".
type compareCmd struct {
	options
	Without []string `sep:"none" help:"A system to leave out, by its name."`
	Only    []string `help:"These measures alone, such as put,get or \"get after put\"."`
}

// Run measures, and writes the page.
func (c compareCmd) Run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := c.publish(ctx, "compare", c.measure); err != nil || !c.wants(page.Profiled) {
		return err
	}
	return profilesCmd{c.options}.Run(ctx)
}

// check refuses names that nothing has.
func (c compareCmd) check() error {
	if err := known("system", c.Without, systems.Names()); err != nil {
		return err
	}
	measures := []string{harness.Nothing, page.AfterWriting, page.Profiled}
	for _, m := range systems.Measures() {
		measures = append(measures, m.Name)
	}
	return known("measure", c.Only, measures)
}

func known(kind string, names, all []string) error {
	for _, name := range names {
		if !slices.Contains(all, name) {
			return fmt.Errorf("there is no %s %q, only %q", kind, name, all)
		}
	}
	return nil
}

func (c compareCmd) measure(ctx context.Context, s *session) (err error) {
	if c.wants(harness.Nothing) {
		if err := s.harness(ctx); err != nil {
			return err
		}
	}
	all, err := s.start(ctx, c.systems())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	s.expect(c, all)
	for _, m := range c.measures() {
		if err := s.compare(ctx, m, all); err != nil {
			return err
		}
	}
	if !c.wants(page.AfterWriting) {
		return nil
	}
	return s.afterWriting(ctx, all)
}

// systems are those that are to be measured, measures what each of them has turns in.
func (c compareCmd) systems() []systems.System {
	return slices.DeleteFunc(systems.All(), func(s systems.System) bool { return slices.Contains(c.Without, s.Name) })
}

func (c compareCmd) measures() []systems.Measure {
	return slices.DeleteFunc(systems.Measures(), func(m systems.Measure) bool { return !c.wants(m.Name) })
}

// wants tells whether a measure is to be taken.
func (c compareCmd) wants(measure string) bool {
	return len(c.Only) == 0 || slices.Contains(c.Only, measure)
}

// harness measures what the harness costs, while nothing else runs yet.
func (s *session) harness(ctx context.Context) error {
	s.left += 2 * s.Rounds
	for round := range s.Rounds {
		runs, err := harness.Round(ctx, s.Source)
		if err != nil {
			return err
		}
		for _, run := range runs {
			run.Settings.Extra[turns.Round] = fmt.Sprint(round + 1)
			s.took(run)
		}
		s.keep(runs)
	}
	return nil
}

// expect counts the turns to come.
func (s *session) expect(c compareCmd, all running) {
	for _, m := range c.measures() {
		for _, one := range all {
			if one.Takes(m.Name) {
				s.left += s.Rounds
			}
		}
	}
	if c.wants(page.AfterWriting) {
		s.left += afterRounds * 2 * (1 + len(page.Delays()))
	}
}

// compare has all systems that can do it do one measure.
func (s *session) compare(ctx context.Context, m systems.Measure, all running) (err error) {
	var of []turns.Turn
	defer func() {
		for _, turn := range of {
			err = errors.Join(err, turn.Workload.Clean(context.WithoutCancel(ctx)))
		}
	}()
	for _, one := range all {
		if !one.Takes(m.Name) {
			continue
		}
		w, err := one.Open(m.Name, m.Size)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", one.Name, m.Name, err)
		}
		of = append(of, turns.Turn{Target: one.Name, Measure: m.Name, Workload: w, Settings: m.Settings(), Programs: one.Programs})
		if err := w.Prepare(ctx, func(float64) {}); err != nil {
			return fmt.Errorf("%s: prepare %s: %w", one.Name, m.Name, err)
		}
	}
	return s.take(ctx, of)
}

const (
	// afterRounds is how often the curve after writing is taken: half a minute each time,
	// for each of two systems.
	afterRounds = 2
	// afterEach is how long is looked each time.
	afterEach = time.Second
	// burst is how long is written before.
	burst = 4 * time.Second
)

// afterWriting measures GET right after a burst of PUT, and later, which a replica that has
// fallen behind makes slower.
func (s *session) afterWriting(ctx context.Context, all running) error {
	for round := range afterRounds {
		for _, one := range all {
			if one.Name != systems.OnSqld && one.Name != systems.NameDeno {
				continue
			}
			turns.Settle(s.Settle)(ctx)
			if err := s.afterBurst(ctx, one, round); err != nil {
				return fmt.Errorf("%s: after writing: %w", one.Name, err)
			}
		}
	}
	return nil
}

func (s *session) afterBurst(ctx context.Context, one started, round int) error {
	size := systems.Measures()[0]
	put, err := open(ctx, one, systems.Put, size.Size)
	if err != nil {
		return err
	}
	get, err := open(ctx, one, systems.Get, size.Size)
	if err != nil {
		return err
	}
	if err := s.burst(ctx, one, put, size, burst, nil); err != nil {
		return err
	}
	ended := time.Now()
	for _, delay := range page.Delays() {
		sleep.For(ctx, time.Until(ended.Add(time.Duration(delay)*time.Second)))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		extra := map[string]string{page.After: fmt.Sprint(delay), turns.Round: fmt.Sprint(round + 1)}
		if err := s.burst(ctx, one, get, size, afterEach, extra); err != nil {
			return err
		}
	}
	return errors.Join(put.Clean(ctx), get.Clean(ctx))
}

// burst is one run without a warm-up; the one without extra settings is not kept.
func (s *session) burst(ctx context.Context, one started, w workload.Workload, m systems.Measure, long time.Duration, extra map[string]string) error {
	how := workload.Load(w)
	how.Workers, how.Duration = connections, long
	run, err := turns.Run(ctx, how, one.Programs)
	if err != nil {
		return err
	}
	run.Target, run.Workload, run.Settings = one.Name, page.AfterWriting, m.Settings()
	if run.Settings.Extra = extra; extra != nil {
		s.keep([]result.Run{run})
	} else {
		run.Workload = "put before"
	}
	s.took(run)
	return nil
}

func open(ctx context.Context, one started, measure string, size systems.Size) (workload.Workload, error) {
	w, err := one.Open(measure, size)
	if err != nil {
		return nil, err
	}
	return w, w.Prepare(ctx, func(float64) {})
}
