package nodetest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
)

// rawRequest is a request as its client sent it.
type rawRequest struct {
	bytes []byte // all of it
	body  []byte // of HTTP: the body, its chunks put together
}

// contains tells whether match stands in the request as it was sent or, if it was
// sent in chunks, in its body.
func (r *rawRequest) contains(match []byte) bool {
	return bytes.Contains(r.bytes, match) || bytes.Contains(r.body, match)
}

// requestReader cuts what a client sends into requests.
type requestReader struct {
	source *bufio.Reader
	read   bytes.Buffer // what source has read and next has not returned
	opaque bool         // what follows is no HTTP/1: every chunk is a request
}

func newRequestReader(client io.Reader) *requestReader {
	r := &requestReader{}
	r.source = bufio.NewReaderSize(io.TeeReader(client, &r.read), 64<<10)
	return r
}

// next returns the next request, [io.EOF] after the last one.
func (r *requestReader) next() (*rawRequest, error) {
	if _, err := r.source.Peek(1); err != nil {
		return nil, err
	}
	if !r.opaque {
		r.opaque = !r.atHTTP()
	}
	if r.opaque {
		return r.chunk(), nil
	}
	request, err := http.ReadRequest(r.source)
	if err != nil {
		r.opaque = true
		return r.chunk(), nil
	}
	// The body of a request that expects "100 Continue" is sent only after an
	// answer, and what follows an upgrade is another protocol.
	if request.Header.Get("Expect") != "" || request.Header.Get("Upgrade") != "" {
		r.opaque = true
		return &rawRequest{bytes: r.taken()}, nil
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err // the client broke off: half a request is none
	}
	return &rawRequest{bytes: r.taken(), body: body}, nil
}

// atHTTP tells whether what comes next begins like an HTTP/1 request: with a
// method. HTTP/2 and gRPC begin with "PRI".
func (r *requestReader) atHTTP() bool {
	begin, _ := r.source.Peek(min(r.source.Buffered(), 8))
	method, _, _ := bytes.Cut(begin, []byte(" "))
	if bytes.Equal(method, []byte("PRI")) {
		return false
	}
	for _, b := range method {
		if b < 'A' || b > 'Z' {
			return false
		}
	}
	return true
}

// chunk returns all that was read and not returned.
func (r *requestReader) chunk() *rawRequest {
	_, _ = r.source.Discard(r.source.Buffered())
	return &rawRequest{bytes: r.taken()}
}

// taken returns what was read and not returned, without what source has read
// ahead.
func (r *requestReader) taken() []byte {
	return bytes.Clone(r.read.Next(r.read.Len() - r.source.Buffered()))
}

// sendRaw sends one request on a connection of its own and reads its answer.
func sendRaw(ctx context.Context, target string, request []byte) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := conn.Write(request); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = readBody(response)
	return response.StatusCode, body, err
}

// readBody reads an answer's body, unpacked if the replayed request allowed the
// server to pack it, as Go's own clients do.
func readBody(response *http.Response) ([]byte, error) {
	if response.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(response.Body)
	}
	unpacked, err := gzip.NewReader(response.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unpacked)
}
