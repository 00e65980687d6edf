package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/node/nodetest"
)

// A stream is cut at any byte; its client goes on after the last event that it
// has got whole. Each change must come once, in order, and the last one at the end.
func TestAStreamThatIsCutAtAnyByteGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	proxy := nodetest.MustStartFaultProxy(t, f.Listener.Addr().String())
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))

	position := f.put("p/0", `"start"`)
	const writes = 300
	var last string
	var writer sync.WaitGroup
	written := make(chan struct{})
	writer.Go(func() {
		defer close(written)
		for i := range writes {
			last = f.put(fmt.Sprintf("p/%d", i), `"`+strings.Repeat("x", i*7)+`"`)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	seen, cuts := 0, 0
	done := func() bool {
		select {
		case <-written:
			return position == last
		default:
			return false
		}
	}
	for !done() {
		if cuts < 40 {
			proxy.CutNextAnswerAfter([]byte("GET /watch"), 300+rng.IntN(20_000))
			cuts++
		}
		req, err := http.NewRequestWithContext(ctx, "GET", proxy.HTTPURL()+"/watch/prefix?prefix=p", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Last-Event-ID", position)
		answer, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			if ctx.Err() != nil {
				t.Fatalf("after %d events and %d cuts: %v", seen, cuts, ctx.Err())
			}
			continue // cut within the head
		}
		s := &eventReader{t: t, answer: answer, scanner: bufio.NewScanner(answer.Body)}
		for !done() {
			e, whole := s.read()
			if !whole {
				break
			}
			if e.name != "change" {
				continue
			}
			if e.id <= position {
				t.Fatalf("event %s comes after %s", e.id, position)
			}
			if want := fmt.Sprintf(`[{"key":["p",%d],`, seen); !strings.HasPrefix(e.data, want) && seen > 0 {
				t.Fatalf("event %d begins with %.40s, want %s", seen, e.data, want)
			}
			position = e.id
			seen++
		}
		_ = answer.Body.Close()
	}
	writer.Wait()
	if seen != writes {
		t.Errorf("events: got %d, want %d, as no key is written twice", seen, writes)
	}
	t.Logf("%d events over %d cuts", seen, cuts)
}
