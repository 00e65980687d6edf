package authority

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"
	"time"
)

func mustMake(t *testing.T, now time.Time) *Authority {
	t.Helper()
	a, err := New("test", now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustIssue(t *testing.T, a *Authority, now time.Time, hosts ...string) *x509.Certificate {
	t.Helper()
	cert, key, err := a.Issue("a", hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func (a *Authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.CertPEM())
	return pool
}

func TestACertificateIsGoodForItsHostsAsServerAndAsClient(t *testing.T) {
	t.Parallel()
	a := mustMake(t, time.Now())
	cert := mustIssue(t, a, time.Now(), "10.0.0.1", "fd00::1", "node-a")
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		for host, good := range map[string]bool{"10.0.0.1": true, "fd00::1": true, "node-a": true, "10.0.0.2": false, "a": false} {
			_, err := cert.Verify(x509.VerifyOptions{Roots: a.pool(), DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}})
			if (err == nil) != good {
				t.Errorf("%s: got %v, want success %v", host, err, good)
			}
		}
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: mustMake(t, time.Now()).pool()}); err == nil {
		t.Error("another authority of the same name knows it")
	}
}

func TestAnAuthorityThatWasWrittenDownSignsAsBefore(t *testing.T) {
	t.Parallel()
	a := mustMake(t, time.Now())
	text, err := a.PEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mustIssue(t, again, time.Now(), "a").Verify(x509.VerifyOptions{Roots: a.pool(), DNSName: "a"}); err != nil {
		t.Error(err)
	}
	if _, err := Parse(a.CertPEM()); err == nil {
		t.Error("an authority without a key is taken")
	}
}

func TestNothingOutlivesItsAuthority(t *testing.T) {
	t.Parallel()
	made := time.Now()
	a := mustMake(t, made)
	late := mustIssue(t, a, made.Add(Life-time.Hour), "a")
	if !late.NotAfter.Equal(a.NotAfter()) {
		t.Errorf("valid until %v, the authority until %v", late.NotAfter, a.NotAfter())
	}
}

func TestTheHostsOfACertificateCanBeReadOffIt(t *testing.T) {
	t.Parallel()
	cert, _, err := mustMake(t, time.Now()).Issue("a", []string{"node-a", "10.0.0.1", "fd00::1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := Hosts(cert)
	if want := []string{"10.0.0.1", "fd00::1", "node-a"}; err != nil || !slices.Equal(hosts, want) {
		t.Errorf("got %q, error %v, want %q", hosts, err, want)
	}
	if _, err := Hosts([]byte("nothing")); err == nil {
		t.Error("hosts are read off nothing")
	}
}
