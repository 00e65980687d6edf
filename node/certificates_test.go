package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// pair is a certificate on disk that signs itself.
type pair struct{ cert, key string }

func mustMakePair(t *testing.T) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "node"},
		DNSNames:              []string{"node"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	mustWritePEM(t, p.cert, "CERTIFICATE", cert)
	mustWritePEM(t, p.key, "PRIVATE KEY", keyBytes)
	return p
}

func mustWritePEM(t *testing.T, path, kind string, content []byte) {
	t.Helper()
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertificatesThatFitAreAccepted(t *testing.T) {
	p := mustMakePair(t)
	cfg := DefaultConfig()
	cfg.TLSCert, cfg.TLSKey = p.cert, p.key
	cfg.RaftTLSCert, cfg.RaftTLSKey, cfg.RaftTLSCA, cfg.RaftTLSName = p.cert, p.key, p.cert, "node"
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}

func TestCertificatesThatDoNotFitAreNamed(t *testing.T) {
	p, other := mustMakePair(t), mustMakePair(t)
	tests := []struct {
		setting string
		change  func(*Config)
	}{
		{"tls-cert", func(c *Config) { c.TLSCert, c.TLSKey = p.cert, other.key }},
		{"tls-cert", func(c *Config) { c.TLSCert, c.TLSKey = p.cert+"x", p.key }},
		{"tls-key", func(c *Config) { c.TLSCert, c.TLSKey = p.cert, p.key+"x" }},
		{"raft-tls-ca", func(c *Config) { c.RaftTLSCert, c.RaftTLSKey = p.cert, p.key }},
		{"raft-tls-ca", func(c *Config) { c.RaftTLSCert, c.RaftTLSKey, c.RaftTLSCA = p.cert, p.key, p.key }},
		{"raft-tls-cert", func(c *Config) { c.RaftTLSCert, c.RaftTLSKey, c.RaftTLSCA = p.cert, p.key, other.cert }},
		{"tls-client-ca", func(c *Config) { c.TLSClientCA = p.cert }},
		{"raft-tls-name", func(c *Config) { c.RaftTLSName = "node" }},
		{"raft-tls-name", func(c *Config) {
			c.RaftTLSCert, c.RaftTLSKey, c.RaftTLSCA, c.RaftTLSName = p.cert, p.key, p.cert, "other"
		}},
		{"tls-client-ca", func(c *Config) { c.TLSCert, c.TLSKey, c.TLSClientCA = p.cert, p.key, p.key }},
		{"tls-client-ca", func(c *Config) { c.TLSCert, c.TLSKey, c.TLSClientCA = p.cert, p.key, p.cert+"x" }},
	}
	for _, test := range tests {
		cfg := DefaultConfig()
		test.change(&cfg)
		bad, ok := errors.AsType[*SettingError](cfg.Validate())
		if !ok || bad.Setting != test.setting {
			t.Errorf("got %v, want %s", bad, test.setting)
		}
	}
}

func TestRaftTLSWantsACertificateFromBothSides(t *testing.T) {
	mine, stranger := mustMakePair(t), mustMakePair(t)
	tests := []struct {
		name   string
		client pair
		ok     bool
	}{
		{"a certificate of our authority", mine, true},
		{"a stranger's certificate", stranger, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := mustRaftTLS(t, mine)
			client := mustRaftTLS(t, test.client)
			client.RootCAs = server.RootCAs // it is the server's judgement that is tested
			client.ServerName = "node"
			if err := handshake(server, client); (err == nil) != test.ok {
				t.Errorf("got %v, want success %v", err, test.ok)
			}
		})
	}
}

func mustRaftTLS(t *testing.T, p pair) *tls.Config {
	t.Helper()
	read, err := Config{RaftTLSCert: p.cert, RaftTLSKey: p.key, RaftTLSCA: p.cert}.raftTLS()
	if err != nil {
		t.Fatal(err)
	}
	return read.config
}

// handshake returns what the server says of it.
func handshake(server, client *tls.Config) error {
	serverSide, clientSide := net.Pipe()
	defer serverSide.Close()
	defer clientSide.Close()
	dialed := make(chan struct{})
	go func() {
		defer close(dialed)
		conn := tls.Client(clientSide, client)
		_ = conn.Handshake()
		_, _ = conn.Read(make([]byte, 1)) // until the server has judged
	}()
	err := tls.Server(serverSide, server).Handshake()
	serverSide.Close()
	<-dialed
	return err
}

func TestACertificateThatIsReplacedByABadOneIsFoundBeforeTheDatabaseIsWaitedFor(t *testing.T) {
	p, other := mustMakePair(t), mustMakePair(t)
	cfg := DefaultConfig()
	cfg.HTTPAddr, cfg.TLSCert, cfg.TLSKey = "127.0.0.1:0", p.cert, other.key
	n := newNode(cfg)
	t.Cleanup(func() {
		if n.listener != nil {
			_ = n.listener.Close()
		}
	})
	if err := n.listen(t.Context()); !errors.Is(err, ErrBadSetting) {
		t.Errorf("got %v, want a bad setting", err)
	}
}
