package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/buntime/keyval/bench/suite/systems"
)

// started is a system that runs.
type started struct {
	systems.System
	*systems.Instance
}

// running are systems that run at the same time.
type running []started

// Close ends all of them, the last started first.
func (r running) Close() error {
	var errs []error
	for _, one := range slices.Backward(r) {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// start starts systems. If one does not start, none is left.
func (s *session) start(ctx context.Context, all []systems.System) (running, error) {
	var r running
	for _, system := range all {
		fmt.Println("starting", system.Name)
		one, err := s.startOne(ctx, system)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", system.Name, err), r.Close())
		}
		r = append(r, one)
	}
	return r, nil
}

func (s *session) startOne(ctx context.Context, system systems.System) (started, error) {
	program, version, err := system.Version(ctx, s.host)
	if err != nil {
		return started{}, err
	}
	s.versions[system.Name] = program + " " + version
	instance, err := system.Start(ctx, s.host)
	return started{system, instance}, err
}
