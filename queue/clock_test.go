package queue_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/queue"
)

// otherClock makes a process see another time: $CLOCK_OFFSET seconds from the
// machine's.
const otherClock = `
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void) { const char *s = getenv("CLOCK_OFFSET"); return s ? atol(s) : 0; }

int clock_gettime(clockid_t clock, struct timespec *t) {
	int r = syscall(SYS_clock_gettime, clock, t);
	if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) t->tv_sec += offset();
	return r;
}

int gettimeofday(struct timeval *t, void *zone) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *out) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (out) *out = now.tv_sec;
	return now.tv_sec;
}
`

// buildOtherClock compiles the library that a process is started with.
func buildOtherClock(t *testing.T) string {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skipf("SKIPPED, this test did not run: no C compiler: %v", err)
	}
	dir := t.TempDir()
	source, library := filepath.Join(dir, "clock.c"), filepath.Join(dir, "clock.so")
	must(t, os.WriteFile(source, []byte(otherClock), 0o600))
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("compile the other clock: %v\n%s", err, out)
	}
	return library
}

func TestOnlyTheDatabasesClockCounts(t *testing.T) {
	t.Setenv("LD_PRELOAD", buildOtherClock(t))
	for _, offset := range []time.Duration{time.Hour, -time.Hour} {
		t.Setenv("CLOCK_OFFSET", map[bool]string{true: "3600", false: "-3600"}[offset > 0])
		t.Run(offset.String(), func(t *testing.T) {
			d := database{nodetest.MustStartPrimary(t).HTTPURL()}
			n := d.node(t, seldom)
			n.enqueue(queue.Enqueue{Value: []byte(`1`), MaxAttempts: 3, Backoff: []int64{300}})
			m := n.dequeue(queue.Dequeue{Lock: queue.MaxLock})[0]
			if off := time.Until(time.UnixMilli(m.EnqueuedAt)) - offset; off.Abs() > time.Minute {
				t.Fatalf("enqueued at %d: the database's clock is not %v off", m.EnqueuedAt, offset)
			}
			n.none("default") // it is locked
			if _, err := n.Extend(timeout(t), nil, m.ID, m.Receipt, 400); err != nil {
				t.Fatal(err)
			}
			again := n.one("default")
			if again.Attempts != 2 {
				t.Errorf("attempt %d after the lock, want 2", again.Attempts)
			}
			start := time.Now()
			must(t, n.Nack(timeout(t), nil, again.ID, again.Receipt, queue.Failure{}))
			last := n.one("default")
			if took := time.Since(start); took < 300*time.Millisecond {
				t.Errorf("came back after %v, want 300 ms at least", took)
			}
			until, err := n.Extend(timeout(t), nil, last.ID, last.Receipt, 600_000)
			must(t, err)
			if left := time.Until(time.UnixMilli(until)) - offset; left > 10*time.Minute || left < 8*time.Minute {
				t.Errorf("the lock ends in %v by the database's clock, want ten minutes", left)
			}
			if swept := n.sweep(); swept != 0 {
				t.Errorf("a sweep took %d locks away", swept)
			}
			must(t, n.Ack(timeout(t), nil, last.ID, last.Receipt))

			delayed := time.Now()
			n.enqueue(queue.Enqueue{Value: []byte(`2`), Delay: 300})
			n.one("default")
			if took := time.Since(delayed); took < 300*time.Millisecond {
				t.Errorf("a delayed message came after %v", took)
			}
		})
	}
}
