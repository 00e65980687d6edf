//go:build unix && !solaris && !netbsd && !openbsd

package sqldb

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeBytes is how much room there is on the disk of a file; ok tells whether that
// is known.
func freeBytes(file string) (_ int64, ok bool) {
	var stat unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(file), &stat); err != nil {
		return 0, false
	}
	return int64(stat.Bavail) * int64(stat.Bsize), true //nolint:unconvert // their types differ by system
}
