package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"github.com/buntime/keyval/bench/report"
	measurement "github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/internal/wholefile"
)

// benchFiles are where a measurement is kept.
type benchFiles struct {
	JSON string `name:"json" placeholder:"FILE" help:"Write everything that was measured, for keyval bench compare."`
	HTML string `name:"html" placeholder:"FILE" help:"Write a report with plots, one page that needs nothing else."`
}

// checkFiles finds out before anything is measured what could not be kept after it.
func (f benchFiles) checkFiles(from *layers) error {
	if f.JSON != "" && filepath.Clean(f.JSON) == filepath.Clean(f.HTML) {
		return from.badSetting("html", "is the file of --json, too; name another one")
	}
	for setting, path := range map[string]string{"json": f.JSON, "html": f.HTML} {
		if path == "" {
			continue
		}
		if err := checkWritable(path); err != nil {
			return from.badSetting(setting, "cannot be written: "+err.Error())
		}
	}
	return nil
}

// room is as much as results of some minutes take.
const room = 512 << 10

// checkWritable makes and removes a file beside path, as a whole file is written.
func checkWritable(path string) error {
	if err := checkReplaceable(path); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, room))
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

// checkReplaceable refuses what a file must not be put in the place of: /dev/stdout would be
// gone for everybody.
func checkReplaceable(path string) error {
	info, err := os.Lstat(path)
	switch {
	case path == "-":
		return errors.New("- is no file; name one")
	case err != nil: // there is none yet, or making one says what is wrong
		return nil
	case info.IsDir():
		return errors.New(path + " is a directory; name a file in it")
	case !info.Mode().IsRegular():
		return errors.New(path + " is no regular file; name one, or what is not there yet")
	}
	return nil
}

func (f benchFiles) write(file measurement.File) error {
	var errs []error
	if f.JSON != "" {
		errs = append(errs, measurement.WriteFile(f.JSON, file))
	}
	if f.HTML != "" {
		errs = append(errs, writePage(f.HTML, file))
	}
	return errors.Join(errs...)
}

func writePage(path string, file measurement.File) error {
	var page bytes.Buffer
	if err := report.HTML(&page, file); err != nil {
		return err
	}
	return wholefile.Replace(path, page.Bytes(), func(file *os.File) error {
		return file.Chmod(0o644) // there is nothing secret in it
	})
}
