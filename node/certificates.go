package node

import (
	"crypto/tls"
	"crypto/x509"
	"os"
)

func (c Config) validateCertificates() error {
	if _, err := c.httpTLS(); err != nil {
		return err
	}
	_, err := c.raftTLS()
	return err
}

// httpTLS is the API's TLS configuration, nil without a certificate.
func (c Config) httpTLS() (*tls.Config, error) {
	if c.TLSCert == "" && c.TLSKey == "" {
		return nil, nil
	}
	cert, err := loadKeyPair("tls-cert", c.TLSCert, "tls-key", c.TLSKey)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{cert},
	}, nil
}

// raftTLS is raft's TLS configuration for both directions of a connection, nil
// without a certificate. Whoever dials sets ServerName.
func (c Config) raftTLS() (*tls.Config, error) {
	if c.RaftTLSCert == "" && c.RaftTLSKey == "" && c.RaftTLSCA == "" {
		return nil, nil
	}
	cert, err := loadKeyPair("raft-tls-cert", c.RaftTLSCert, "raft-tls-key", c.RaftTLSKey)
	if err != nil {
		return nil, err
	}
	if c.RaftTLSCA == "" {
		return nil, badSetting("raft-tls-ca", "is needed together with raft-tls-cert and raft-tls-key")
	}
	authority, err := loadAuthority("raft-tls-ca", c.RaftTLSCA)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{cert},
		RootCAs:      authority,
		ClientCAs:    authority,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}, nil
}

func loadKeyPair(certSetting, certFile, keySetting, keyFile string) (tls.Certificate, error) {
	if certFile == "" {
		return tls.Certificate{}, badSetting(certSetting, "is needed together with %s", keySetting)
	}
	if keyFile == "" {
		return tls.Certificate{}, badSetting(keySetting, "is needed together with %s", certSetting)
	}
	certPEM, err := readPEM(certSetting, certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := readPEM(keySetting, keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, badSetting(certSetting, "%q and the key in %q are no pair: %v", certFile, keyFile, err)
	}
	return cert, nil
}

func loadAuthority(setting, file string) (*x509.CertPool, error) {
	pem, err := readPEM(setting, file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, badSetting(setting, "%q holds no PEM certificate", file)
	}
	return pool, nil
}

func readPEM(setting, file string) ([]byte, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, badSetting(setting, "%v", err)
	}
	return pem, nil
}
