package query

import (
	"slices"
	"strings"
	"unicode"
)

type kind int

const (
	word     kind = iota // a run of characters; also one of punctuation only
	phrase               // between quotes
	open                 // (
	closed               // )
	and                  // AND
	or                   // OR
	not                  // NOT
	near                 // NEAR(
	comma                // within NEAR
	filtered             // a column filter with its colon
	star                 // * alone
	quote                // " without another one
)

type token struct {
	kind     kind
	position int    // of its first character, from 1
	text     string // of a word or phrase
	prefix   bool   // of a word or phrase: a * follows
	initial  bool   // of a word or phrase: a ^ precedes
	columns  columns
}

// columns are numbers of columns in their order; nil is all.
type columns []int

// and returns the columns that are in both.
func (c columns) and(d columns) columns {
	if c == nil {
		return d
	}
	if d == nil {
		return c
	}
	both := columns{}
	for _, column := range c {
		if slices.Contains(d, column) {
			both = append(both, column)
		}
	}
	return both
}

// A lexer reads a text from at on. What it does not understand it takes for words.
type lexer struct {
	text   []rune
	at     int
	fields []string
	inNear bool
	tokens []token
}

func lex(text string, fields []string) []token {
	l := lexer{text: clean(text), fields: fields}
	for l.at < len(l.text) {
		l.next()
	}
	return joinPhrases(l.tokens)
}

// clean makes spaces of what FTS5 cannot take: NUL ends its text, and bytes that are not
// UTF-8 are whatever it makes of them.
func clean(text string) []rune {
	var runes []rune
	for i, r := range text {
		if r == 0 || r == unicode.ReplacementChar && !strings.HasPrefix(text[i:], "\uFFFD") {
			r = ' '
		}
		runes = append(runes, r)
	}
	return runes
}

func (l *lexer) next() {
	switch r := l.text[l.at]; {
	case unicode.IsSpace(r):
		l.at++
	case r == '(':
		l.add(open, l.at+1)
	case r == ')':
		l.inNear = false
		l.add(closed, l.at+1)
	case r == ',' && l.inNear:
		l.add(comma, l.at+1)
	case l.filter(), l.operator(), l.star():
	default:
		l.operand()
	}
}

// add appends a token that ends before the index end, and goes on there.
func (l *lexer) add(k kind, end int) *token {
	l.tokens = append(l.tokens, token{kind: k, position: l.at + 1})
	l.at = end
	return &l.tokens[len(l.tokens)-1]
}

// operator takes AND, OR, NOT or NEAR(.
func (l *lexer) operator() bool {
	end := l.run(l.at)
	k, ok := operators[string(l.text[l.at:end])]
	switch {
	case ok:
		l.add(k, end)
	case string(l.text[l.at:end]) == "NEAR" && end < len(l.text) && l.text[end] == '(':
		l.add(near, end+1)
		l.inNear = true
	default:
		return false
	}
	return true
}

var operators = map[string]kind{"AND": and, "OR": or, "NOT": not}

// star takes a * that is no part of a word.
func (l *lexer) star() bool {
	end := l.run(l.at)
	if end == l.at || strings.Trim(string(l.text[l.at:end]), "*") != "" {
		return false
	}
	l.add(star, end)
	return true
}

// operand takes a word or a phrase, with a ^ before it.
func (l *lexer) operand() {
	start, initial := l.at, false
	if l.text[start] == '^' && start+1 < len(l.text) && !unicode.IsSpace(l.text[start+1]) {
		start, initial = start+1, true
	}
	t := l.operandAt(start)
	t.initial = initial
}

func (l *lexer) operandAt(start int) *token {
	if start < len(l.text) && l.text[start] == '"' {
		return l.phraseAt(start)
	}
	end := l.run(start)
	text, prefix := cutStar(l.text[start:end])
	t := l.add(word, max(end, l.at+1))
	t.text, t.prefix = text, prefix
	return t
}

