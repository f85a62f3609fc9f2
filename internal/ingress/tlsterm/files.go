package tlsterm

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"time"

	"haechi"
)

// Files serves a certificate chain and its key from PEM files. They are read
// again when either changes. Errors are of kind Invalid.
func Files(certFile, keyFile string, now time.Time) (*Set, error) {
	return newSet(&files{cert: certFile, key: keyFile}, now)
}

// Prover answers a handshake of tls-alpn-01 (RFC 8737); nil if none is asked for the
// name.
type Prover func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// Kept serves a certificate for one name from PEM files that somebody keeps: that may
// not be there yet, or may be over. Until they are good, a client that asks for the name
// gets no certificate and an internal error, which is not held against it.
func Kept(certFile, keyFile, name string, prove Prover, now time.Time) *Set {
	s := &Set{source: &files{cert: certFile, key: keyFile, absent: true}, prove: prove}
	s.current.Store(waiting(name))
	_, _ = s.Refresh(now) // what is wrong is said again when it is looked at next
	return s
}

type files struct {
	cert, key string
	absent    bool // they may be missing until the first time
	seen      stamp
}

// stamp tells one state of the two files from another.
type stamp struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

func (f *files) load(now time.Time, current *tls.Certificate) (*tls.Certificate, error) {
	seen, err := f.stat()
	if f.absent && current == nil && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, f.invalid("a file cannot be read", err)
	}
	if current != nil && seen == f.seen {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, f.invalid("certificate and key do not load", err)
	}
	if now.After(cert.Leaf.NotAfter) {
		return nil, f.invalid("the certificate ended on "+cert.Leaf.NotAfter.UTC().Format(time.DateOnly), nil)
	}
	if len(cert.Leaf.DNSNames)+len(cert.Leaf.IPAddresses) == 0 {
		return nil, f.invalid("the certificate names no host (it needs a subjectAltName)", nil)
	}
	f.seen = seen
	return &cert, nil
}

func (f *files) stat() (stamp, error) {
	c, err := os.Stat(f.cert)
	if err != nil {
		return stamp{}, err
	}
	k, err := os.Stat(f.key)
	if err != nil {
		return stamp{}, err
	}
	return stamp{c.ModTime(), k.ModTime(), c.Size(), k.Size()}, nil
}

func (f *files) invalid(msg string, err error) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "load certificate " + f.cert, Msg: msg, Err: err,
		Hint: "give a PEM chain, leaf first, and its unencrypted PEM key"}
}
