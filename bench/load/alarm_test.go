package load

import (
	"context"
	"testing"
	"time"
)

func TestAnAlarmIsNeverEarlyAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(context.Context) alarm{
		"timer": func(ctx context.Context) alarm { return newTimer(ctx) },
		"fine":  newFineAlarm,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a := make(ctx)
			defer a.close()
			if !a.wait(-1) {
				t.Error("what is due was not")
			}
			for d := 100 * time.Microsecond; d < 20*time.Millisecond; d *= 2 {
				begun := time.Now()
				if !a.wait(d) || time.Since(begun) < d {
					t.Errorf("it rang after %v, want %v", time.Since(begun), d)
				}
			}
			time.AfterFunc(10*time.Millisecond, cancel)
			if a.wait(time.Hour) {
				t.Error("it rang after an hour")
			}
		})
	}
}
