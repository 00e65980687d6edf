package cluster_test

import (
	"os"
	"testing"

	"github.com/buntime/keyval/internal/leaktest"
)

// The tests wait for one another's timeouts at once. What they leave behind is one
// process's, so it is looked for when all have ended.
func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
