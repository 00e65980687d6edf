package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
)

// A Token is who may call the API, and what they may. Its secret is known to its holder
// alone: what is kept is a hash, from which a secret of 256 random bits cannot be guessed.
type Token struct {
	// Name is unique: logs, metrics and idempotency keys go by it.
	Name string
	// ID is the part of the secret that is no secret: it finds the token. Empty, as Hash
	// is, for one that only a client certificate of its name stands for.
	ID   string
	Hash [sha256.Size]byte
	// Scopes are what it may do, none of them implying another.
	Scopes []Scope
	// Prefixes are encoded keys: everything that the token reaches is at or below one of
	// them. Nil: all keys.
	Prefixes []string
	// Queues are the queues that it reaches. Nil: all.
	Queues []string
	// Expires is when it ends; zero for never.
	Expires time.Time
	// Limits bound how much it may ask at a time.
	Limits Limits
}

// Limits are those of one token. Zero in any of them: what the node's settings say.
type Limits struct {
	// RequestsPerSecond and Burst are the rate of its requests.
	RequestsPerSecond float64
	Burst             int
	// Requests and Streams are how many it may have at a time.
	Requests, Streams int
}

// secretMark begins every secret, so that scanners find one that has leaked.
const secretMark = "keyval_"

const (
	idBytes     = 6
	secretBytes = 32
)

// NewSecret makes what a new token's holder sends, keyval_ID_SECRET, and what is kept of
// it.
func NewSecret() (secret, id string, hash [sha256.Size]byte) {
	var b [idBytes + secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	id = strings.NewReplacer("-", "0", "_", "1").Replace(base64.RawURLEncoding.EncodeToString(b[:idBytes]))
	secret = secretMark + id + "_" + base64.RawURLEncoding.EncodeToString(b[idBytes:])
	return secret, id, sha256.Sum256([]byte(secret))
}

// maxSecret bounds what is hashed: longer than any secret.
const maxSecret = 128

// idOf is the part of a secret that finds its token; false for what is none.
func idOf(secret string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(secret, secretMark)
	if !ok || len(secret) > maxSecret {
		return "", false
	}
	id, _, ok = strings.Cut(rest, "_")
	return id, ok
}

// hashOf is the hash of a secret of at most maxSecret bytes, without a copy of it on the
// heap.
func hashOf(secret string) [sha256.Size]byte {
	var b [maxSecret]byte
	return sha256.Sum256(b[:copy(b[:], secret)])
}