// phraseAt takes a phrase, or the quote alone if there is no other.
func (l *lexer) phraseAt(start int) *token {
	text, end, ok := l.quoted(start)
	if !ok {
		l.at = start
		return l.add(quote, start+1)
	}
	after := l.starsAfter(end)
	t := l.add(phrase, after)
	t.text, t.prefix = text, after > end
	return t
}

// starsAfter returns the index after the * that hangs on a phrase that ends at an index: it
// may stand apart, but not before another word.
func (l *lexer) starsAfter(end int) int {
	first := l.spaces(end)
	i := first
	for i < len(l.text) && l.text[i] == '*' {
		i++
	}
	if i == first || first > end && i < len(l.text) && isLetter(l.text[i]) {
		return end
	}
	return i
}

// quoted returns the text between the quotes from start on, where two stand for one, and
// the index after them.
func (l *lexer) quoted(start int) (text string, end int, ok bool) {
	var b strings.Builder
	for i := start + 1; i < len(l.text); i++ {
		if l.text[i] != '"' {
			b.WriteRune(l.text[i])
			continue
		}
		if i+1 == len(l.text) || l.text[i+1] != '"' {
			return b.String(), i + 1, true
		}
		b.WriteRune('"')
		i++
	}
	return "", 0, false
}

// run returns where the characters that hang together from start on end.
func (l *lexer) run(start int) int {
	i := start
	for ; i < len(l.text) && !l.endsRun(start, i); i++ {
	}
	return i
}

func (l *lexer) endsRun(start, i int) bool {
	switch r := l.text[i]; r {
	case '(', ')':
		return true
	case ',':
		return l.inNear
	case '"':
		return l.opensPhrase(start, i)
	default:
		return unicode.IsSpace(r)
	}
}

// opensPhrase tells whether a quote in a run is not an inch mark.
func (l *lexer) opensPhrase(start, i int) bool {
	if i == start || !endsWord(l.text[i-1]) {
		return true
	}
	_, operator := operators[string(l.text[start:min(i, start+len("AND")+1)])]
	return operator
}

func (l *lexer) spaces(i int) int {
	for i < len(l.text) && unicode.IsSpace(l.text[i]) {
		i++
	}
	return i
}

// joinPhrases makes one phrase of those with a + between them.
func joinPhrases(tokens []token) []token {
	var joined []token
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		for t.kind == phrase && !t.prefix && isJoin(tokens[i+1:]) {
			t.text += " " + tokens[i+2].text
			t.prefix = tokens[i+2].prefix
			i += 2
		}
		joined = append(joined, t)
	}
	return joined
}

// isJoin tells whether tokens begin with a + and a phrase.
func isJoin(tokens []token) bool {
	return len(tokens) > 1 && tokens[0].kind == word && tokens[0].text == "+" &&
		tokens[1].kind == phrase && !tokens[1].initial
}

// isLetter tells whether all of FTS5's tokenizers take the character for part of a word, as
// far as Go's tables of Unicode are FTS5's.
func isLetter(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r)
}

func isWord(text string) bool { return strings.ContainsFunc(text, isLetter) }

// endsWord tells whether the character may be the last of a word.
func endsWord(r rune) bool { return isLetter(r) || unicode.IsMark(r) }

// cutStar takes off a * that follows directly after the last word, and what is after it.
func cutStar(text []rune) (string, bool) {
	for i := len(text) - 1; i > 0; i-- {
		if endsWord(text[i-1]) {
			if text[i] == '*' {
				return string(text[:i]), true
			}
			break
		}
	}
	return string(text), false
}

// wordsIn counts words as FTS5's tokenizer unicode61 does.
func wordsIn(text string) int {
	words, inside := 0, false
	for _, r := range text {
		letter := isLetter(r) || inside && endsWord(r)
		if letter && !inside {
			words++
		}
		inside = letter
	}
	return words
}
