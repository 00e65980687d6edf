package httpapi_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/authority"
)

func TestAVerifiedCertificateNamesItsClient(t *testing.T) {
	t.Parallel()
	known, err := authority.New("known", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(known.CertPEM())
	server := httptest.NewUnstartedServer(nil)
	server.Config = httpapi.NewServer(httpapi.ListenConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, httpapi.ClientName(r))
	})})
	server.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
	server.StartTLS()
	t.Cleanup(server.Close)
	cert, key, err := known.Issue("worker", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for want, certs := range map[string][]tls.Certificate{"": nil, "worker": {pair}} {
		transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certs}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		if err != nil || string(got) != want {
			t.Errorf("got %q, error %v, want %q", got, err, want)
		}
		_ = answer.Body.Close()
	}
	if got := httpapi.ClientName(httptest.NewRequest(http.MethodGet, "/", nil)); got != "" {
		t.Errorf("a request without TLS is from %q", got)
	}
}
