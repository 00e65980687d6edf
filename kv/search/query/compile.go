package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// MaxLength is how many bytes a query may have.
	MaxLength = 8 << 10
	// MaxWords is how many words a query may have, those of its phrases included.
	MaxWords = 256
	// MaxDepth is how deep parentheses may be nested. What stands in parentheses on the
	// right of a NOT counts as three: FTS5's parser needs as much more of its stack of 100.
	MaxDepth = 64
)

// Compile returns the expression for MATCH on a table whose columns c0, c1, … hold the
// fields in their order. It is "" if the text has no word to search for, or none in a
// column that it allows. Every error is an *Error.
func Compile(text string, fields []string) (match string, err error) {
	if len(text) > MaxLength {
		return "", wrong(utf8.RuneCountInString(text[:MaxLength])+1,
			fmt.Sprintf("A query has at most %d bytes.", MaxLength))
	}
	tokens := lex(text, fields)
	if err := countWords(tokens); err != nil {
		return "", err
	}
	n, err := parse(tokens)
	if err != nil || n == nil || n.kind == nothing {
		return "", err
	}
	var b strings.Builder
	n.write(&b)
	return b.String(), nil
}

func parse(tokens []token) (*node, error) {
	if !isExpression(tokens) {
		return parsePlain(tokens)
	}
	p := parser{tokens: tokens}
	return p.whole()
}

func countWords(tokens []token) error {
	words := 0
	for _, t := range tokens {
		words += wordsIn(t.text)
		if words > MaxWords {
			return wrong(t.position, fmt.Sprintf("A query has at most %d words.", MaxWords))
		}
	}
	return nil
}
