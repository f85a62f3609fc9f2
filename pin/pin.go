package pin

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Pin is the SHA-256 of a DER-encoded SubjectPublicKeyInfo. It outlives the
// certificate when that is renewed with the same key.
type Pin [sha256.Size]byte

// prefix is how RFC 7469 and Android spell the hash function; curl writes another
// slash.
const prefix = "sha256/"

// Of returns the pin of a certificate's key.
func Of(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// Parse reads "sha256/" and the base64 of the hash, with or without the prefix, or
// with curl's "sha256//".
func Parse(text string) (Pin, error) {
	body := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(text), prefix), "/")
	b, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil || len(b) != sha256.Size {
		return Pin{}, fmt.Errorf("%q is no pin: write sha256/ and the base64 of a SHA-256, as haechi pin prints it", text)
	}
	return Pin(b), nil
}

// String writes what Parse reads.
func (p Pin) String() string { return prefix + base64.StdEncoding.EncodeToString(p[:]) }

// Entry is one key found by FromPEM.
type Entry struct {
	Pin  Pin
	Cert *x509.Certificate // nil for a bare key or a certificate request
	Kind string            // "certificate", "certificate request", "public key", "private key"
}

// maxBlocks bounds the PEM blocks that FromPEM reads.
const maxBlocks = 100

// FromPEM returns the pins of everything in a PEM file that has a public key:
// certificates, certificate requests, public keys and private keys. The last serve
// to pin a backup key that has no certificate yet. Private keys are only read.
func FromPEM(data []byte) ([]Entry, error) {
	var out []Entry
	for range maxBlocks {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		e, err := entry(block)
		if err != nil {
			return nil, fmt.Errorf("PEM block %q: %w", block.Type, err)
		}
		if e.Kind != "" {
			out = append(out, e)
		}
		data = rest
	}
	if len(out) == 0 {
		return nil, errors.New("no certificate and no key in PEM form")
	}
	return out, nil
}

// entry reads one block; one of another type, for example EC PARAMETERS, has no Kind.
func entry(block *pem.Block) (Entry, error) {
	switch block.Type {
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return Entry{}, err
		}
		return Entry{Pin: Of(c), Cert: c, Kind: "certificate"}, nil
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		r, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil {
			return Entry{}, err
		}
		return Entry{Pin: sha256.Sum256(r.RawSubjectPublicKeyInfo), Kind: "certificate request"}, nil
	case "PUBLIC KEY":
		if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			return Entry{}, err
		}
		return Entry{Pin: sha256.Sum256(block.Bytes), Kind: "public key"}, nil
	case "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY":
		p, err := ofPrivate(block)
		return Entry{Pin: p, Kind: "private key"}, err
	}
	return Entry{}, nil
}
