package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/page"
	"github.com/buntime/keyval/bench/suite/profile"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/internal/sleep"
)

// profilesCmd is what "make bench" does last.
type profilesCmd struct{ options }

// Run has nodes profile themselves while they answer GETs, and writes the page.
func (c profilesCmd) Run(ctx context.Context) error {
	return c.publish(ctx, "profiles", func(ctx context.Context, s *session) error {
		s.left = 2
		return errors.Join(s.profileGet(ctx, systems.Embedded, false), s.profileGet(ctx, systems.OnSqld, true))
	})
}

// profiled is how long a node is watched, unless it is measured for longer.
const profiled = 5 * time.Second

// profileGet keeps what a node's processor time is spent on, as the run's, and the profile
// itself beside the results.
func (s *session) profileGet(ctx context.Context, system string, sqld bool) (err error) {
	instance, profiles, err := systems.StartProfiled(ctx, s.host, sqld)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	size := systems.Measures()[0]
	w, err := open(ctx, started{systems.System{Name: system}, instance}, systems.Get, size.Size)
	if err != nil {
		return err
	}
	turns.Settle(s.Settle)(ctx)
	run, raw, err := s.whileProfiled(ctx, w, profiles)
	if err != nil {
		return err
	}
	run.Target, run.Workload, run.Settings = system, page.Profiled, size.Settings()
	if run.Settings.Extra, err = spent(raw, run); err != nil {
		return err
	}
	s.keep([]result.Run{run})
	s.took(run)
	name := "get-embedded.pprof"
	if sqld {
		name = "get-sqld.pprof"
	}
	return s.keepProfile(name, raw)
}

// keepProfile writes a profile for go tool pprof.
func (s *session) keepProfile(name string, raw []byte) error {
	path, err := s.kept(name)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}

// whileProfiled measures a workload while the node is watched, from the end of the warm-up on.
func (s *session) whileProfiled(ctx context.Context, w workload.Workload, profiles string) (run result.Run, raw []byte, err error) {
	how := workload.Load(w)
	how.Workers, how.WarmUp, how.Duration = connections, s.WarmUp, max(s.each(), profiled)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		run, err = load.Run(ctx, how)
		return err
	})
	g.Go(func() (err error) {
		sleep.For(ctx, how.WarmUp)
		raw, err = download(ctx, fmt.Sprintf("%sprofile?seconds=%.0f", profiles, how.Duration.Seconds()))
		return err
	})
	return run, raw, g.Wait()
}

func download(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, content)
	}
	return content, err
}

// spent is how many nanoseconds an operation of a run has cost the node, by parts.
func spent(raw []byte, run result.Run) (map[string]string, error) {
	p, err := profile.Read(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	operations := (turns.Runs{run}).Rate().Median * p.Lasted.Seconds()
	if operations == 0 {
		return nil, fmt.Errorf("%s: no GET succeeded while it was profiled", run.Target)
	}
	extra := map[string]string{turns.Round: "1"}
	for part, took := range p.Parts {
		extra[part] = strconv.FormatFloat(float64(took)/operations, 'f', 0, 64)
	}
	return extra, nil
}
