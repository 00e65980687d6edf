//go:build !linux

package load

import "context"

func newFineAlarm(ctx context.Context) alarm { return newTimer(ctx) }
