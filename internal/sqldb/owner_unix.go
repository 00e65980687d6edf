//go:build unix && !solaris

package sqldb

import (
	"errors"
	"os"
	"syscall"
)

// lockFile tells whether the file could be locked. The lock goes with the process.
func lockFile(file *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		}
		return err == nil, err
	}
}
