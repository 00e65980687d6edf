package cluster_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/buntime/keyval/cluster"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key, a.cert = a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue(template *x509.Certificate, parent *authority) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: "keyval test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	signer, issuer := key, template
	if parent != nil {
		signer, issuer = parent.key, parent.cert
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert
}

// mutual is a node's TLS: it shows a certificate of a and demands one of a.
func (a *authority) mutual() *tls.Config {
	key, cert := a.issue(&x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
		RootCAs:      a.pool, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13,
	}
}

func always(cfg *tls.Config) func() *tls.Config { return func() *tls.Config { return cfg } }

func TestRaftSpeaksMutualTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ours := newAuthority(t)
	secure := func(cfg *cluster.Config) { cfg.RaftTLS = always(ours.mutual()) }
	a, b := w.mustStart("a", secure), w.mustStart("b", secure)
	w.waitVoters(2, a, b)

	stranger := newAuthority(t)
	for _, client := range []*tls.Config{
		{RootCAs: ours.pool, ServerName: "127.0.0.1"},
		{RootCAs: ours.pool, ServerName: "127.0.0.1", Certificates: stranger.mutual().Certificates},
	} {
		conn, err := tls.Dial("tcp", a.RaftAddr(), client)
		if err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			_, err = conn.Read(make([]byte, 1)) // TLS 1.3 tells the client only now
			_ = conn.Close()
		}
		if err == nil {
			t.Error("a client without our certificate was let in")
		}
	}
	w.until("it was logged", func() bool { return a.logs.count("raft connection was refused") > 0 })
	w.waitVoters(2, a, b)
}
