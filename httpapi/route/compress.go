package route

import (
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// compressFrom is the size from which an answer is worth compressing. Below, it fits the
// packet that it travels in anyway.
const compressFrom = 1 << 10

// compress makes the answer a gzip if its caller takes one and it becomes half as long, at
// most: else it is not worth the caller's time. An answer with an ETag stays as it is:
// the tag names these bytes, and is what an If-Match says.
func (c *Call) compress() {
	h := c.Writer.Header()
	if !c.Frame.cfg.Compress || len(c.Out) < compressFrom || len(h["Etag"]) > 0 {
		return
	}
	h.Add("Vary", "Accept-Encoding")
	if !acceptsGzip(c.Request.Header["Accept-Encoding"]) || !c.makeRoom(int64(len(c.Out)+len(c.Out)/2)) {
		return
	}
	short := half{buf: c.Frame.buffers.get(), most: len(c.Out) / 2}
	if err := zip(&short, c.Out); err != nil {
		c.Frame.buffers.put(short.buf)
		return
	}
	c.Frame.buffers.put(c.Out)
	c.Out = short.buf
	h["Content-Encoding"] = []string{"gzip"}
}

// A half takes what is at most half as long.
type half struct {
	buf  []byte
	most int
}

var errNotWorth = errors.New("it does not become half as long")

func (h *half) Write(p []byte) (int, error) {
	if len(h.buf)+len(p) > h.most {
		return 0, errNotWorth
	}
	h.buf = append(h.buf, p...)
	return len(p), nil
}

// zipping has one element for each answer that is being compressed: more at a time than
// there are processors would only take memory.
var zipping = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// zippers have some 800 KiB each.
var zippers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // a bug: there is no such level
	}
	return z
}}

func zip(to io.Writer, text []byte) error {
	zipping <- struct{}{}
	defer func() { <-zipping }()
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(to)
	if _, err := z.Write(text); err != nil {
		return err
	}
	return z.Close()
}

// acceptsGzip tells whether Accept-Encoding allows it, by itself or, where it says nothing
// of it, by a star (RFC 9110, 12.5.3).
func acceptsGzip(lines []string) bool {
	gzip, star := -1.0, -1.0
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(element, ";")
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				gzip = weight(params)
			case "*":
				star = weight(params)
			}
		}
	}
	return gzip > 0 || gzip < 0 && star > 0
}

// weight is the q of a coding; one that cannot be read is 0.
func weight(params string) float64 {
	name, value, found := strings.Cut(strings.TrimSpace(params), "=")
	if !found {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 0
	}
	return q
}
