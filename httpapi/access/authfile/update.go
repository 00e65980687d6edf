package authfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/buntime/keyval/internal/wholefile"
)

// Update replaces the content of the file at path by what change makes of it, and makes
// the file, for its owner alone, where there is none. Who reads it meanwhile reads the
// old or the new content, also after a power cut; of several that update it at a time
// each sees what the others have written. An error of change leaves the file as it is.
func Update(path string, change func(content []byte) ([]byte, error)) error {
	path, err := behindLinks(path)
	if err != nil {
		return err
	}
	unlock, err := lockDirectory(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unlock()
	before, err := load(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	after, err := change(before)
	if err != nil {
		return err
	}
	return wholefile.Replace(path, after, func(file *os.File) error { return likeBefore(file, path) })
}

// behindLinks is the file itself, so that a link to it stays one. It need not be there.
func behindLinks(path string) (string, error) {
	file, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		return file, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s is a link to a file that is not there; make that file, or take the link away", path)
	}
	return path, nil
}

// likeBefore gives a file the owner and the mode of the one that it replaces. Who may not
// give files away keeps it: the mode alone must not open it to others.
func likeBefore(file *os.File, path string) error {
	before, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !giveTo(file, before) {
		return file.Chmod(before.Mode().Perm() &^ 0o077)
	}
	return file.Chmod(before.Mode().Perm())
}
