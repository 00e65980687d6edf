package result

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/buntime/keyval/internal/wholefile"
)

// What a file may hold, so that one that somebody else made cannot fill the memory: a whole
// day in slices of a second, for three operations, has a tenth of each.
const (
	maxBytes      = 64 << 20
	maxElements   = 1 << 21
	maxOperations = 4096
)

// ErrVersion is returned for a file of another format than Version.
var ErrVersion = errors.New("made by another version of keyval")

// ReadFile reads a file. One that is damaged, too large, or of another version is an error
// that names the file; of another version, it is ErrVersion.
func ReadFile(path string) (File, error) {
	file, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer file.Close()
	f, err := Read(file)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Read reads a file's content; see ReadFile.
func Read(r io.Reader) (File, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return File{}, err
	}
	// Whatever else it is, it has no more elements than commas.
	if len(content) > maxBytes || bytes.Count(content, []byte(",")) > maxElements {
		return File{}, fmt.Errorf("larger than what keyval bench writes: at most %d MiB and %d values are read", maxBytes>>20, maxElements)
	}
	if err := checkVersion(content); err != nil {
		return File{}, err
	}
	return decode(content)
}

// checkVersion comes before all else: what another version wrote may look like anything.
// This JSON package takes no member twice, nor by a name in other letters: what is checked
// here is what is decoded later.
func checkVersion(content []byte) error {
	var head struct {
		Version *int             `json:"version"`
		Runs    []jsontext.Value `json:"runs"`
	}
	switch err := json.Unmarshal(content, &head); {
	case err != nil:
		return fmt.Errorf("not a file of keyval bench --json: %w", err)
	case head.Version == nil:
		return errors.New(`not a file of keyval bench --json: it has no "version"`)
	case *head.Version != Version:
		return fmt.Errorf("%w: format %d, this one reads %d; measure again, or read it with that version", ErrVersion, *head.Version, Version)
	}
	return checkOperations(head.Runs)
}

// checkOperations comes before histograms are decoded: a hundred bytes of one become 200 kB.
func checkOperations(runs []jsontext.Value) error {
	operations := 0
	for i, raw := range runs {
		var run struct {
			Operations []struct{} `json:"operations"`
		}
		if err := json.Unmarshal(raw, &run); err != nil {
			return fmt.Errorf("run %d: %w", i, err)
		}
		operations += len(run.Operations)
	}
	if operations > maxOperations {
		return fmt.Errorf("%d operations in all runs; at most %d are read", operations, maxOperations)
	}
	return nil
}

func decode(content []byte) (File, error) {
	var f File
	if err := json.Unmarshal(content, &f, json.RejectUnknownMembers(true)); err != nil {
		return File{}, fmt.Errorf("not a file of keyval bench --json: %w", err)
	}
	for i, run := range f.Runs {
		if err := run.check(); err != nil {
			return File{}, fmt.Errorf("run %d (%q): %w", i, run.Workload, err)
		}
	}
	return f, nil
}

// errImpossible is what no run can have measured, but plots and statistics would choke on.
var errImpossible = errors.New("a number that nothing measures: negative, or too large")

// most is the greatest count and time that is believed; sums of all of them fit an int64.
const most = 1 << 50

func (r Run) check() error {
	if !possible(r.Seconds, r.Settings.Rate, r.Settings.WarmUpSeconds, float64(r.Settings.Connections)) {
		return errImpossible
	}
	if r.CPU != nil && !r.CPU.possible() {
		return errImpossible
	}
	for _, o := range r.Operations {
		if err := o.check(); err != nil {
			return fmt.Errorf("operation %q: %w", o.Name, err)
		}
	}
	return nil
}

func (c CPU) possible() bool {
	for _, p := range c.Programs {
		if !possible(p.Seconds) {
			return false
		}
	}
	return possible(c.Seconds, c.Busy)
}

func (o Operation) check() error {
	if !possible(float64(o.Count)) || o.Latency.Count() > most {
		return errImpossible
	}
	for _, count := range o.Failures {
		if !possible(float64(count)) {
			return errImpossible
		}
	}
	for _, s := range o.Slices {
		if !possible(s.At, s.Seconds, float64(s.Count), float64(s.Failures), float64(s.P50), float64(s.P99), float64(s.Max)) {
			return errImpossible
		}
	}
	return nil
}

func possible(numbers ...float64) bool {
	for _, n := range numbers {
		if n < 0 || n > most || math.IsNaN(n) {
			return false
		}
	}
	return true
}

// Write writes what Read reads.
func Write(w io.Writer, f File) error {
	f.Version = Version
	encoder := stdjson.NewEncoder(w)
	encoder.SetEscapeHTML(false) // a command line is to be read
	return encoder.Encode(f)
}

// WriteFile writes a file, or leaves the one that is there as it is.
func WriteFile(path string, f File) error {
	var content bytes.Buffer
	if err := Write(&content, f); err != nil {
		return err
	}
	return wholefile.Replace(path, content.Bytes(), func(file *os.File) error {
		return file.Chmod(0o644) // there is nothing secret in it
	})
}
