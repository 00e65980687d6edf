// Package keys is the room of entries: read, listed, written and deleted, one by one
// and several at once.
package keys
