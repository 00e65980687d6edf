package httpapi_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/internal/authority"
)

func TestAVerifiedCertificateStandsForTheTokenOfItsName(t *testing.T) {
	t.Parallel()
	known, err := authority.New("known", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := authority.New("stranger", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	f, admitted := mustServeTo(t)
	admitted.Admit([]access.Token{{Name: "worker", Scopes: []access.Scope{access.Read}}})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(known.CertPEM())
	server := httptest.NewUnstartedServer(nil)
	server.Config = httpapi.NewServer(httpapi.ListenConfig{Handler: f.api})
	server.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
	server.StartTLS()
	t.Cleanup(server.Close)
	for name, c := range map[string]struct {
		certs  []tls.Certificate
		status int
	}{
		"none":              {nil, 401},
		"a token's name":    {mustCertificate(t, known, "worker"), 200},
		"another name":      {mustCertificate(t, known, "other"), 401},
		"not of our making": {mustCertificate(t, stranger, "worker"), 401}, // a client does not even send it
	} {
		transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: c.certs}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/keys", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := transport.RoundTrip(request)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if answer.StatusCode != c.status {
			t.Errorf("%s: got %d, want %d", name, answer.StatusCode, c.status)
		}
		_ = answer.Body.Close()
	}
}

func mustCertificate(t *testing.T, a *authority.Authority, name string) []tls.Certificate {
	t.Helper()
	cert, key, err := a.Issue(name, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{pair}
}
