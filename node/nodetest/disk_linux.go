package nodetest

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// mountMemory mounts a file system in memory on dir.
func mountMemory(dir string, bytes int64) error {
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("a small disk cannot be mounted (run as root, with CAP_SYS_ADMIN): %w", ErrToolMissing)
	}
	return err
}

// unmount takes the file system away at once, whoever still uses it.
func unmount(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) }
