package sqldb

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ownerSuffix makes the name of the file that is locked by whoever owns an embedded
// database. It is not the database itself: SQLite's own locks on that would go with
// any descriptor of it that the process closes.
const ownerSuffix = "-owner"

// An OwnedError is returned by Open while another process owns an embedded database.
type OwnedError struct {
	File string
	// Pid is the owner's process id, 0 if it is not known.
	Pid int
}

func (e *OwnedError) Error() string {
	owner := "another process"
	if e.Pid != 0 {
		owner = fmt.Sprintf("process %d", e.Pid)
	}
	return fmt.Sprintf("%s has it open, and only one may: stop that one first, or use another file", owner)
}

// An owner is the hold of this process on an embedded database. It ends with the
// process, however that ends.
type owner struct{ file *os.File }

// takeFile makes this process the owner of an embedded database.
func takeFile(database string) (*owner, error) {
	for {
		file, err := os.OpenFile(database+ownerSuffix, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // others may read whose it is
		if err != nil {
			return nil, fmt.Errorf("note the owner of the database: %w", err)
		}
		locked, err := lockFile(file)
		switch {
		case err != nil:
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
		case !locked:
			defer file.Close()
			return nil, &OwnedError{File: database, Pid: pidIn(file)}
		case !isAt(file, file.Name()): // its last owner has just removed it
			_ = file.Close()
			continue
		}
		// For people; on a full disk it may be missing. Written before the old one is
		// cut off, it takes no room where there was one.
		n, _ := fmt.Fprintln(file, os.Getpid())
		_ = file.Truncate(int64(n))
		return &owner{file}, nil
	}
}

// release gives the database up. The file goes while it is still locked: who has
// opened it meanwhile finds out that it is another one.
func (o *owner) release() error {
	if o == nil {
		return nil
	}
	_ = os.Remove(o.file.Name())
	return o.file.Close()
}

func isAt(file *os.File, name string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(opened, there)
}

// pidIn is the process id that the file's owner has written, 0 if there is none yet.
func pidIn(file *os.File) int {
	text := make([]byte, 32)
	n, _ := file.ReadAt(text, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	return pid
}
