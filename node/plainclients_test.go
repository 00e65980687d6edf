package node_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
)

// plainQueue is the queue of the plain clients.
const plainQueue = "plain"

// plainClients put, get, enqueue and ack, and note what comes of it.
type plainClients struct {
	c     *client.Client
	begun time.Time
	// registers are judged by their history, messages by their ledger.
	registers *history
	messages  *ledger
	stop      context.CancelFunc
	work      sync.WaitGroup

	mu       sync.Mutex // covers outcomes
	outcomes []outcome
}

// An outcome is what came of one request.
type outcome struct {
	what         string
	begun, ended time.Time
	err          error
}

// startPlainClients has so many of them at work until stop, or the test's end.
func startPlainClients(t *testing.T, c *client.Client, clients int) *plainClients {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := &plainClients{c: c, begun: time.Now(), registers: &history{begun: time.Now()}, messages: newLedger(), stop: stop}
	t.Cleanup(p.rest)
	for id := range clients {
		p.work.Go(func() { p.live(ctx, id) })
	}
	return p
}

// rest ends the work and waits for what is under way: a request that was begun is
// waited for, or its outcome would be unknown.
func (p *plainClients) rest() {
	p.stop()
	p.work.Wait()
}

func (p *plainClients) live(ctx context.Context, id int) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := int64(1); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch lasting := context.WithoutCancel(ctx); n % 4 {
		case 0:
			p.write(lasting, id, int64(id+1)*1_000_000+n)
		case 1:
			p.read(lasting, id)
		case 2:
			p.enqueue(lasting, n)
		case 3:
			p.dequeue(lasting)
		}
	}
}

// did does one request and notes its outcome.
func (p *plainClients) did(what string, request func() error) error {
	o := outcome{what: what, begun: time.Now()}
	o.err = request()
	o.ended = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcomes = append(p.outcomes, o)
	return o.err
}

func (p *plainClients) write(ctx context.Context, id int, value int64) {
	in := registerInput{key: p.register(), write: true, value: value}
	p.registers.do(id, in, func() (int64, error) {
		return 0, p.did("PUT", func() error { return typed{Client: p.c}.put(ctx, in.key, value) })
	})
}

func (p *plainClients) read(ctx context.Context, id int) {
	in := registerInput{key: p.register()}
	p.registers.do(id, in, func() (value int64, err error) {
		err = p.did("GET", func() error {
			value, err = typed{Client: p.c, strong: true}.get(ctx, in.key)
			return err
		})
		return value, err
	})
}

// register is one of the two of this second. A write whose outcome is unknown may
// happen at any time: the checker is not to try that for the whole run.
func (p *plainClients) register() string {
	return fmt.Sprintf("register-%d-%d", int(time.Since(p.begun)/time.Second), rand.N(2))
}

func (p *plainClients) enqueue(ctx context.Context, n int64) {
	_ = p.did("enqueue", func() error {
		// However many answers to a dequeue are lost.
		result, err := p.c.Enqueue(ctx, plainQueue, n, client.MaxAttempts(1000))
		if err == nil {
			p.messages.wasEnqueued(result.ID)
		}
		return err
	})
}

// dequeue takes a message and acks it.
func (p *plainClients) dequeue(ctx context.Context) {
	var taken []api.Message
	begun := time.Now()
	_ = p.did("dequeue", func() (err error) {
		taken, err = p.c.Dequeue(ctx, plainQueue)
		return err
	})
	for _, m := range taken {
		p.messages.wasTaken(m.ID, begun)
		p.ack(ctx, m)
	}
}

// ack says that a message is done until it is told that it is.
func (p *plainClients) ack(ctx context.Context, m api.Message) {
	unknown := false
	for {
		err := p.did("ack", func() error {
			err := p.c.Ack(ctx, m)
			if unknown && errors.Is(err, api.LockLost) {
				return nil // the one before has happened
			}
			return err
		})
		switch {
		case err == nil:
			p.messages.wasAcked(m.ID, unknown)
			return
		case !refusedForNow(err):
			return
		}
		unknown = unknown || !errors.Is(err, api.Unavailable)
		<-time.After(10 * pace)
	}
}

// refusedForNow tells whether a node has answered 503.
func refusedForNow(err error) bool {
	var answer *api.Error
	return errors.As(err, &answer) && answer.Code.Status() == http.StatusServiceUnavailable
}

// A ledger notes what became of messages.
type ledger struct {
	mu       sync.Mutex // covers what follows
	enqueued map[string]bool
	acked    map[string]time.Time
	wrong    []string
}

func newLedger() *ledger {
	return &ledger{enqueued: map[string]bool{}, acked: map[string]time.Time{}}
}

func (l *ledger) wasEnqueued(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enqueued[id] = true
}

// wasTaken notes a message of a dequeue that was begun then.
func (l *ledger) wasTaken(id string, begun time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, acked := l.acked[id]; acked && at.Before(begun) {
		l.wrong = append(l.wrong, fmt.Sprintf("message %s was delivered after it was acked", id))
	}
}

// wasAcked notes that a message is done; perhaps by an earlier ack, without an answer.
func (l *ledger) wasAcked(id string, perhaps bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, acked := l.acked[id]; acked && !perhaps {
		l.wrong = append(l.wrong, fmt.Sprintf("message %s was acked twice", id))
	}
	l.acked[id] = time.Now()
}

// mustBeAcked takes what is still there and fails the test unless every message whose
// enqueuing was answered is acked.
func (p *plainClients) mustBeAcked(t *testing.T) {
	t.Helper()
	await.That(t, "nothing is left in the queue", func() bool {
		p.dequeue(t.Context())
		stats, err := p.c.QueueStats(t.Context(), plainQueue)
		return err == nil && stats.Total == 0
	})
	l := p.messages
	for id := range l.enqueued {
		if _, acked := l.acked[id]; !acked {
			l.wrong = append(l.wrong, fmt.Sprintf("message %s was lost", id))
		}
	}
	for _, wrong := range l.wrong {
		t.Error(wrong)
	}
	t.Logf("%d messages enqueued, %d acked", len(l.enqueued), len(l.acked))
	if len(l.enqueued) == 0 {
		t.Error("no message was enqueued")
	}
}
