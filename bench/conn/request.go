package conn

import (
	"net/http"

	"github.com/valyala/fasthttp"
)

// A request is sent again and again: what changes is set, and what is not said anymore goes
// back to the template.
type request struct {
	fasthttp.Request
	template fasthttp.RequestHeader
	base     string
	uri      []byte
	plain    bool // nothing but method and target differs from the template
}

func (r *request) init(to endpoint, header http.Header) {
	r.base = to.base
	r.template.SetHost(to.host)
	// Without a type the server takes what it expects, as it does from other clients.
	r.template.SetNoDefaultContentType(true)
	add(&r.template, header)
}

// set makes it the next request. The body is not copied.
func (r *request) set(method, target string, header http.Header, body []byte) {
	plain := len(header) == 0 && len(body) == 0 && (method == http.MethodGet || method == http.MethodHead)
	if !plain || !r.plain {
		r.template.CopyTo(&r.Header)
		add(&r.Header, header)
		r.SetBodyRaw(body)
	}
	r.plain = plain
	r.uri = append(append(r.uri[:0], r.base...), target...)
	r.Header.SetMethod(method)
	r.Header.SetRequestURIBytes(r.uri)
}

// add sets headers; what was there by the same name goes.
func add(to *fasthttp.RequestHeader, header http.Header) {
	for name, values := range header {
		for i, value := range values {
			if i == 0 {
				to.Set(name, value)
			} else {
				to.Add(name, value)
			}
		}
	}
}
