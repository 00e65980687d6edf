package workload

import (
	"net/http"

	"github.com/buntime/keyval/httpapi/client"
)

// idle is how many of a client's connections to an endpoint stay open: each filler's, and
// those of streams that are being opened.
const idle = 256

// Client is one of these endpoints, for what is not measured. It makes no idempotency keys:
// each would stay in the database for a day, and what a workload writes can be written twice.
func (s Settings) Client(urls []string, options ...client.Option) (*client.Client, error) {
	usual := []client.Option{
		client.WithEndpoints(urls[1:]...), client.WithToken(s.Token),
		client.WithIdempotency(client.IdempotencyOff), client.WithHTTPClient(s.httpClient()),
	}
	return client.New(urls[0], append(usual, options...)...)
}

// httpClient goes where the measured connections go: directly, and trusting the same.
func (s Settings) httpClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() // whose it always is
	transport.Proxy = nil
	transport.TLSClientConfig = s.TLS.Clone()
	transport.DisableCompression = true
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, idle
	return &http.Client{Transport: transport}
}
