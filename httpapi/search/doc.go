// Package search is the room of full-text indexes and of what is found by them.
package search
