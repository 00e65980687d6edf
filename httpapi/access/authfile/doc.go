// Package authfile reads and edits the file of tokens: JSON with comments, which people
// write too, so that an edit leaves all that it does not change as it is.
package authfile
