package route

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/buntime/keyval/httpapi/api"
)

// maxIgnoredBody bounds what is read and dropped of a body where none is taken.
const maxIgnoredBody = 4 << 10

// ReadBody reads the request's body within the route's limit. The caller owns it:
// values are passed on without being copied.
func (c *Call) ReadBody() ([]byte, error) {
	if c.hasRead {
		return c.raw, nil
	}
	if err := c.checkEncoding(); err != nil {
		return nil, err
	}
	raw, err := readBody(c.Request.Body, c.Request.ContentLength, c.Route.Body.MaxBytes, &c.content)
	if err != nil {
		return nil, err
	}
	c.raw, c.hasRead = raw, true
	return raw, nil
}

// checkEncoding refuses a body that is compressed: stored as it is, it would be no
// JSON, and unpacked it could be a million times as long.
func (c *Call) checkEncoding() error {
	for _, line := range c.Request.Header["Content-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				c.SetHeader("Accept-Encoding", "identity") // RFC 9110, 15.5.16
				return errEncoded
			}
		}
	}
	return nil
}

// errEncoded refuses a body in another encoding than identity.
var errEncoded = &Refusal{Code: api.UnsupportedMediaType, Text: "the body has a Content-Encoding; send it as it is, without one"}

// readBody reads a body and has room in the share for it. An announced length is
// refused if there is no room for it, but makes none: room is made for what has come,
// or announcing would be enough to keep others out.
func readBody(r io.Reader, announced, limit int64, room *Share) ([]byte, error) {
	if announced > limit {
		return nil, bodyTooLarge(limit)
	}
	if announced > smallBodyBytes && !room.of.fits(announced) {
		return nil, errNoBodyRoom
	}
	most := limit
	size := int64(512)
	if announced >= 0 {
		most, size = announced, min(announced, smallBodyBytes)
	}
	if !room.growSmall(size) && !room.Grow(size) {
		return nil, errNoBodyRoom
	}
	// One byte more, so that the end is found without growing.
	buf := make([]byte, 0, size+1)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return nil, bodyTooLarge(limit)
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, InvalidJSON("the body ends early")
		}
		if len(buf) == cap(buf) {
			if buf, err = enlarge(buf, most, room); err != nil {
				return nil, err
			}
		}
	}
}

// enlarge doubles a buffer, but not beyond a byte more than there is to come.
func enlarge(buf []byte, most int64, room *Share) ([]byte, error) {
	size := min(2*int64(cap(buf)), max(most, int64(cap(buf)))+1)
	if !room.Grow(size) {
		return nil, errNoBodyRoom
	}
	return append(make([]byte, 0, size), buf...), nil
}

var errNoBodyRoom = Overloaded("too many large requests and answers are on their way to take this body")

func bodyTooLarge(limit int64) error {
	return TooLarge("the body has more than %d bytes", limit)
}

// settleBody reads the body of a route that waits, before it waits: meanwhile nothing
// bounds how long the body may take, and behind an unread one net/http does not notice
// that the caller has gone. Where no body is taken, a short one is dropped.
func (c *Call) settleBody() error {
	if c.Route.Body != nil {
		_, err := c.ReadBody()
		return err
	}
	n, err := io.CopyN(io.Discard, c.Request.Body, maxIgnoredBody+1)
	switch {
	case n > maxIgnoredBody:
		return TooLarge("this route takes no body")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return InvalidArgument("this route takes no body, and the one that was announced has not come in time")
	case !errors.Is(err, io.EOF):
		return InvalidArgument("this route takes no body, and the one that was sent ends early")
	}
	return nil
}
