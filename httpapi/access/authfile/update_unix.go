//go:build unix && !solaris

package authfile

import (
	"errors"
	"os"
	"syscall"
)

// lockDirectory waits for its turn to change a file in a directory. The lock is the
// directory's because the file is another one after each change; it goes with the process.
func lockDirectory(path string) (unlock func(), err error) {
	directory, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(directory.Fd()), syscall.LOCK_EX)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			_ = directory.Close()
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		}
		return func() { _ = directory.Close() }, nil
	}
}

// giveTo gives a file to the owner and group of another, and tells whether they have it.
func giveTo(file *os.File, like os.FileInfo) bool {
	owner, ok := like.Sys().(*syscall.Stat_t)
	return ok && file.Chown(int(owner.Uid), int(owner.Gid)) == nil
}
