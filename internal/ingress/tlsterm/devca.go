package tlsterm

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"haechi"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
	// renewShare is the last part of a life in which a certificate is renewed: 1/3.
	renewShare = 3
	backdate   = time.Hour // for clients whose clock is behind
)

// DevCA describes a development CA: a certificate authority that only those trust
// who import it.
type DevCA struct {
	// Dir is the folder that keeps it; it is made with mode 0700, its files 0600.
	Dir string
	// Hosts are further names or addresses beside localhost, 127.0.0.1 and ::1.
	// A leading "*." makes a wildcard.
	Hosts []string
	// Leaf names the certificate's files, so that several share one CA; empty
	// means "leaf". It must be a plain file name.
	Leaf string
}

// pair is the paths of the certificate and its key.
func (d DevCA) pair() (crt, key string) {
	name := cmp.Or(d.Leaf, "leaf")
	return d.path(name + ".crt"), d.path(name + ".key")
}

// Open reads the CA, or makes it on first use, and issues the certificate. Errors
// are of kind Invalid (a damaged CA, which is never replaced) or Unavailable.
func (d DevCA) Open(now time.Time) (*Set, error) {
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return nil, d.unavailable(err)
	}
	s, err := newSet(&devSource{DevCA: d}, now)
	if err != nil {
		return nil, err
	}
	s.ca = d.path("ca.crt")
	return s, nil
}

func (d DevCA) path(name string) string { return filepath.Join(d.Dir, name) }

func (d DevCA) unavailable(err error) error {
	return &haechi.Error{Kind: haechi.Unavailable, Op: "use development CA in " + d.Dir, Err: err,
		Hint: "the folder must be writable for the gateway's user"}
}

type devSource struct{ DevCA }

// load keeps the certificate in use, else the one on disk, else issues one.
func (d *devSource) load(now time.Time, current *tls.Certificate) (*tls.Certificate, error) {
	ca, err := d.authority(now)
	if err != nil {
		return nil, err
	}
	if d.good(current, ca, now) {
		return nil, nil
	}
	if cert, err := readPair(d.pair()); err == nil && d.good(cert, ca, now) {
		return cert, nil
	}
	cert, err := issue(template(now, leafLife, names(d.Hosts)), ca)
	if err != nil {
		return nil, d.unavailable(err)
	}
	crt, key := d.pair()
	if err := writePair(crt, key, cert); err != nil {
		return nil, d.unavailable(err)
	}
	return cert, nil
}

func (d *devSource) authority(now time.Time) (*tls.Certificate, error) {
	crt, key := d.path("ca.crt"), d.path("ca.key")
	ca, err := readPair(crt, key)
	if errors.Is(err, fs.ErrNotExist) && missing(crt) && missing(key) {
		if ca, err = issue(caTemplate(now), nil); err == nil {
			err = writePair(crt, key, ca)
		}
		if err != nil {
			return nil, d.unavailable(err)
		}
		return ca, nil
	}
	if err == nil && !ca.Leaf.IsCA {
		err = errors.New("ca.crt is no CA")
	}
	if err == nil && now.Add(leafLife).After(ca.Leaf.NotAfter) {
		err = errors.New("the CA ends before a certificate of its would")
	}
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "use development CA in " + d.Dir, Err: err,
			Hint: "restore ca.crt and ca.key, or move both away for a new CA, which clients must then trust anew"}
	}
	return ca, nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// good reports whether the certificate can go on: issued by this CA, for these
// names, and not near its end.
func (d *devSource) good(cert *tls.Certificate, ca *tls.Certificate, now time.Time) bool {
	if cert == nil || !fresh(cert.Leaf, now) || cert.Leaf.CheckSignatureFrom(ca.Leaf) != nil {
		return false
	}
	want := names(d.Hosts)
	return slices.Equal(cert.Leaf.DNSNames, want.dns) && slices.EqualFunc(cert.Leaf.IPAddresses, want.ips, sameIP)
}

// fresh reports whether more than the last third of the life is left.
func fresh(c *x509.Certificate, now time.Time) bool {
	last := c.NotAfter.Sub(c.NotBefore) / renewShare
	return !now.Before(c.NotBefore) && now.Before(c.NotAfter.Add(-last))
}

// sans are the names of a certificate, sorted.
type sans struct {
	dns []string
	ips [][]byte
}

func names(hosts []string) sans {
	dns := []string{"localhost"}
	addrs := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}
	for _, h := range hosts {
		h = strings.ToLower(strings.Trim(strings.TrimSuffix(h, "."), "[]"))
		if a, err := netip.ParseAddr(h); err == nil {
			addrs = append(addrs, a.Unmap().WithZone(""))
		} else if h != "" {
			dns = append(dns, h)
		}
	}
	slices.Sort(dns)
	slices.SortFunc(addrs, netip.Addr.Compare)
	out := sans{dns: slices.Compact(dns)}
	for _, a := range slices.Compact(addrs) {
		out.ips = append(out.ips, a.AsSlice())
	}
	return out
}

func readPair(certFile, keyFile string) (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	if _, ok := cert.PrivateKey.(*ecdsa.PrivateKey); !ok {
		return nil, errors.New("the key is no ECDSA key")
	}
	return &cert, nil
}
