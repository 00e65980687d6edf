package sqldb

import (
	"testing"
	"testing/synctest"
	"time"
)

// A moment's wait makes one group of two; where there are no groups it would only cost.
func TestNobodyWaitsForCompanyThatHasATransactionOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cfg  Config
		want time.Duration
	}{
		{Config{}, longestGather},
		{Config{NoGrouping: true}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &committer{maxOps: groupBound(test.cfg), gathered: make(chan struct{}, 1)}
			c.pacer.committed(0, 2*leastCompany, time.Second)
			start := time.Now()
			c.gather(t.Context())
			if took := time.Since(start); took != test.want {
				t.Errorf("NoGrouping %v: waited for %v, want %v", test.cfg.NoGrouping, took, test.want)
			}
		})
	}
}
