// Package leaktest finds the goroutines that a package's tests leave behind.
package leaktest

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"go.uber.org/goleak"
)

// Run runs the tests of a testing.M and returns the code to exit with: they fail if they
// leave a goroutine behind.
func Run(m interface{ Run() int }, known ...goleak.Option) (code int) {
	code = m.Run()
	if code == 0 {
		if err := left(known); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// left are the goroutines that are still there after a minute: those that are ending
// have their time.
func left(known []goleak.Option) (err error) {
	// The driver's idle connections live in the default transport, not in a test, and
	// some become idle only now.
	transport, _ := http.DefaultTransport.(*http.Transport)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		transport.CloseIdleConnections()
		if err = goleak.Find(known...); err == nil {
			return nil
		}
	}
	return err
}
