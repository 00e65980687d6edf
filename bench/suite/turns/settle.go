package turns

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"time"
)

const (
	// calm is the share of the processors that is left alone when nobody works.
	calm = 0.9
	// glance is how long the processors are watched for that.
	glance = 150 * time.Millisecond
)

// Settle returns when the machine has nothing left to do from the turn before, such as a
// replica that catches up, at most after limit.
func Settle(limit time.Duration) func(context.Context) {
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		again := time.NewTicker(glance)
		defer again.Stop()
		before, ok := processors()
		for ok {
			select {
			case <-again.C:
			case <-ctx.Done():
				return
			}
			var now ticks
			if now, ok = processors(); !ok || now.idleSince(before) >= calm {
				return
			}
			before = now
		}
	}
}

// ticks are what the kernel counts of all processors together.
type ticks struct{ idle, all float64 }

func (t ticks) idleSince(before ticks) float64 {
	if t.all == before.all {
		return 0
	}
	return (t.idle - before.idle) / (t.all - before.all)
}

// processors reads the first line of Linux's /proc/stat; elsewhere nothing is known.
func processors() (t ticks, ok bool) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return t, false
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	// The name, then user, nice, system, idle, iowait, and others.
	for i, field := range bytes.Fields(line) {
		n, err := strconv.ParseFloat(string(field), 64)
		if err != nil {
			continue
		}
		if t.all += n; i == 4 {
			t.idle = n
		}
	}
	return t, t.all > 0
}
