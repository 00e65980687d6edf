// Package watches is the room of changes as they happen: streams and polls.
package watches
