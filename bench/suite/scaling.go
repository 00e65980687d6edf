package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/page"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
	"github.com/buntime/keyval/bench/workload"
)

// scalingEach is how long each point is measured: there are about a hundred.
const scalingEach = 2 * time.Second

// scalingCmd is "make bench-scaling".
type scalingCmd struct {
	options
	Only string `help:"One dimension alone."`
}

// Run measures, and writes the page.
func (c scalingCmd) Run(ctx context.Context) error {
	c.options = c.brief()
	return c.publish(ctx, "scaling", func(ctx context.Context, s *session) error {
		dimensions, err := c.dimensions()
		if err != nil {
			return err
		}
		for _, d := range dimensions {
			s.left += s.turns(d)
		}
		for _, d := range dimensions {
			if err := s.scale(ctx, d); err != nil {
				return fmt.Errorf("%s: %w", d.Name, err)
			}
		}
		return nil
	})
}

// dimensions are those that are to be measured.
func (c scalingCmd) dimensions() ([]page.Dimension, error) {
	all := page.Dimensions()
	if c.Only == "" {
		return all, nil
	}
	only := slices.DeleteFunc(all, func(d page.Dimension) bool { return d.Name != c.Only })
	if len(only) == 0 {
		return nil, fmt.Errorf("there is no dimension %q", c.Only)
	}
	return only, nil
}

// turns is how many a dimension takes.
func (s *session) turns(d page.Dimension) int {
	shapes := len(alone())
	if overNodes(d) {
		shapes = 1
	}
	return shapes * len(d.Points) * len(d.Measures) * s.Rounds
}

// alone are the shapes of one node that are measured along most dimensions.
func alone() []systems.System {
	return slices.DeleteFunc(systems.Keyval(), func(one systems.System) bool {
		return one.Name != systems.Embedded && one.Name != systems.OnSqld
	})
}

// overNodes tells whether a dimension is about several nodes.
func overNodes(d page.Dimension) bool { return d.Name == "nodes" || d.Name == "watchers" }

// brief is one round, and short, unless $SECONDS_EACH says otherwise.
func (o options) brief() options {
	o.Rounds, o.Each = 1, min(o.Each, scalingEach)
	return o
}

// keysCmd is "make bench-keys".
type keysCmd struct {
	options
	Keys int `default:"10000000" help:"How many."`
}

// Run measures one point that takes too long for the others.
func (c keysCmd) Run(ctx context.Context) error {
	c.options = c.brief()
	return c.publish(ctx, "keys", func(ctx context.Context, s *session) error {
		d := page.Named("keys")
		d.Points = []int{c.Keys}
		s.left = s.turns(d)
		return s.scale(ctx, d)
	})
}

// scale measures along one dimension, with systems of its own that are empty.
func (s *session) scale(ctx context.Context, d page.Dimension) (err error) {
	switch d.Name {
	case "nodes":
		for _, nodes := range d.Points {
			if err := s.scaleNodes(ctx, d, nodes, []int{nodes}); err != nil {
				return err
			}
		}
		return nil
	case "watchers":
		return s.scaleNodes(ctx, d, 2, d.Points)
	}
	all, err := s.start(ctx, alone())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	for _, at := range d.Points {
		for _, one := range all {
			if err := s.point(ctx, d, one, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// scaleNodes measures points of so many nodes that are asked in turn, without a balancer.
func (s *session) scaleNodes(ctx context.Context, d page.Dimension, nodes int, points []int) (err error) {
	instance, err := systems.StartNodes(ctx, s.host, nodes, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	for _, at := range points {
		if err := s.point(ctx, d, started{systems.System{Name: page.OfNodes}, instance}, at); err != nil {
			return err
		}
	}
	return nil
}

// watchedRate is how many writes begin each second while watchers grow in number: each goes
// to one of them.
const watchedRate = 100

// point is one system at one point. What it writes stays: the next point overwrites it.
func (s *session) point(ctx context.Context, d page.Dimension, one started, at int) error {
	size := sized(d, at)
	prepared := false
	for _, measure := range d.Measures {
		w, err := one.Open(measure, size)
		if err != nil {
			return err
		}
		if !prepared {
			if err := s.fill(ctx, d, one, w, at); err != nil {
				return fmt.Errorf("%s: prepare %d: %w", one.Name, at, err)
			}
			// Both measures have the same keys.
			prepared = true
		}
		settings := settingsAt(d, at)
		if measure == systems.Watch {
			settings.Rate = watchedRate
		}
		err = s.take(ctx, []turns.Turn{{Target: one.Name, Measure: measure, Workload: w, Settings: settings, Programs: one.Programs}})
		if err != nil {
			return err
		}
		if measure == systems.Watch {
			// Its streams stay open until it is cleaned.
			if err := w.Clean(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// settingsAt are what is told of a point to whoever reads the result.
func settingsAt(d page.Dimension, at int) result.Settings {
	size := sized(d, at)
	return result.Settings{
		Connections: size.Connections, Keys: size.Keys, ValueBytes: size.ValueBytes, Watchers: size.Watchers, Seed: 1,
		Extra: map[string]string{page.Along: d.Name, page.At: strconv.Itoa(at)},
	}
}

// often is how often is told how far the filling is.
const often = 10 * time.Second

// fill prepares a point, and keeps how many keys a second that was if they are what grows.
func (s *session) fill(ctx context.Context, d page.Dimension, one started, w workload.Workload, at int) error {
	begun, told := time.Now(), time.Now()
	err := w.Prepare(ctx, func(done float64) {
		if time.Since(told) > often {
			told = time.Now()
			fmt.Printf("%-42s %.0f %% of %d filled\n", one.Name, 100*done, at)
		}
	})
	if err != nil || d.Name != "keys" {
		return err
	}
	s.keep([]result.Run{{
		Target: one.Name, Workload: page.Fill, Settings: settingsAt(d, at), Started: begun, Seconds: time.Since(begun).Seconds(),
		Operations: []result.Operation{{Name: page.Fill, Count: int64(at), Latency: result.NewHistogram(), Slices: []result.Slice{}}},
	}})
	return nil
}

// sized is the usual size with one dimension changed.
func sized(d page.Dimension, at int) systems.Size {
	size := systems.Size{Connections: connections, Keys: 10_000, ValueBytes: [2]int{40, 100}, Watchers: 1}
	switch d.Name {
	case "connections":
		size.Connections = at
	case "keys":
		size.Keys = at
	case "value":
		// As many bytes in all as the machine's memory takes, whatever their size.
		size.ValueBytes, size.Keys = [2]int{at, at}, min(size.Keys, max(100, 64<<20/at))
	case "watchers":
		size.Watchers = at
	}
	return size
}
