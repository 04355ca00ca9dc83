package fleet

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"linkd/pkg/bounded"
)

// pemLimit is the largest size of a PEM file in bytes.
const pemLimit = 1 << 20

// client returns the settings of both directions of TLS: etcd proves that it is etcd, and this machine which one it is. They are read
// again for each connection, so that a certificate can be renewed.
func (t *TLS) client() (*tls.Config, error) {
	authorities := x509.NewCertPool()
	text, err := bounded.ReadFile(string(t.CA), pemLimit)
	if err != nil {
		return nil, fmt.Errorf("read the authority of etcd's certificates: %w", err)
	}
	if !authorities.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", t.CA)
	}
	if _, err := t.certificate(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    authorities,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return t.certificate()
		},
	}, nil
}

// certificate reads this machine's certificate and its key.
func (t *TLS) certificate() (*tls.Certificate, error) {
	cert, err := bounded.ReadFile(string(t.Cert), pemLimit)
	if err != nil {
		return nil, fmt.Errorf("read this machine's certificate: %w", err)
	}
	key, err := bounded.ReadSecret(string(t.Key), pemLimit, "other users")
	if err != nil {
		return nil, fmt.Errorf("read the key of this machine's certificate: %w", err)
	}
	defer clear(key)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", t.Cert, t.Key, err)
	}
	return &pair, nil
}

// CheckName refuses a certificate of another node: etcd would let this machine write what that one may, and not its own.
func (c *Config) CheckName() error {
	if c.TLS == nil || c.Identity == nil {
		return nil
	}
	pair, err := c.TLS.certificate()
	if err != nil {
		return err
	}
	leaf := pair.Leaf
	if leaf == nil {
		return errors.New("the certificate cannot be parsed")
	}
	if leaf.Subject.CommonName != string(c.Identity.Name) {
		return fmt.Errorf("the certificate %s is for %q, and this machine is node %q (%s): a node's certificate has its name as the common name",
			c.TLS.Cert, leaf.Subject.CommonName, c.Identity.Name, c.Identity.Source)
	}
	return nil
}
