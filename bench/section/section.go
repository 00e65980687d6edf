// Package section is the parts of a page that are made from figures: between
// "<!-- bench:begin NAME -->" and "<!-- bench:end NAME -->", which nobody sees.
package section

import (
	"fmt"
	"strings"
)

// Rewrite puts a body into a page's section of a name. What is around it stays. A page
// without the section, or with two of them, is an error.
func Rewrite(text, name, body string) (string, error) {
	before, _, after, err := cut(text, name)
	if err != nil {
		return "", err
	}
	return before + "\n" + strings.Trim(body, "\n") + "\n" + after, nil
}

// Body is what is in a page's section of a name, without the empty lines around it.
func Body(text, name string) (string, error) {
	_, body, _, err := cut(text, name)
	return strings.Trim(body, "\n"), err
}

// cut is a page up to the end of the section's first mark, what is in it, and the rest from
// its second mark on.
func cut(text, name string) (before, body, after string, err error) {
	begin, end := "<!-- bench:begin "+name+" -->", "<!-- bench:end "+name+" -->"
	before, rest, found := strings.Cut(text, begin)
	if !found {
		return "", "", "", fmt.Errorf("there is no line %s: write it, and %s below it, where the figures belong", begin, end)
	}
	body, after, found = strings.Cut(rest, end)
	if !found {
		return "", "", "", fmt.Errorf("%s has no end: write %s below it", begin, end)
	}
	if strings.Contains(after, begin) {
		return "", "", "", fmt.Errorf("%s is there twice: remove one", begin)
	}
	return before + begin, body, end + after, nil
}
