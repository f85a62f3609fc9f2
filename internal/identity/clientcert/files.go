package clientcert

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"haechi"
)

const (
	maxAuthorities = 64
	maxLists       = 64
	maxCRL         = 64 << 20 // bytes of the file of lists: about a million entries
	maxCA          = 1 << 20
)

// read reads both files.
func read(cfg Config, now time.Time) (*trust, error) {
	text, err := readFile(cfg.CA, maxCA)
	if err != nil {
		return nil, wrong(cfg.CA, err, "write the authorities whose certificates clients have, as PEM")
	}
	authorities, err := parseAuthorities(text)
	if err != nil {
		return nil, wrong(cfg.CA, err, "write the authorities whose certificates clients have, as PEM")
	}
	t := newTrust(authorities)
	if cfg.CRL == "" {
		t.sum = sha256.Sum256(text)
		return t, nil
	}
	lists, err := readFile(cfg.CRL, maxCRL)
	if err == nil {
		t.lists, err = parseLists(lists, authorities, now)
	}
	if err != nil {
		return nil, wrong(cfg.CRL, err, "write a list of each authority of "+cfg.CA+", as openssl ca -gencrl makes them, one behind the other")
	}
	t.sum = sha256.Sum256(append(append(text, 0), lists...))
	return t, nil
}

// looked is what the files looked like before they were read.
type looked struct {
	files   [2]os.FileInfo // nil: there is none
	settled bool           // neither was written a moment before
}

// settling is how long after a write another one could look the same.
const settling = 10 * time.Second

func lookAt(cfg Config, now time.Time) (l looked) {
	l.settled = true
	for i, path := range []string{cfg.CA, cfg.CRL} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil || now.Sub(info.ModTime()) < settling {
			l.settled = false
		}
		l.files[i] = info
	}
	return l
}

// same reports whether the files are for certain those that were read before.
func (l *looked) same(before *looked) bool {
	if !l.settled || !before.settled {
		return false
	}
	for i, f := range l.files {
		b := before.files[i]
		if f == nil && b == nil {
			continue
		}
		if f == nil || b == nil || !os.SameFile(f, b) || !f.ModTime().Equal(b.ModTime()) || f.Size() != b.Size() {
			return false
		}
	}
	return true
}

func wrong(path string, err error, hint string) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "read " + path, Err: err, Hint: hint}
}

// readFile reads a file of so many bytes at most.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is larger than %d bytes", most)
	}
	return text, err
}

// parseAuthorities reads the certificates of authorities.
func parseAuthorities(text []byte) (out []*x509.Certificate, err error) {
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		switch {
		case err != nil:
			return nil, err
		case !c.BasicConstraintsValid || !c.IsCA:
			return nil, fmt.Errorf("%s is no authority: its certificate does not say so", c.Subject)
		case len(out) == maxAuthorities:
			return nil, fmt.Errorf("there are more than %d authorities", maxAuthorities)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("it holds no certificate")
	}
	return out, nil
}

func newTrust(authorities []*x509.Certificate) *trust {
	t := &trust{named: x509.NewCertPool(), roots: x509.NewCertPool(), between: x509.NewCertPool()}
	none := true
	for _, c := range authorities {
		t.named.AddCert(c)
		if bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignatureFrom(c) == nil {
			t.roots.AddCert(c)
			none = false
		} else {
			t.between.AddCert(c)
		}
	}
	if none {
		t.roots = t.named
	}
	return t
}

// parseLists reads the lists and finds the newest of each authority, of which none may be
// without.
func parseLists(text []byte, authorities []*x509.Certificate, now time.Time) (map[string]*list, error) {
	ders, err := blocks(text)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*list)
	for _, der := range ders {
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, err
		}
		if err := understood(l, now); err != nil {
			return nil, fmt.Errorf("the list of %s: %w", l.Issuer, err)
		}
		of := issuerOf(l, authorities)
		if of == nil {
			return nil, fmt.Errorf("the list of %s is signed by none of the authorities", l.Issuer)
		}
		if last := out[string(of.Raw)]; last == nil || last.from.Before(l.ThisUpdate) {
			out[string(of.Raw)] = newList(l)
		}
	}
	for _, a := range authorities {
		if out[string(a.Raw)] == nil {
			return nil, fmt.Errorf("there is no list of %s", a.Subject)
		}
	}
	return out, nil
}

// blocks are the lists of a file, PEM or one in DER.
func blocks(text []byte) (out [][]byte, err error) {
	if len(text) > 0 && text[0] == 0x30 { // a sequence of ASN.1, as no PEM begins
		return [][]byte{text}, nil
	}
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		if b.Type != "X509 CRL" {
			continue
		}
		if len(out) == maxLists {
			return nil, fmt.Errorf("there are more than %d lists", maxLists)
		}
		out = append(out, b.Bytes)
	}
	if len(out) == 0 {
		return nil, errors.New("it holds no list of revoked certificates")
	}
	return out, nil
}

// understood refuses lists that say less, or something else, than which certificates of
// their authority are revoked (RFC 5280, section 5.2: an extension that must be
// understood and is not). A list that is over is read: what it names stays revoked.
func understood(l *x509.RevocationList, now time.Time) error {
	switch {
	case l.NextUpdate.IsZero():
		return errors.New("it does not say when the next one comes")
	case now.Add(skew).Before(l.ThisUpdate):
		return fmt.Errorf("it is from the future: %s", l.ThisUpdate)
	}
	for _, e := range l.Extensions {
		if e.Critical {
			return fmt.Errorf("it is no whole list: it has the extension %s", e.Id)
		}
	}
	for i := range l.RevokedCertificateEntries {
		for _, e := range l.RevokedCertificateEntries[i].Extensions {
			if e.Critical {
				return fmt.Errorf("an entry has the extension %s", e.Id)
			}
		}
	}
	return nil
}

func issuerOf(l *x509.RevocationList, authorities []*x509.Certificate) *x509.Certificate {
	for _, a := range authorities {
		if bytes.Equal(a.RawSubject, l.RawIssuer) && l.CheckSignatureFrom(a) == nil {
			return a
		}
	}
	return nil
}

func newList(l *x509.RevocationList) *list {
	out := &list{from: l.ThisUpdate, until: l.NextUpdate, revoked: make(map[string]struct{}, len(l.RevokedCertificateEntries))}
	for i := range l.RevokedCertificateEntries {
		out.revoked[string(l.RevokedCertificateEntries[i].SerialNumber.Bytes())] = struct{}{}
	}
	return out
}
