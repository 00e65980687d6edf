package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"net/url"
	"strings"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

const maxIdempotencyKey = 128

// idempotency ties the call to the caller's Idempotency-Key; nil without one.
// answer renders what a repetition gets, with a placeholder for the versionstamp.
func (c *call) idempotency(answer func(kv.Versionstamp, kv.AtomicResult) []byte) (*kv.Idempotency, error) {
	header := c.r.Header[api.HeaderIdempotencyKey]
	if len(header) == 0 {
		return nil, nil
	}
	key := header[0]
	if key == "" || len(key) > maxIdempotencyKey {
		return nil, invalidArgument("%s has %d characters, want 1 to %d", api.HeaderIdempotencyKey, len(key), maxIdempotencyKey)
	}
	digest, err := c.digest()
	if err != nil {
		return nil, err
	}
	return &kv.Idempotency{Caller: c.caller, Key: key, Request: digest, Answer: answer}, nil
}

// digest is of everything that must be the same for two requests to be one: route
// with path and dialect, query in canonical order, body, and preconditions, the
// lines of which are one list.
func (c *call) digest() (string, error) {
	var body []byte
	if c.route.body != nil {
		var err error
		if body, err = c.body(); err != nil {
			return "", err
		}
	}
	h := sha256.New()
	for _, part := range []string{
		c.route.method, sentPath(c.r), url.Values(c.query).Encode(), string(body),
	} {
		hashPart(h, part)
	}
	for _, name := range preconditions {
		if lines := c.r.Header[name]; lines != nil {
			hashPart(h, name)
			hashPart(h, strings.Join(lines, ", "))
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashPart writes the length first, so that two lists of parts never hash alike.
func hashPart(h hash.Hash, part string) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
	_, _ = io.WriteString(h, part)
}

// replay answers with what was kept for the idempotency key.
func (c *call) replay(kept []byte) {
	c.setHeader(api.HeaderIdempotencyReplayed, "true")
	c.out = append(c.out[:0], kept...)
}
