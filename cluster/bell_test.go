package cluster

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMergeIsAMaximumAndAUnion(t *testing.T) {
	t.Parallel()
	low, high := strings.Repeat("0", 20), strings.Repeat("f", 20)
	a := Doorbell{Position: low, Queues: []string{"x", "y"}}
	b := Doorbell{Position: high, Queues: []string{"y", "z"}}
	want := Doorbell{Position: high, Queues: []string{"x", "y", "z"}}
	if got := a.merge(b); !reflect.DeepEqual(got, want) {
		t.Errorf("merge = %+v, want %+v", got, want)
	}
	if got := b.merge(a); !reflect.DeepEqual(got, want) {
		t.Errorf("merge the other way = %+v, want %+v", got, want)
	}
	if got := want.merge(a).merge(b); !reflect.DeepEqual(got, want) {
		t.Errorf("merge again = %+v, want %+v", got, want)
	}
	if got := a.merge(Doorbell{AllQueues: true}); !got.AllQueues || got.Queues != nil || got.Position != low {
		t.Errorf("merge with all queues = %+v", got)
	}
}

func TestAMergedDoorbellFitsIntoAPacketAndIsUnderstood(t *testing.T) {
	t.Parallel()
	var d Doorbell
	for i := range 1000 {
		name := fmt.Sprintf("%s%d", strings.Repeat("q", rand.IntN(60)), i)
		d = d.merge(Doorbell{Position: fmt.Sprintf("%020x", i), Queues: []string{name}})
		p, err := json.Marshal(bell{Position: d.Position, Queues: d.Queues, AllQueues: d.AllQueues, Epoch: 1 << 60, Leader: strings.Repeat("n", 129)})
		if err != nil || len(p) > maxBell+200 {
			t.Fatalf("after %d queues: %d bytes, %v", i, len(p), err)
		}
		got, err := decodeBell(p)
		if err != nil || !reflect.DeepEqual(got.doorbell(), d) {
			t.Fatalf("decoded %+v, %v, want %+v", got, err, d)
		}
	}
	if !d.AllQueues {
		t.Error("1000 queues are still named one by one")
	}
}

func TestTheRateOfPacketsDoesNotGrowBeyondSixteenMembers(t *testing.T) {
	t.Parallel()
	for members, want := range map[int]time.Duration{1: 5, 2: 5, 17: 5, 18: 10, 30: 10, 33: 10, 34: 15} {
		b := newBells(Config{}.withDefaults(), &stats{}, func() int { return members })
		if got := b.pause(); got != want*time.Millisecond {
			t.Errorf("pause with %d members = %v, want %d ms", members, got, want)
		}
	}
}

func FuzzDecodeBell(f *testing.F) {
	f.Add([]byte(`{"p":"00010000000000010000","q":["mail"],"e":3,"l":"a.b"}`))
	f.Add([]byte(`{"p":"x"}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		b, err := decodeBell(p)
		if err != nil {
			return
		}
		if b.Position != "" && !validPosition(b.Position) {
			t.Errorf("accepted position %q", b.Position)
		}
		if d := (Doorbell{}).merge(b.doorbell()); d.Position != b.Position {
			t.Errorf("merged position %q, want %q", d.Position, b.Position)
		}
	})
}
