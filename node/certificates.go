package node

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

func (c Config) validateCertificates() error {
	if _, err := c.httpTLS(); err != nil {
		return err
	}
	_, err := c.raftTLS()
	return err
}

// credentials are a TLS configuration with a certificate, as its files were when they
// were read.
type credentials struct {
	config *tls.Config
	files  [][sha256.Size]byte // sums of their contents
}

func (c *credentials) certificate() *x509.Certificate { return c.config.Certificates[0].Leaf }

// check refuses a certificate that nobody accepts at a time.
func (c *credentials) check(now time.Time) error {
	switch cert := c.certificate(); {
	case now.After(cert.NotAfter):
		return fmt.Errorf("the certificate has expired at %s", cert.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s", cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// liveTLS is the TLS configuration of new connections.
type liveTLS struct{ current atomic.Pointer[credentials] }

func (l *liveTLS) config() *tls.Config { return l.current.Load().config }

// server is a configuration that asks at each handshake for the current one. Tickets of
// sessions are its own, so that they outlive the certificate that is replaced.
func (l *liveTLS) server() *tls.Config {
	config := l.config().Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return l.config(), nil }
	return config
}

// httpTLS is the API's TLS configuration, nil without a certificate.
func (c Config) httpTLS() (*credentials, error) {
	if c.TLSCert == "" && c.TLSKey == "" {
		if c.TLSClientCA != "" {
			return nil, badSetting("tls-client-ca", "is of use only together with tls-cert and tls-key")
		}
		return nil, nil
	}
	var from credentialFiles
	cert, err := from.keyPair("tls-cert", c.TLSCert, "tls-key", c.TLSKey)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{cert},
	}
	if c.TLSClientCA != "" {
		config.ClientAuth = tls.VerifyClientCertIfGiven
		if config.ClientCAs, err = from.authority("tls-client-ca", c.TLSClientCA); err != nil {
			return nil, err
		}
	}
	return &credentials{config, from.sums}, nil
}

// raftTLS is raft's TLS configuration for both directions of a connection, nil
// without a certificate. Whoever dials sets ServerName where RaftTLSName does not.
func (c Config) raftTLS() (*credentials, error) {
	if c.RaftTLSCert == "" && c.RaftTLSKey == "" && c.RaftTLSCA == "" {
		return nil, c.checkRaftTLSName()
	}
	var from credentialFiles
	cert, err := from.keyPair("raft-tls-cert", c.RaftTLSCert, "raft-tls-key", c.RaftTLSKey)
	if err != nil {
		return nil, err
	}
	if c.RaftTLSCA == "" {
		return nil, badSetting("raft-tls-ca", "is needed together with raft-tls-cert and raft-tls-key")
	}
	authority, err := from.authority("raft-tls-ca", c.RaftTLSCA)
	if err != nil {
		return nil, err
	}
	if err := checkSignedBy(authority, cert); err != nil {
		return nil, badSetting("raft-tls-cert", "%q is nothing that nodes with the authority in %q accept: %v", c.RaftTLSCert, c.RaftTLSCA, err)
	}
	if c.RaftTLSName != "" {
		if err := cert.Leaf.VerifyHostname(c.RaftTLSName); err != nil {
			return nil, badSetting("raft-tls-name", "the certificate in %q is not for it: %v", c.RaftTLSCert, err)
		}
	}
	return &credentials{&tls.Config{
		MinVersion:   tls.VersionTLS13,
		ServerName:   c.RaftTLSName,
		Certificates: []tls.Certificate{cert},
		RootCAs:      authority,
		ClientCAs:    authority,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}, from.sums}, nil
}

func (c Config) checkRaftTLSName() error {
	if c.RaftTLSName == "" {
		return nil
	}
	return badSetting("raft-tls-name", "is of use only together with raft-tls-cert, raft-tls-key and raft-tls-ca")
}

// checkSignedBy refuses a certificate that the authority's other nodes would refuse, as
// that of a server or of a client. Whether its time has come or is over is not asked.
func checkSignedBy(authority *x509.CertPool, cert tls.Certificate) error {
	between := x509.NewCertPool()
	for _, der := range cert.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	life := cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := cert.Leaf.Verify(x509.VerifyOptions{
			Roots: authority, Intermediates: between, CurrentTime: cert.Leaf.NotBefore.Add(life / 2), KeyUsages: []x509.ExtKeyUsage{usage},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// credentialFiles reads files and remembers what was in them.
type credentialFiles struct{ sums [][sha256.Size]byte }

func (f *credentialFiles) keyPair(certSetting, certFile, keySetting, keyFile string) (tls.Certificate, error) {
	if certFile == "" {
		return tls.Certificate{}, badSetting(certSetting, "is needed together with %s", keySetting)
	}
	if keyFile == "" {
		return tls.Certificate{}, badSetting(keySetting, "is needed together with %s", certSetting)
	}
	certPEM, err := f.read(certSetting, certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := f.read(keySetting, keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, badSetting(certSetting, "%q and the key in %q are no pair: %v", certFile, keyFile, err)
	}
	return cert, nil
}

func (f *credentialFiles) authority(setting, file string) (*x509.CertPool, error) {
	pem, err := f.read(setting, file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, badSetting(setting, "%q holds no PEM certificate", file)
	}
	return pool, nil
}

func (f *credentialFiles) read(setting, file string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, badSetting(setting, "%v", err)
	}
	f.sums = append(f.sums, sha256.Sum256(content))
	return content, nil
}
