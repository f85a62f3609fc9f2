package pin

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// ofPrivate returns the pin of the public half of a private key.
func ofPrivate(block *pem.Block) (Pin, error) {
	key, err := parsePrivate(block)
	if err != nil {
		return Pin{}, err
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return Pin{}, errors.New("a key that cannot sign is of no use for TLS")
	}
	der, err := x509.MarshalPKIXPublicKey(s.Public())
	if err != nil {
		return Pin{}, err
	}
	return sha256.Sum256(der), nil
}

func parsePrivate(block *pem.Block) (any, error) {
	switch block.Type {
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	return x509.ParsePKCS8PrivateKey(block.Bytes)
}
