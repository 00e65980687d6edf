package node_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// overRate is what an address may ask in a second in these tests.
const overRate = 200

func TestAnAddressThatAsksTooMuchDoesNotKeepOthersOutNorItsOwnAcks(t *testing.T) {
	t.Parallel()
	o := mustOverload(t)
	id := o.mustTakeMessage(t)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { o.load(ctx, 20*time.Millisecond, 50) })
	await.That(t, "requests are refused", func() bool { return o.refused.Load() > 100 })
	for _, target := range []string{"/healthz", "/readyz", "/metrics/prometheus"} {
		if status := o.ask(t.Context(), o.loader, "GET", target, ""); status != 200 {
			t.Errorf("%s: got %d", target, status)
		}
	}
	if status := o.ask(t.Context(), o.loader, "POST", "/queue/ack/"+id, ""); status != 200 {
		t.Errorf("ack: got %d", status)
	}
	if status := o.ask(t.Context(), o.other, "PUT", "/keys/other", "1"); status != 200 {
		t.Errorf("another address: got %d", status)
	}
	stop()
	load.Wait()
	o.mustBeFine(t)
	await.That(t, "it is served again", func() bool {
		return o.ask(t.Context(), o.loader, "PUT", "/keys/a", "1") == 200
	})
}

// TestSoakTwoThousandRequestsASecondTooManyLeaveMemoryAndHealthAsTheyWere reports what it
// has measured.
func TestSoakTwoThousandRequestsASecondTooManyLeaveMemoryAndHealthAsTheyWere(t *testing.T) {
	nodetest.OnlyInSoak(t)
	length, _ := soaking(t)
	o := mustOverload(t)
	o.load(mustLast(t, length/12), 10*time.Millisecond, overRate/100) // warm
	before := residentBytes(t, o.NodeProcess)

	ctx, stop := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	var health, others latencies
	beside.Go(func() { health.measure(ctx, func() int { return o.ask(ctx, o.probe, "GET", "/healthz", "") }) })
	beside.Go(func() { others.measure(ctx, func() int { return o.ask(ctx, o.other, "PUT", "/keys/other", "1") }) })
	begun, loaded := time.Now(), mustLast(t, length)
	over := make(chan struct{})
	go func() {
		defer close(over)
		o.load(loaded, 10*time.Millisecond, (2000+overRate)/100)
	}()
	during := []int64{before}
	for rest(loaded, 500*time.Millisecond) == nil {
		during = append(during, residentBytes(t, o.NodeProcess))
	}
	<-over
	took, ended := time.Since(begun), time.Now()
	normal := 0
	for normal < 10 && rest(t.Context(), 10*time.Millisecond) == nil {
		if status := o.ask(t.Context(), o.loader, "PUT", "/keys/a", "1"); status == 200 {
			normal++
		} else {
			normal = 0
		}
	}
	recovered := time.Since(ended)
	stop()
	beside.Wait()
	<-time.After(time.Second)
	o.mustBeFine(t)
	t.Logf("asked %.0f a second for %v: %d served, %d refused", float64(o.served.Load()+o.refused.Load())/took.Seconds(), took.Round(time.Second), o.served.Load(), o.refused.Load())
	t.Logf("resident: %d MiB before, %d to %d MiB meanwhile, %d MiB after", before>>20, slices.Min(during)>>20, slices.Max(during)>>20, residentBytes(t, o.NodeProcess)>>20)
	t.Logf("health: %v", &health)
	t.Logf("writes of another address: %v", &others)
	t.Logf("ten writes in a row are served %v after the end", recovered.Round(time.Millisecond))
}

// An overload is a node and those who ask it from addresses of their own.
type overload struct {
	*nodetest.NodeProcess
	loader, other, probe *http.Client

	served, refused, odd atomic.Int64
	said                 atomic.Pointer[string] // what was odd
}

