package nodetest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A Disk is a small file system of its own, for tests that fill it. It is in memory.
type Disk struct{ dir string }

// Dir is where the disk is mounted.
func (d *Disk) Dir() string { return d.dir }

// ballast is the file that Fill writes.
func (d *Disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// Fill takes all room that is left, but for so many bytes.
func (d *Disk) Fill(but int64) error {
	file, err := os.OpenFile(d.ballast(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	_, err = io.Copy(file, endless{})
	if !isFull(err) {
		return errors.Join(fmt.Errorf("fill the disk: %w", err), file.Close())
	}
	info, err := file.Stat()
	if err == nil && but > 0 {
		err = file.Truncate(max(0, info.Size()-but))
	}
	return errors.Join(err, file.Close())
}

// Free gives the room back.
func (d *Disk) Free() error { return os.Remove(d.ballast()) }

// MustMountDisk mounts a disk of so many bytes for one test. That takes root.
func MustMountDisk(tb TB, bytes int64) *Disk {
	tb.Helper()
	d := &Disk{dir: tb.TempDir()}
	Check(tb, mountMemory(d.dir, bytes))
	tb.Cleanup(func() {
		if err := unmount(d.dir); err != nil {
			tb.Logf("unmount %s: %v", d.dir, err)
		}
	})
	return d
}

// endless is zeroes.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
