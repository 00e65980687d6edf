package search

import "strings"

// compile makes an expression of FTS5's of a query; "" if it has no words.
func compile(text string, _ []string) (string, error) {
	var words []string
	for _, word := range strings.Fields(text) {
		words = append(words, `"`+strings.ReplaceAll(word, `"`, `""`)+`"`)
	}
	return strings.Join(words, " "), nil
}
