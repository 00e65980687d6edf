package client

import (
	"fmt"
	"sync"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
)

func TestASessionNeverGoesBack(t *testing.T) {
	var s session
	if got := s.newest(); got != "" {
		t.Errorf("a new session is at %q", got)
	}
	for _, step := range []struct{ seen, want api.Versionstamp }{
		{"00000000000000020000", "00000000000000020000"},
		{"00000000000000010000", "00000000000000020000"},
		{"", "00000000000000020000"},
		{"000000000000000a0000", "000000000000000a0000"},
		{"00010000000000000000", "00010000000000000000"},
	} {
		s.seen(step.seen)
		if got := s.newest(); got != step.want {
			t.Errorf("after %q: at %q, want %q", step.seen, got, step.want)
		}
	}
}

func TestASessionIsSharedByGoroutines(t *testing.T) {
	var s session
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 250 {
				s.seen(api.Versionstamp(fmt.Sprintf("%020x", i*4+g)))
			}
		})
	}
	wg.Wait()
	if got, want := s.newest(), api.Versionstamp(fmt.Sprintf("%020x", 999)); got != want {
		t.Errorf("at %s, want %s", got, want)
	}
}
