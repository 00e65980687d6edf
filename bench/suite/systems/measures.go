package systems

import (
	"errors"
	"fmt"
)

// listed is how many entries a list asks for.
const listed = 100

// errCheckFailed is a check that did not hold though only one worker writes its key.
var errCheckFailed = errors.New("a check did not hold")

// errMissing is a key or message that must be there.
var errMissing = errors.New("what was written is missing")

// versions are what a worker knows of its own keys: each is written in turn, if it is still
// as the worker left it. V is a system's version of a key.
type versions[V any] struct {
	keys  []int
	known map[int]V
	next  int
}

func newVersions[V any](s Size, worker int) *versions[V] {
	return &versions[V]{keys: mine(s, worker), known: make(map[int]V)}
}

// take returns the next key, and its version if it is known. Until set tells another it is
// not: a write that failed may have happened.
func (v *versions[V]) take() (key int, version V, known bool) {
	key = v.keys[v.next%len(v.keys)]
	v.next++
	version, known = v.known[key]
	delete(v.known, key)
	return key, version, known
}

func (v *versions[V]) set(key int, version V) { v.known[key] = version }

// unknown is the error of a system that was asked for what it does not take.
func unknown(system, measure string) error {
	return fmt.Errorf("%s does not take %q", system, measure)
}
