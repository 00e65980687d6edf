package kv

import "fmt"

// Consistency says which database a read may ask.
type Consistency int

const (
	// Session reads the replica unless its snapshot is older than what this
	// node has already answered, or than the caller's minimum.
	Session Consistency = iota
	// Strong reads the primary.
	Strong
	// Eventual reads the replica as it is.
	Eventual
)

var consistencyNames = [...]string{"session", "strong", "eventual"}

func (c Consistency) String() string { return consistencyNames[c] }

// ParseConsistency reads the name of a consistency as it stands in requests
// and settings.
func ParseConsistency(name string) (Consistency, error) {
	for c, n := range consistencyNames {
		if n == name {
			return Consistency(c), nil
		}
	}
	return 0, fmt.Errorf("%w: consistency must be session, strong or eventual", ErrInvalidArgument)
}

// ReadOptions say how fresh a read must be.
type ReadOptions struct {
	Consistency Consistency
	// Min is the oldest position that a Session read may show; "" for none.
	// One that is newer than the primary is ErrInvalidArgument.
	Min Versionstamp
}
