package result

import (
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// lowest and digits, with Longest, are the geometry of every Histogram.
const (
	lowest = int64(time.Microsecond)
	digits = 3
)

// The places in HdrHistogram's V2 encoding: a cookie and a length of four bytes each before
// what is compressed, and in that the header's fields.
const (
	wrapperBytes = 8
	headerBytes  = 40
	digitsAt     = 12
	lowestAt     = 16
	highestAt    = 24
)

// checkGeometry refuses an encoded histogram with another range or precision than ours
// before it is decoded: its header alone makes the library allocate up to 50 MB.
func checkGeometry(encoded string) error {
	r := base64.NewDecoder(base64.StdEncoding, strings.NewReader(encoded))
	if _, err := io.CopyN(io.Discard, r, wrapperBytes); err != nil {
		return errors.New("a histogram is cut off")
	}
	inflated, err := zlib.NewReader(r)
	if err != nil {
		return fmt.Errorf("a histogram is damaged: %w", err)
	}
	defer inflated.Close()
	var header [headerBytes]byte
	if _, err := io.ReadFull(inflated, header[:]); err != nil {
		return fmt.Errorf("a histogram is damaged: %w", err)
	}
	d, low, high := binary.BigEndian.Uint32(header[digitsAt:]), binary.BigEndian.Uint64(header[lowestAt:]), binary.BigEndian.Uint64(header[highestAt:])
	if d != digits || low != uint64(lowest) || high != uint64(Longest) {
		return fmt.Errorf("a histogram has %d digits from %d to %d ns, which keyval bench does not write", d, low, high)
	}
	return nil
}
