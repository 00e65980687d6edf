package conn

import "github.com/valyala/fasthttp"

// An Answer is a status, a body, and headers.
type Answer struct {
	Status   int
	Body     []byte
	response *fasthttp.Response
}

// Has says whether there is a header, empty or not.
func (a *Answer) Has(name string) bool { return a.response.Header.Peek(name) != nil }

// Header returns a header's value, empty if there is none.
func (a *Answer) Header(name string) string { return string(a.response.Header.Peek(name)) }
