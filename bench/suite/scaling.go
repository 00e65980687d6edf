package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/page"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
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
		for _, d := range page.Dimensions() {
			s.left += 2 * len(d.Points) * len(d.Measures) * s.Rounds
		}
		for _, d := range page.Dimensions() {
			if c.Only != "" && c.Only != d.Name {
				continue
			}
			if err := s.scale(ctx, d); err != nil {
				return fmt.Errorf("%s: %w", d.Name, err)
			}
		}
		return nil
	})
}

// brief is one round, and short, unless $SECONDS_EACH says otherwise.
func (o options) brief() options {
	o.Rounds, o.Each = 1, min(o.Each, scalingEach)
	return o
}

// keysCmd is "make bench-keys".
type keysCmd struct{ options }

// Run measures one point that takes too long for the others.
func (c keysCmd) Run(ctx context.Context) error {
	c.options = c.brief()
	return c.publish(ctx, "keys", func(ctx context.Context, s *session) error {
		d := page.Named("keys")
		d.Points = []int{10_000_000}
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
	var all []started
	defer func() {
		for _, one := range all {
			err = errors.Join(err, one.Close())
		}
	}()
	for _, system := range systems.Keyval()[:2] {
		one, err := s.start(ctx, system)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
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
			if err := w.Prepare(ctx, func(float64) {}); err != nil {
				return fmt.Errorf("%s: prepare %d: %w", one.Name, at, err)
			}
			// Both measures have the same keys.
			prepared = true
		}
		settings := result.Settings{
			Connections: size.Connections, Keys: size.Keys, ValueBytes: size.ValueBytes, Watchers: size.Watchers, Seed: 1,
			Extra: map[string]string{page.Along: d.Name, page.At: strconv.Itoa(at)},
		}
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