func mustOverload(t *testing.T) *overload {
	t.Helper()
	return &overload{
		NodeProcess: nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), Flags: []string{
			"--rate-limit-per-address", fmt.Sprint(overRate)}}),
		loader: from("127.0.0.2"), other: from("127.0.0.3"), probe: from("127.0.0.4"),
	}
}

// from is a client at one of this machine's addresses.
func from(addr string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 100}}
}

// load asks n times in each interval, without waiting for answers, until ctx ends.
func (o *overload) load(ctx context.Context, interval time.Duration, n int) {
	body := `"` + strings.Repeat("x", 1000) + `"`
	jobs := make(chan string, 10*n)
	var askers sync.WaitGroup
	for range 64 {
		askers.Go(func() {
			for target := range jobs {
				o.count(ctx, target, body)
			}
		})
	}
	begun := time.Now()
	for sent := 0; rest(ctx, interval) == nil; {
		for due := int(time.Since(begun)/interval) * n; sent < due && ctx.Err() == nil; sent++ {
			select {
			case jobs <- fmt.Sprintf("/keys/a/%d", sent%1000):
			case <-ctx.Done():
			}
		}
	}
	close(jobs)
	askers.Wait()
}

// count notes what becomes of a request: it is served, or refused as it should be.
func (o *overload) count(ctx context.Context, target, body string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, o.URL()+target, strings.NewReader(body))
	if err != nil {
		panic(err) // a bug of this test
	}
	answer, err := o.loader.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			o.note(err.Error())
		}
		return
	}
	text, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusOK:
		o.served.Add(1)
	case answer.StatusCode == http.StatusTooManyRequests && answer.Header.Get("Retry-After") == "1":
		o.refused.Add(1)
	case ctx.Err() == nil:
		o.note(fmt.Sprintf("%s, Retry-After %q: %s", answer.Status, answer.Header.Get("Retry-After"), text))
	}
}

func (o *overload) note(what string) {
	o.odd.Add(1)
	o.said.Store(&what)
}

// mustBeFine checks that all were served or refused with 429 and a Retry-After.
func (o *overload) mustBeFine(t *testing.T) {
	t.Helper()
	if n := o.odd.Load(); n > 0 {
		t.Errorf("%d requests were neither served nor refused as they should be, such as: %s", n, *o.said.Load())
	}
}

// ask is the status of an answer, 0 for none.
func (o *overload) ask(ctx context.Context, by *http.Client, method, target, body string) int {
	request, err := http.NewRequestWithContext(ctx, method, o.URL()+target, strings.NewReader(body))
	if err != nil {
		return 0
	}
	answer, err := by.Do(request)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// mustTakeMessage is the id of a message that has been delivered.
func (o *overload) mustTakeMessage(t *testing.T) string {
	t.Helper()
	if _, err := o.Client.Enqueue(t.Context(), "default", 1); err != nil {
		t.Fatal(err)
	}
	messages, err := o.Client.Dequeue(t.Context(), "default")
	if err != nil || len(messages) != 1 {
		t.Fatalf("got %d messages and %v", len(messages), err)
	}
	return messages[0].ID
}

// mustLast is a context that ends after a while.
func mustLast(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// latencies are how long the answers to one kind of request took.
type latencies struct {
	took   []time.Duration
	failed int
}

// measure asks twenty times a second.
func (l *latencies) measure(ctx context.Context, ask func() int) {
	for rest(ctx, 50*time.Millisecond) == nil {
		begun := time.Now()
		if status := ask(); status == 200 {
			l.took = append(l.took, time.Since(begun))
		} else if ctx.Err() == nil {
			l.failed++
		}
	}
}

func (l *latencies) String() string {
	if len(l.took) == 0 {
		return fmt.Sprintf("none of %d answered with 200", l.failed)
	}
	slices.Sort(l.took)
	at := func(q float64) time.Duration {
		return l.took[int(q*float64(len(l.took)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%d answers, %d others, median %v, p99 %v, longest %v", len(l.took), l.failed, at(0.5), at(0.99), at(1))
}
