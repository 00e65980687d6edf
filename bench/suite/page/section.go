// Package page writes what was measured into the documentation: sections between marks, with
// tables in Markdown and pictures beside them. All of it is made from files of results, so
// that it can be made again without measuring.
package page

import (
	"fmt"
	"strings"
)

// Rewrite puts a body into the section of a page that is between
// "<!-- bench:begin NAME -->" and "<!-- bench:end NAME -->". What is around it stays. A page
// without the section, or with two of them, is an error.
func Rewrite(text, name, body string) (string, error) {
	begin, end := "<!-- bench:begin "+name+" -->", "<!-- bench:end "+name+" -->"
	before, rest, found := strings.Cut(text, begin)
	if !found {
		return "", fmt.Errorf("there is no line %s: write it, and %s below it, where the figures belong", begin, end)
	}
	_, after, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("%s has no end: write %s below it", begin, end)
	}
	if strings.Contains(after, begin) {
		return "", fmt.Errorf("%s is there twice: remove one", begin)
	}
	return before + begin + "\n" + strings.Trim(body, "\n") + "\n" + end + after, nil
}
