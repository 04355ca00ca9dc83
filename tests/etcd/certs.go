package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// makeCerts makes, in dir, an authority (ca.pem) and for each name a certificate with that common name, NAME.pem and NAME.key. Each is
// valid for all of the addresses among the words. An authority that is there stays.
func makeCerts(dir string, words []string) error {
	var names []string
	var addresses []net.IP
	for _, word := range words {
		if ip := net.ParseIP(word); ip != nil {
			addresses = append(addresses, ip)
		} else {
			names = append(names, word)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	authority, key, err := openAuthority(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		template := newTemplate(name)
		template.KeyUsage = x509.KeyUsageDigitalSignature
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		template.IPAddresses, template.DNSNames = addresses, []string{"localhost"}
		if err := sign(filepath.Join(dir, name), template, authority, key); err != nil {
			return err
		}
	}
	return nil
}

func newTemplate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	// A node whose clock is an hour behind takes the certificate, too.
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
}

func openAuthority(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	path := filepath.Join(dir, "ca")
	if _, err := os.Stat(path + ".pem"); err != nil {
		template := newTemplate("authority of the fleet")
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		if err := sign(path, template, nil, nil); err != nil {
			return nil, nil, err
		}
	}
	cert, err := readPEM(path + ".pem")
	if err != nil {
		return nil, nil, err
	}
	authority, err := x509.ParseCertificate(cert)
	if err != nil {
		return nil, nil, err
	}
	text, err := readPEM(path + ".key")
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(text)
	return authority, key, err
}

func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, os.ErrInvalid
	}
	return block.Bytes, nil
}

// sign makes a key and a certificate at path. Without an authority it signs itself.
func sign(path string, template, authority *x509.Certificate, authorityKey *ecdsa.PrivateKey) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if authority == nil {
		authority, authorityKey = template, key
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, authorityKey)
	if err != nil {
		return err
	}
	text, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".key", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(path+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644)
}
