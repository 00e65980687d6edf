package sqldb

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestANodeThatWritesAloneTakesNoBreaks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pacer
		for range 10 {
			p.committed(0, 1, time.Second)
			if wait := time.Until(p.due); wait > 0 {
				t.Fatalf("got a break of %v", wait)
			}
		}
	})
}

func TestANodeRestsAsLongAsTheTransactionsOfAllOthersButOne(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		others      int64
		took, pause time.Duration
	}{
		{1, 8 * time.Millisecond, 0},
		{2, 8 * time.Millisecond, 8 * time.Millisecond},
		{29, 8 * time.Millisecond, 224 * time.Millisecond},
		{29, time.Second, time.Second}, // never longer
	} {
		synctest.Test(t, func(t *testing.T) {
			var p pacer
			for range 10 {
				p.committed(test.others, 1, test.took)
				if p.pause != test.pause {
					t.Errorf("%d others, %v: got a break of %v, want %v", test.others, test.took, p.pause, test.pause)
				}
				if wait := time.Until(p.due); wait < test.pause/2 && test.pause > 0 || wait > test.pause*5/4 {
					t.Errorf("%d others, %v: the break ends in %v, want about %v", test.others, test.took, wait, test.pause)
				}
			}
		})
	}
}

func TestOneSlowTransactionMakesNoLongBreak(t *testing.T) {
	t.Parallel()
	var p pacer
	for range 10 {
		p.committed(3, 1, 10*time.Millisecond)
	}
	p.committed(3, 1, 50*time.Millisecond)
	if want := 2 * 20 * time.Millisecond; p.pause != want {
		t.Errorf("got %v, want %v: a quarter of the way", p.pause, want)
	}
}

func TestAGroupWithCompanyIsFollowedByAMomentToGather(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ops          int
		took, moment time.Duration
	}{
		{leastCompany - 1, time.Millisecond, 0},
		{leastCompany, time.Millisecond, 500 * time.Microsecond},
		{1000, time.Second, longestGather},
	} {
		var p pacer
		begun := time.Now()
		p.committed(0, test.ops, test.took)
		if (p.company > 0) != (test.moment > 0) {
			t.Errorf("%d operations: waits for %d", test.ops, p.company)
		}
		if early, late := begun.Add(test.moment), time.Now().Add(test.moment); p.company > 0 && (p.patience.Before(early) || p.patience.After(late)) {
			t.Errorf("%d operations in %v: waits until %v, want %v to %v", test.ops, test.took, p.patience, early, late)
		}
		if p.pause != 0 {
			t.Errorf("%d operations: got a break of %v from other nodes that there are not", test.ops, p.pause)
		}
	}
}
