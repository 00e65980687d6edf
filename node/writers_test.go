package node_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
)

// clientsOfEach is how many requests each node has under way.
const clientsOfEach = 16

// TestManyNodesMayWriteToOnePrimary is also the measurement in docs/operations.md:
// KEYVAL_WRITERS=5,10,20,30 go test -v -run ManyNodesMayWrite ./node
func TestManyNodesMayWriteToOnePrimary(t *testing.T) {
	numbers, each := []int{30}, 2*time.Second
	if list := os.Getenv("KEYVAL_WRITERS"); list != "" {
		numbers, each = nil, 10*time.Second
		for field := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(field)
			if err != nil {
				t.Fatalf("KEYVAL_WRITERS: %v", err)
			}
			numbers = append(numbers, n)
		}
	}
	for _, n := range numbers {
		t.Run(fmt.Sprint(n), func(t *testing.T) { writeFromNodes(t, n, each) })
	}
}

// writeFromNodes lets so many committers write to one primary, as many nodes would:
// plain sets of different keys, and a counter that all of them add to.
func writeFromNodes(t *testing.T, nodes int, length time.Duration) {
	primary := nodetest.MustStartPrimary(t)
	stores := make([]*kv.Store, nodes)
	for i := range stores {
		cfg := node.DefaultConfig()
		cfg.LibsqlURL = primary.HTTPURL()
		db, err := node.OpenDatabase(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		stores[i] = kv.New(db, kv.Config{MaxValueBytes: 1 << 20})
	}
	until, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var mu sync.Mutex // covers the three below
	var took []time.Duration
	byNode := make([]int, nodes)
	var failures []error
	var clients sync.WaitGroup
	for i, store := range stores {
		for j := range clientsOfEach {
			clients.Go(func() {
				for k := 0; k == 0 || until.Err() == nil; k++ {
					begun := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
					_, err := store.Atomic(ctx, kv.AtomicRequest{Mutations: []kv.Mutation{{
						Type: kv.MutationSet, Key: encoded(t, fmt.Sprintf("k-%d-%d-%d", i, j, k)), Value: []byte("1"),
					}}})
					cancel()
					mu.Lock()
					if took = append(took, time.Since(begun)); err != nil {
						failures = append(failures, err)
					} else {
						byNode[i]++
					}
					mu.Unlock()
				}
			})
		}
	}
	begun := time.Now()
	clients.Wait()
	elapsed := time.Since(begun)
	slices.Sort(took)
	t.Logf("%d nodes: %.0f writes/s, p50 %v, p99 %v, worst %v, slowest node %d, fastest %d of %d writes, %d failed",
		nodes, float64(len(took))/elapsed.Seconds(), took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond),
		took[len(took)-1].Round(time.Millisecond), slices.Min(byNode), slices.Max(byNode), len(took), len(failures))
	if len(failures) > 0 {
		t.Errorf("%d writes failed, the first: %v", len(failures), failures[0])
	}
	if slices.Min(byNode) == 0 {
		t.Errorf("a node wrote nothing; writes by node: %v", byNode)
	}
	// The primary is at rest again, and serves.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := primary.Query(ctx, "UPDATE keyval_leader SET leader='after'"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func encoded(t *testing.T, part string) kv.Key {
	t.Helper()
	key, err := kv.NewKey(part)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
