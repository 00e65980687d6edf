package workload

import (
	"math/rand/v2"
	"testing"
)

// An event that comes from the node that has committed would say nothing of the others.
func TestAWriterNeverWritesAKeyThatItsOwnEndpointWatches(t *testing.T) {
	for endpoints := 2; endpoints < 5; endpoints++ {
		for watchers := 1; watchers < 10; watchers++ {
			w := &watch{place: &place{Settings: Settings{URLs: make([]string, endpoints), Watchers: watchers}}}
			for i := range 8 {
				at := w.writesAt(i)
				writer := &watching{caller: caller{place: w.place, rand: rand.New(rand.NewPCG(1, 2))}, streams: make([]*stream, watchers), at: at}
				for range 50 {
					if n := writer.pick(); n%endpoints == at {
						t.Fatalf("%d endpoints, %d watchers: writer %d writes at %d what is watched there", endpoints, watchers, i, at)
					}
				}
			}
		}
	}
}
