// Package query turns what a user types into an expression for MATCH of SQLite's FTS5.
//
// What Compile returns without an error runs without an error on a table with the columns
// c0, c1, … and any of FTS5's own tokenizers. Every string in it is quoted, so that no text
// reaches FTS5's own parser; a column is named by its number only. docs/search.md
// describes the language by examples, which are this package's test.
//
// # Plain text and expressions
//
// A text is an expression if, outside of quoted phrases, it has one of
//
//   - the words AND, OR or NOT, in upper case, between spaces, parentheses or quotes,
//   - NEAR with a parenthesis directly after it,
//   - a column filter: at the start of a word the name of a field, or several in braces, and
//     a colon after it.
//
// Every other text is plain: it has no syntax errors. Its words are searched for, all of
// them; parentheses and whatever else is not understood are punctuation. In an expression
// parentheses and quotes have to be closed, operators need their operands, and a * needs a
// word before it.
//
// Both know words, "phrases", prefixes (run*, "one two thr"*), ^initial words and
// "phrases" + "joined". Words that are joined by punctuation, as in e-mail@host.com, are
// looked for next to each other, as a phrase. A quote directly after a letter or digit is an
// inch mark, not the start of a phrase.
//
// NOT binds tightest, then AND, then OR. Operands without an operator between them are meant
// to be joined by AND, and bind as AND does (in FTS5 they bind tighter than NOT).
//
// # What is a word
//
// What has a letter, a digit or a character of private use, by Go's tables of Unicode. The
// rest is punctuation and dropped, together with the operator that it is an operand of: an
// empty phrase would match nothing in FTS5, so "a AND !!!" would find nothing. FTS5's tables
// are older: a letter that is newer than they are is in no index and finds nothing. With the
// tokenizer ascii FTS5 takes every character beyond ASCII for a letter; such a one alone
// cannot be searched for.
package query
