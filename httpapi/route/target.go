package route

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// SentPath is the path of the request's target, byte for byte as it was sent.
//
// Only RequestURI has it. URL.Path is decoded, and URL.EscapedPath encodes it
// anew if there is a byte in it that should have been escaped and was not: then
// an escaped slash comes back as one that separates. A target without a path is
// that of the root.
func SentPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if strings.HasPrefix(path, "/") {
		return path
	}
	// The absolute form, which proxies are sent: http://host/path.
	_, rest, _ := strings.Cut(path, ":")
	rest, hasHost := strings.CutPrefix(rest, "//")
	if i := strings.IndexByte(rest, '/'); i == 0 || i > 0 && hasHost {
		return rest[i:]
	}
	return "/"
}

// BySentPath has the router look at the path as it was sent, so that what it
// cuts out of it is still to be decoded, once.
func BySentPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chi.RouteContext(r.Context()).RoutePath = SentPath(r)
		next.ServeHTTP(w, r)
	})
}

// checkTarget refuses a target with a raw "#". Is it the beginning of a fragment,
// which is not to be sent, or was it to be escaped? Taking it for either could
// name another key than the one that was meant.
func checkTarget(r *http.Request) error {
	if strings.IndexByte(r.RequestURI, '#') >= 0 {
		return InvalidArgument("the request's target has a raw #; write %%23")
	}
	return nil
}
