package httpapi

import "net/http"

// ClientName is the common name of the certificate that a request's client has shown and
// that one of the authorities in ListenConfig.TLS has signed; empty without one. It was
// looked at when the connection began, and holds for as long as that lasts.
func ClientName(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	return r.TLS.VerifiedChains[0][0].Subject.CommonName
}
