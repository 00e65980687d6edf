package client

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// Client talks to a keyval cluster. It is safe for use by several goroutines, and
// meant to be: they share its connections and its session. Make one for each
// cluster, and Sessions of it where needed. It holds nothing that must be closed
// but idle connections, see CloseIdleConnections.
type Client struct {
	*transport
	session     *session // nil: positions are not carried
	consistency api.Consistency
	idempotency Idempotency
}

// New returns a client of the node or load balancer at baseURL, such as
// "http://127.0.0.1:8080" or "https://kv.example.org/_/plugin-keyval". Nothing
// is sent yet. Without WithToken the client takes the token that the environment
// variable KEYVAL_TOKEN has, if there is one.
func New(baseURL string, opts ...Option) (*Client, error) {
	c := &Client{
		transport: &transport{
			userAgent: "keyval-go",
			token:     strings.TrimSpace(os.Getenv(TokenVariable)),
			log:       slog.New(slog.DiscardHandler),
		},
		session:     new(session),
		idempotency: IdempotencyCompound,
	}
	for _, opt := range append([]Option{WithEndpoints(baseURL)}, opts...) {
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	c.retry = c.retry.withDefaults()
	if c.http == nil {
		c.http = newHTTPClient()
	}
	return c, nil
}

// CloseIdleConnections closes connections that no request is using. The client
// stays usable.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// newHTTPClient keeps enough idle connections for a busy service: net/http's
// default of two per host would open a new one for almost every request. It has
// no timeout of its own, contexts bound every request; and it follows no
// redirects, because a PUT would arrive as a GET.
func newHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   256,
			IdleConnTimeout:       60 * time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			ExpectContinueTimeout: time.Second,
			// Entries are small and mostly local: gzip costs more than it saves.
			DisableCompression: true,
		},
		CheckRedirect: useLastResponse,
	}
}

func useLastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// parseBaseURL refuses what would be dropped silently later. It never repeats a
// URL with a password in an error.
func parseBaseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", errors.New("keyval: the base URL is not a URL")
	}
	switch {
	case u.User != nil:
		return "", errors.New("keyval: the base URL holds credentials: use WithToken")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("keyval: the base URL %q begins with neither http:// nor https://", s)
	case u.Host == "":
		return "", fmt.Errorf("keyval: the base URL %q names no host", s)
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("keyval: the base URL %q has a query or a fragment", s)
	}
	return strings.TrimRight(u.String(), "/"), nil
}
