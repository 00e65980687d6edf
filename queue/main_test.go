package queue_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package if a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	// Enough for every run; more with -rapid.checks.
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
	code := m.Run()
	// The driver's idle connections live in the default transport, not in a test.
	http.DefaultClient.CloseIdleConnections()
	// The driver opens a second sql.DB for file: URLs, which nobody can close.
	opener := goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")
	if err := goleak.Find(opener); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
