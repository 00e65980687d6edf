package access

import "strings"

// Scope is what a token must allow for a route to be called.
type Scope string

// Those that tokens have, and the two of routes that need none of them.
const (
	Read  Scope = "read"  // entries, their lists and counts
	Write Scope = "write" // entries, and conditions on them
	Queue Scope = "queue" // messages and dead letters
	Watch Scope = "watch" // changes of entries as they happen
	Admin Scope = "admin" // the node and its cluster, never data

	Open     Scope = "open"      // needs no token
	AnyToken Scope = "any token" // needs one, whatever it may
)

// Scopes are those that a token can have.
var Scopes = []Scope{Read, Write, Queue, Watch, Admin}

// ParseScope finds a token's scope by its name.
func ParseScope(name string) (Scope, bool) {
	for _, s := range Scopes {
		if string(s) == name {
			return s, true
		}
	}
	return "", false
}

// Valid tells whether a route can ask for the scope.
func (s Scope) Valid() bool { return s == Open || s == AnyToken || s.bit() != 0 }

// bit is the scope's place in a set; 0 for those that no token has.
func (s Scope) bit() scopeSet {
	for i, known := range Scopes {
		if s == known {
			return 1 << i
		}
	}
	return 0
}

// A scopeSet has one bit for each of Scopes.
type scopeSet uint8

func setOf(scopes []Scope) scopeSet {
	var set scopeSet
	for _, s := range scopes {
		set |= s.bit()
	}
	return set
}

func (set scopeSet) String() string {
	var names []string
	for _, s := range Scopes {
		if set&s.bit() != 0 {
			names = append(names, string(s))
		}
	}
	return strings.Join(names, ", ")
}
