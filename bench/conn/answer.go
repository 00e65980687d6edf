package conn

import "github.com/valyala/fasthttp"

// An Answer is a status, a body, and headers.
type Answer struct {
	Status   int
	Body     []byte
	response *fasthttp.Response
}

// Header returns a header's value, empty if there is none.
func (a *Answer) Header(name string) string { return string(a.response.Header.Peek(name)) }
