//go:build !linux

package nodetest

import "fmt"

func mountMemory(string, int64) error {
	return fmt.Errorf("a small disk can be mounted on Linux alone: %w", ErrToolMissing)
}

func unmount(string) error { return nil }

func isFull(error) bool { return false }
