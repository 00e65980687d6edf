package queue_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails the package if a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	// The driver opens a second sql.DB for file: URLs, which nobody can close.
	opener := goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")
	var err error
	for deadline := time.Now().Add(time.Minute); ; {
		// The driver's idle connections live in the default transport, not in a
		// test, and some become idle only now.
		http.DefaultClient.CloseIdleConnections()
		if err = goleak.Find(opener); err == nil || code != 0 || time.Now().After(deadline) {
			break
		}
	}
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
