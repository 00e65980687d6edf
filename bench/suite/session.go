package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
)

// session is one command's measuring: what runs, what was measured, and how much is left.
type session struct {
	options
	host     *systems.Host
	file     result.File
	versions map[string]string // of each system
	// left is how many turns are to come, and began when the first did.
	left, done int
	began      time.Time
}

// publish has a session for the length of work, and writes the pages from what was measured.
func (o options) publish(ctx context.Context, name string, work func(context.Context, *session) error) error {
	err := o.within(ctx, name, work)
	if err != nil || o.NoPages {
		return err
	}
	return writePages(o)
}

// within has a session for the length of work, and keeps what was measured, also if work
// fails.
func (o options) within(ctx context.Context, name string, work func(context.Context, *session) error) (err error) {
	fmt.Println("building keyval")
	host, err := systems.NewHost(ctx, o.Source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	version, err := host.Keyval(ctx)
	if err != nil {
		return err
	}
	s := &session{options: o, host: host, versions: map[string]string{}, began: time.Now()}
	s.file = result.File{
		Version: result.Version, Started: time.Now(), Machine: result.ThisMachine(version),
		Command: append([]string{"suite"}, os.Args[1:]...),
	}
	s.file.Machine.OS = strings.TrimSpace(s.file.Machine.OS + " " + kernel())
	worked := work(ctx, s)
	if len(s.file.Runs) == 0 {
		return worked
	}
	path, err := o.kept(name + ".json")
	if err != nil {
		return errors.Join(worked, err)
	}
	return errors.Join(worked, result.WriteFile(path, s.file))
}

// kernel is Linux's own version.
func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(release))
}

// take has turns taken, and keeps their runs.
func (s *session) take(ctx context.Context, all []turns.Turn) error {
	runs, err := turns.Take(ctx, all, turns.Config{
		Rounds: s.Rounds, WarmUp: s.WarmUp, Duration: s.each(), Settle: turns.Settle(s.Settle), Took: s.took,
	})
	s.keep(runs)
	return err
}

// keep adds runs to what was measured, with the versions of what they measured.
func (s *session) keep(runs []result.Run) {
	for _, run := range runs {
		if version := s.versions[run.Target]; version != "" {
			run.Settings.Extra["version"] = version
		}
		s.file.Runs = append(s.file.Runs, run)
	}
}

// took says what a turn has measured and how long the rest will take, by what the others took.
func (s *session) took(run result.Run) {
	s.done, s.left = s.done+1, max(0, s.left-1)
	remaining := time.Since(s.began) / time.Duration(s.done) * time.Duration(s.left)
	one := turns.Runs{run}
	failures := ""
	if failed, all := one.Failed(); failed > 0 {
		failures = fmt.Sprintf(", %d of %d failed", failed, all)
	}
	fmt.Printf("%-42s %-14s %9.0f/s  p50 %6.2f ms  p99 %7.2f ms%s  (%d turns left, about %s)\n",
		run.Target, run.Workload, one.Rate().Median, one.Percentile(50).Median/1e6, one.Percentile(99).Median/1e6,
		failures, s.left, remaining.Round(time.Second))
}
