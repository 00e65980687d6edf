package result_test

import (
	"runtime"
	"testing"

	"github.com/buntime/keyval/bench/result"
)

func TestAMachineIsDescribedByWhatItTells(t *testing.T) {
	got := result.ThisMachine("v1.2.3")
	if got.OS != runtime.GOOS || got.Arch != runtime.GOARCH || got.Cores < 1 || got.Go != runtime.Version() || got.Keyval != "v1.2.3" {
		t.Errorf("got %+v", got)
	}
	if runtime.GOOS == "linux" && got.MemoryBytes < 1<<20 {
		t.Errorf("memory: got %d bytes, want what /proc/meminfo says", got.MemoryBytes)
	}
}
