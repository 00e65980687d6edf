package kv

import (
	"errors"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
)

func TestAMutationThatCannotComputeWithATimeWaitsForItUnlessItsOwnOperationSetsIt(t *testing.T) {
	t.Parallel()
	kind := *MutationSum.kind()
	kind.applyTimed = nil
	value := []byte(`{"$now":true}`)
	times, err := ParseTimes(value)
	if err != nil {
		t.Fatal(err)
	}
	// Operation 2 wrote the row last, operation 1 set its time.
	row := &entryRow{value: value, times: times, timedBy: 1, op: 2}
	sum := &Mutation{Type: MutationSum, Operand: mustOperand(t, `1`)}
	for op, want := range map[int]error{1: ErrInvalidArgument, 2: sqldb.ErrNextGroup, 3: sqldb.ErrNextGroup} {
		if _, _, err := kind.compute(sum, row, op, 100); !errors.Is(err, want) {
			t.Errorf("operation %d: got %v, want %v", op, err, want)
		}
	}
}
