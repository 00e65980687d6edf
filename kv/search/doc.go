// Package search keeps full-text indexes over entries and searches them.
//
// An index is a table of FTS5's and three triggers on the entries, which are made in the
// same transaction as its definition. From then on every statement that changes an entry at
// or below its prefix changes the index in the same transaction, whoever runs it: this
// package is not asked. Entries that were there before are indexed by Build, in batches; the
// triggers see to those that change meanwhile.
//
// It guarantees that a search in an index that is ready finds exactly what the entries of
// its snapshot hold, and that no value makes a write fail for an index's sake.
//
// It does not guarantee the order of matches that are equally relevant where there are more
// of them than it looks at; see DESIGN.md.
package search
