package route

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"net/url"
	"strings"
)

// Digest is of everything that must be the same for two requests to be one: route
// with path and dialect, query in canonical order, body, and preconditions, the
// lines of which are one list.
func (c *Call) Digest() (string, error) {
	var body []byte
	if c.Route.Body != nil {
		var err error
		if body, err = c.ReadBody(); err != nil {
			return "", err
		}
	}
	h := sha256.New()
	for _, part := range []string{
		c.Route.Method, SentPath(c.Request), url.Values(c.Query).Encode(), string(body),
	} {
		hashPart(h, part)
	}
	for _, name := range Preconditions {
		if lines := c.Request.Header[name]; lines != nil {
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
