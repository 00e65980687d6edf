package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
)

// consume runs Consume until stop, which returns its error.
func consume(t *testing.T, c *client.Client, handler client.Handler, opts ...client.ConsumeOption) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() { ended <- c.Consume(ctx, "q", handler, opts...) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

func enqueue(t *testing.T, c *client.Client, values ...any) {
	t.Helper()
	for _, v := range values {
		must(c.Enqueue(testContext(t), "q", v, client.Backoff(time.Millisecond, time.Millisecond)))(t)
	}
}

func left(t *testing.T, c *client.Client) api.QueueStats {
	t.Helper()
	return must(c.QueueStats(testContext(t), ""))(t)
}

func TestAWorkerHandlesEveryMessageOnce(t *testing.T) {
	c, _ := startClient(t)
	var mu sync.Mutex
	seen := map[string]int{}
	stop := consume(t, c, func(_ context.Context, m api.Message) error {
		mu.Lock()
		defer mu.Unlock()
		seen[string(m.Value)]++
		return nil
	}, client.Concurrency(8))
	const messages = 100
	for i := range messages {
		enqueue(t, c, i)
	}
	await.That(t, "the queue is empty", func() bool { return left(t, c).Total == 0 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	for i := range messages {
		if got := seen[fmt.Sprint(i)]; got != 1 {
			t.Errorf("message %d was handled %d times", i, got)
		}
	}
}

func TestAWorkerHandlesAsManyAtOnceAsItIsTold(t *testing.T) {
	c, n := startClient(t)
	var running, most atomic.Int32
	all := make(chan struct{})
	together := sync.OnceFunc(func() { close(all) })
	consume(t, c, func(context.Context, api.Message) error {
		now := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		if now == 3 {
			together()
		}
		<-all
		return nil
	}, client.Concurrency(3))
	enqueue(t, c, 1, 2, 3, 4)
	await.That(t, "the queue is empty", func() bool { return left(t, c).Total == 0 })
	if got := most.Load(); got != 3 {
		t.Errorf("%d handlers at once, want 3", got)
	}
	for _, r := range n.seen() {
		if max := r.URL.Query().Get("max"); r.URL.Path == "/queue/dequeue" && !slices.Contains([]string{"1", "2", "3"}, max) {
			t.Errorf("asked for %s messages with at most 3 idle handlers", max)
		}
	}
}

func TestAFailedMessageComesAgainAndThenIsDead(t *testing.T) {
	c, _ := startClient(t)
	var attempts []int
	consume(t, c, func(_ context.Context, m api.Message) error {
		attempts = append(attempts, m.Attempts)
		return errors.New("no luck")
	})
	must(c.Enqueue(testContext(t), "q", 1, client.MaxAttempts(3), client.Backoff(time.Millisecond)))(t)
	await.That(t, "it is dead", func() bool { return left(t, c).DLQ == 1 })
	letter := must(c.DeadLetters(testContext(t), client.DeadLetterPage{}))(t)[0]
	if letter.ErrorMessage != "no luck" || !slices.Equal(attempts, []int{1, 2, 3}) {
		t.Errorf("dead of %q after attempts %v", letter.ErrorMessage, attempts)
	}
}

func TestAPanicIsAFailure(t *testing.T) {
	c, _ := startClient(t)
	var attempts atomic.Int32
	consume(t, c, func(context.Context, api.Message) error {
		if attempts.Add(1) == 1 {
			panic("oh")
		}
		return client.Permanent(errors.New("enough"))
	})
	enqueue(t, c, 1)
	await.That(t, "it is dead", func() bool { return left(t, c).DLQ == 1 })
	if got := attempts.Load(); got != 2 {
		t.Errorf("%d attempts, want 2", got)
	}
}

func TestAPermanentFailureIsDeadAtOnce(t *testing.T) {
	c, _ := startClient(t)
	var attempts atomic.Int32
	consume(t, c, func(context.Context, api.Message) error {
		attempts.Add(1)
		return fmt.Errorf("order 7: %w", client.Permanent(errors.New("bad address")))
	})
	enqueue(t, c, 1)
	await.That(t, "it is dead", func() bool { return left(t, c).DLQ == 1 })
	if got := attempts.Load(); got != 1 {
		t.Errorf("%d attempts, want 1", got)
	}
}

func TestRetryInReplacesTheBackoffStep(t *testing.T) {
	c, _ := startClient(t)
	consume(t, c, func(_ context.Context, m api.Message) error {
		if m.Attempts == 1 {
			return client.RetryIn(time.Millisecond, errors.New("not yet"))
		}
		return nil
	})
	must(c.Enqueue(testContext(t), "q", 1, client.Backoff(time.Hour)))(t)
	await.That(t, "it was retried", func() bool { return left(t, c).Total == 0 })
}

func TestTheLockIsRenewedWhileTheHandlerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := inMemoryClient(t)
		const lock = 150 * time.Millisecond
		var deliveries atomic.Int32
		stop := consume(t, c, func(ctx context.Context, _ api.Message) error {
			deliveries.Add(1)
			select {
			case <-time.After(4 * lock):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}, client.Lock(lock), client.Concurrency(2))
		enqueue(t, c, 1)
		await.That(t, "it is done", func() bool { return left(t, c).Total == 0 })
		if err := stop(); err != nil || deliveries.Load() != 1 {
			t.Errorf("%d deliveries, error %v; want 1", deliveries.Load(), err)
		}
	})
}

func TestALostLockEndsTheHandler(t *testing.T) {
	for name, f := range map[string]fault{
		"taken away":     refusing(api.LockLost, 0),
		"cannot be kept": refusing(api.Unavailable, 0),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, n := inMemoryClient(t)
				n.spoilPath("/queue/extend", slices.Repeat([]fault{f}, 1000)...)
				cause := make(chan error, 1)
				consume(t, c, func(ctx context.Context, m api.Message) error {
					if m.Attempts > 1 {
						return nil
					}
					<-ctx.Done()
					cause <- context.Cause(ctx)
					return ctx.Err()
				}, client.Lock(60*time.Millisecond))
				enqueue(t, c, 1)
				if got := <-cause; !errors.Is(got, api.LockLost) {
					t.Errorf("cause %v", got)
				}
				await.That(t, "another attempt succeeds", func() bool { return left(t, c).Total == 0 })
			})
		})
	}
}

