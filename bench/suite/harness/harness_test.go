package harness_test

import (
	"strings"
	"testing"

	"github.com/buntime/keyval/bench/suite/harness"
	"github.com/buntime/keyval/bench/suite/turns"
)

const printed = `wrk        139226/s, 7.2 µs of processor time each
harness    137516/s, 7.3 µs of processor time each
the harness has 99 % of the rate; as much processor time would do for 98 %
`

func TestWhatTheScriptPrintsIsARunOfEachClient(t *testing.T) {
	t.Parallel()
	runs, err := harness.Parse(printed)
	if err != nil {
		t.Fatal(err)
	}
	own := turns.Runs(runs).Of(harness.Own, harness.Nothing)
	if rate := own.Rate().Median; rate != 137516 {
		t.Errorf("the harness: got %v/s, want 137,516", rate)
	}
	if spent := own.Spent(turns.All).Median; spent < 7.29 || spent > 7.31 {
		t.Errorf("the harness: got %v µs, want 7.3", spent)
	}
	if rate := turns.Runs(runs).Of(harness.Wrk, harness.Nothing).Rate().Median; rate != 139226 {
		t.Errorf("wrk: got %v/s, want 139,226", rate)
	}
}

func TestAScriptThatSaysSomethingElseIsAnError(t *testing.T) {
	t.Parallel()
	first, _, _ := strings.Cut(printed, "\n")
	for _, output := range []string{"", first, strings.Repeat(printed, 2)} {
		if _, err := harness.Parse(output); err == nil || !strings.Contains(err.Error(), "selfcost.sh") {
			t.Errorf("%q: got %v", output, err)
		}
	}
}
