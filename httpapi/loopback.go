package httpapi

import "net/http"

// LoopbackOnly is before what a process answers beside the API, on a loopback address, to
// whoever is on this machine. It refuses what a browser may be made to send there: with 421
// a Host that is no name of loopback, because somebody else has pointed that name here, and
// with 403 a request from a page of another origin, whatever its method. The refusals are
// plain text.
func LoopbackOnly(next http.Handler) http.Handler {
	var names hosts
	own := newOrigins(nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case names.check(r.Host) != nil:
			http.Error(w, "this is a loopback address and does not know the host in the request; use localhost", http.StatusMisdirectedRequest)
		case own.check(r) != nil:
			http.Error(w, "a page of another origin may not read this; open it by itself", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
