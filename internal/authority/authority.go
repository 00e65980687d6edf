// Package authority makes certificates for keyval's own use: an authority that signs,
// and certificates by which nodes know each other. All keys are ECDSA P-256.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	// Life is how long an authority signs, and what it has signed can be valid.
	Life = 10 * 365 * 24 * time.Hour
	// CertificateLife is how long a certificate is valid that an authority has signed.
	CertificateLife = 365 * 24 * time.Hour
	// skew is how much the clock of whoever looks at a certificate may be behind.
	skew = 10 * time.Minute
)

const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// An Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority. Two of one name are two: their subjects differ.
func New(name string, now time.Time) (*Authority, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name + " " + hex.EncodeToString(serial.Bytes()[:4])},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(Life),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true, // it signs no further authority
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{cert, key}, err
}

// Parse reads what PEM has written.
func Parse(text []byte) (*Authority, error) {
	var a Authority
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var err error
		switch block.Type {
		case certificateBlock:
			a.cert, err = x509.ParseCertificate(block.Bytes)
		case keyBlock:
			err = a.parseKey(block.Bytes)
		}
		if err != nil {
			return nil, err
		}
	}
	if a.cert == nil || a.key == nil || !a.cert.IsCA || !a.key.PublicKey.Equal(a.cert.PublicKey) {
		return nil, errors.New("it does not hold the certificate of an authority and its key")
	}
	return &a, nil
}

func (a *Authority) parseKey(der []byte) error {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return err
	}
	var ok bool
	if a.key, ok = parsed.(*ecdsa.PrivateKey); !ok {
		return fmt.Errorf("its key is a %T, not one for ECDSA", parsed)
	}
	return nil
}

// PEM is the authority's certificate and, whom nobody else may see, its key.
func (a *Authority) PEM() ([]byte, error) {
	key, err := keyPEM(a.key)
	return append(a.CertPEM(), key...), err
}

// CertPEM is the authority's certificate, by which others know what it has signed.
func (a *Authority) CertPEM() []byte { return certPEM(a.cert.Raw) }

// NotAfter is when it ends, and all that it has signed.
func (a *Authority) NotAfter() time.Time { return a.cert.NotAfter }

// Issue makes a key and signs a certificate for it that is good for servers and clients.
// Its common name is name, and it is valid for hosts, which are IP addresses or DNS
// names.
func (a *Authority) Issue(name string, hosts []string, now time.Time) (cert, key []byte, err error) {
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-skew),
		NotAfter:     now.Add(CertificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, own.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	key, err = keyPEM(own)
	return certPEM(der), key, err
}

// Hosts are those that the first certificate of a PEM file was issued for.
func Hosts(text []byte) ([]string, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != certificateBlock {
		return nil, errors.New("it holds no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	var hosts []string
	for _, ip := range cert.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return append(hosts, cert.DNSNames...), nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der})
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}

// newSerial is 16 random bytes, the first of them not 0 and below 128, as RFC 5280,
// 4.1.2.2, wants it.
func newSerial() (*big.Int, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:]), nil
}
