package queue_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/buntime/keyval/internal/leaktest"
)

// TestMain fails the package if a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	// The driver opens a second sql.DB for file: URLs, which nobody can close.
	os.Exit(leaktest.Run(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")))
}
