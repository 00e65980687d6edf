// Package wholefile replaces files so that there is always one: the old or the new.
package wholefile

import (
	"os"
	"path/filepath"
)

// Replace puts content in the place of the file at path, or makes it. Who reads it
// meanwhile reads the old or the new content, also after a power cut. The new file is its
// maker's alone, mode 0600, unless ready, if it is not nil, makes it something else before
// it is in its place.
func Replace(path string, content []byte, ready func(*os.File) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	defer file.Close()
	if ready != nil {
		if err := ready(file); err != nil {
			return err
		}
	}
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}
