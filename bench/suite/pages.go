package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/buntime/keyval/bench/plot"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/section"
	"github.com/buntime/keyval/bench/suite/page"
)

// pagesCmd writes pages without measuring.
type pagesCmd struct{ options }

// Run writes what there are results of.
func (c pagesCmd) Run() error { return writePages(c.options) }

// writePages writes the sections and pictures of everything that was measured; what was not
// stays as it is.
func writePages(o options) error {
	var errs []error
	for _, of := range []struct {
		results, page string
		make          func(result.File) page.Content
	}{
		{"compare", "performance.md", page.Performance},
		{"compare", "../README.md", page.Readme},
		{"profiles", "performance.md", page.Profile},
		{"scaling", "scaling.md", page.Scaling},
		{"keys", "scaling.md", page.Keys},
	} {
		file, err := result.ReadFile(o.file(of.results))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = o.write(of.page, of.make(file))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (o options) write(name string, content page.Content) error {
	path := filepath.Join(o.Source, "docs", name)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	rewritten := string(text)
	for _, part := range content.Sections {
		if rewritten, err = section.Rewrite(rewritten, part.Name, part.Body); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for picture, drawn := range content.Pictures {
		if err := o.draw(picture, drawn); err != nil {
			return err
		}
	}
	fmt.Println("wrote", path)
	return os.WriteFile(path, []byte(rewritten), 0o644)
}

// draw writes a picture, if there is anything to show.
func (o options) draw(name string, picture page.Picture) error {
	svg, err := picture.SVG()
	if errors.Is(err, plot.ErrNothing) {
		return nil
	}
	if err != nil {
		return err
	}
	dir := filepath.Join(o.Source, "docs", "plots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".svg"), svg, 0o644)
}