func TestStoppingLetsRunningHandlersFinish(t *testing.T) {
	c, _ := startClient(t)
	started, finish := make(chan struct{}), make(chan struct{})
	stop := consume(t, c, func(ctx context.Context, _ api.Message) error {
		close(started)
		<-finish
		return ctx.Err()
	})
	enqueue(t, c, 1)
	<-started
	enqueue(t, c, 2)
	ended := make(chan error)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		t.Fatalf("ended with %v while a handler ran", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(finish)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := left(t, c); got.Total != 1 || got.Processing != 0 {
		t.Errorf("left %+v, want the second message, untouched", got.QueueCounts)
	}
}

func TestAHandlerIsCutOffAfterTheGracePeriod(t *testing.T) {
	c, _ := startClient(t)
	started := make(chan struct{})
	stop := consume(t, c, func(ctx context.Context, _ api.Message) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	}, client.Grace(10*time.Millisecond))
	must(c.Enqueue(testContext(t), "q", 1, client.Backoff(time.Hour, time.Hour)))(t)
	<-started
	if err := stop(); err != nil {
		t.Error(err)
	}
	// Given back for now, not for the next backoff step.
	messages := must(c.Dequeue(testContext(t), "q", client.Wait(time.Minute)))(t)
	if len(messages) != 1 || messages[0].Attempts != 2 {
		t.Errorf("got %v", messages)
	}
}

func TestAnIdleWorkerStopsAtOnce(t *testing.T) {
	c, n := startClient(t)
	stop := consume(t, c, func(context.Context, api.Message) error { return nil }, client.Wait(time.Minute))
	await.That(t, "it polls", func() bool { return len(n.seen()) > 0 })
	start := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := time.Since(start); got > 30*time.Second { // much less than the poll
		t.Errorf("took %v", got)
	}
}

func TestAWorkerGoesOnAfterTrouble(t *testing.T) {
	policy := quick
	policy.MaxAttempts = 2
	c, n := startClient(t, client.WithRetry(policy))
	n.spoilPath("/queue/dequeue", refusing(api.Internal, 0), refusing(api.Timeout, 0), cutBefore, cutBefore, cutBefore,
		refusing(api.Unavailable, 0), refusing(api.Unavailable, 0), refusing(api.Unavailable, 0))
	n.spoilPath("/queue/ack", cutBefore)
	consume(t, c, func(context.Context, api.Message) error { return nil })
	enqueue(t, c, 1)
	await.That(t, "the queue is empty", func() bool { return left(t, c).Total == 0 })
}

func TestAWorkerThatIsNotAllowedEnds(t *testing.T) {
	c, n := startClient(t)
	n.spoil(refusing(api.Forbidden, 0))
	err := c.Consume(testContext(t), "q", func(context.Context, api.Message) error { return nil })
	if !errors.Is(err, api.Forbidden) {
		t.Errorf("error %v", err)
	}
}

func TestAWorkerNamesABadSetting(t *testing.T) {
	c, n := startClient(t)
	handler := func(context.Context, api.Message) error { return nil }
	for name, opt := range map[string]client.ConsumeOption{
		"concurrency": client.Concurrency(0), "lock": client.Lock(0), "grace": client.Grace(-1), "wait": client.Wait(-1),
	} {
		if err := c.Consume(testContext(t), "q", handler, opt); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := c.Consume(testContext(t), "q", nil); err == nil {
		t.Error("no handler: no error")
	}
	if got := len(n.seen()); got != 0 {
		t.Errorf("%d requests", got)
	}
}
