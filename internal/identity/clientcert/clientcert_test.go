package clientcert_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/clientcert"
)

var epoch = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC) // read only

// authority issues certificates and lists in a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newAuthority(t *testing.T, name string, over *authority) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: epoch.AddDate(-1, 0, 0), NotAfter: epoch.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	parent, signer := c, a.key
	if over != nil {
		parent, signer = over.cert, over.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, a.key.Public(), signer)
	must(t, err)
	a.cert, err = x509.ParseCertificate(der)
	must(t, err)
	return a
}

// issue makes the certificate of a client.
func (a *authority) issue(serial int64, name string, change func(*x509.Certificate)) *x509.Certificate {
	a.t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: epoch.AddDate(0, -1, 0), NotAfter: epoch.AddDate(0, 1, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, newKey(a.t).Public(), a.key)
	must(a.t, err)
	out, err := x509.ParseCertificate(der)
	must(a.t, err)
	return out
}

// list makes the list of revoked serial numbers, for a day from the epoch on.
func (a *authority) list(change func(*x509.RevocationList), serials ...int64) []byte {
	a.t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: epoch.Add(-time.Hour), NextUpdate: epoch.Add(24 * time.Hour)}
	for _, s := range serials {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: epoch})
	}
	if change != nil {
		change(l)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, a.cert, a.key)
	must(a.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func pemOf(as ...*authority) (out []byte) {
	for _, a := range as {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	}
	return out
}

// files are the two files; no list: there is no file of lists.
type files struct{ ca, crl string }

func write(t *testing.T, ca []byte, lists ...[]byte) files {
	t.Helper()
	dir := t.TempDir()
	f := files{ca: filepath.Join(dir, "ca.pem")}
	must(t, os.WriteFile(f.ca, ca, 0o600))
	if len(lists) > 0 {
		f.crl = filepath.Join(dir, "crl.pem")
		must(t, os.WriteFile(f.crl, bytes.Join(lists, nil), 0o600))
	}
	return f
}

func (f files) open(t *testing.T, require bool) *clientcert.Clients {
	t.Helper()
	c, err := clientcert.Open(clientcert.Config{CA: f.ca, CRL: f.crl, Require: require}, epoch)
	must(t, err)
	return c
}

func chain(cs ...*x509.Certificate) []*x509.Certificate { return cs }

func TestWhoComesIn(t *testing.T) {
	root, stranger := newAuthority(t, "Root", nil), newAuthority(t, "Root", nil)
	phones := newAuthority(t, "Phones", root)
	c := write(t, pemOf(root, phones), root.list(nil), phones.list(nil, 2)).open(t, true)
	uri, err := url.Parse("spiffe://shop/phone")
	must(t, err)
	for _, tt := range []struct {
		what   string
		shown  []*x509.Certificate
		at     time.Time
		name   string
		reason haechi.Reason
	}{
		{"good", chain(phones.issue(1, "phone-1", nil)), epoch, "phone-1", ""},
		{"good, with its chain", chain(phones.issue(1, "phone-1", nil), phones.cert), epoch, "phone-1", ""},
		{"of the root", chain(root.issue(1, "admin", nil)), epoch, "admin", ""},
		{"a URI before all", chain(phones.issue(3, "cn", func(c *x509.Certificate) { c.URIs, c.DNSNames = []*url.URL{uri}, []string{"dns"} })), epoch, "spiffe://shop/phone", ""},
		{"a DNS name before mail", chain(phones.issue(3, "cn", func(c *x509.Certificate) { c.DNSNames, c.EmailAddresses = []string{"p.example.com"}, []string{"a@b.c"} })), epoch, "p.example.com", ""},
		{"mail before a common name", chain(phones.issue(3, "cn", func(c *x509.Certificate) { c.EmailAddresses = []string{"a@b.c"} })), epoch, "a@b.c", ""},
		{"none", nil, epoch, "", haechi.ReasonClientCertMissing},
		{"revoked", chain(phones.issue(2, "phone-2", nil)), epoch, "phone-2", haechi.ReasonClientCertRevoked},
		{"the serial of another's list", chain(root.issue(2, "admin-2", nil)), epoch, "admin-2", ""},
		{"another authority of the same name", chain(stranger.issue(1, "phone-1", nil)), epoch, "phone-1", haechi.ReasonClientCertUntrusted},
		{"another authority's, with its chain", chain(stranger.issue(1, "phone-1", nil), stranger.cert), epoch, "phone-1", haechi.ReasonClientCertUntrusted},
		{"for servers", chain(phones.issue(4, "web", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), epoch, "web", haechi.ReasonClientCertUntrusted},
		{"over", chain(phones.issue(5, "old", nil)), epoch.AddDate(0, 2, 0), "old", haechi.ReasonClientCertExpired},
		{"not begun", chain(phones.issue(6, "new", func(c *x509.Certificate) { c.NotBefore = epoch.Add(time.Hour) })), epoch, "new", haechi.ReasonClientCertExpired},
		{"without a name", chain(phones.issue(7, "", nil)), epoch, "", haechi.ReasonClientCertName},
		{"a name with a line end", chain(phones.issue(8, "a\nb", nil)), epoch, "", haechi.ReasonClientCertName},
		{"the list is over", chain(phones.issue(1, "phone-1", nil)), epoch.Add(25 * time.Hour), "phone-1", haechi.ReasonClientCertUnchecked},
		{"revoked by a list that is over", chain(phones.issue(2, "phone-2", nil)), epoch.Add(25 * time.Hour), "phone-2", haechi.ReasonClientCertRevoked},
	} {
		name, v := c.Judge(tt.shown, tt.at)
		if name != tt.name || v.Reason != tt.reason || v.Refuses() != (tt.reason != "") {
			t.Errorf("%s: %q, %+v; want %q, %q", tt.what, name, v, tt.name, tt.reason)
		}
	}
}

func TestARevokedAuthorityBetween(t *testing.T) {
	root := newAuthority(t, "Root", nil)
	phones := newAuthority(t, "Phones", root)
	f := write(t, pemOf(root, phones), root.list(nil, phones.cert.SerialNumber.Int64()), phones.list(nil))
	if _, v := f.open(t, true).Judge(chain(phones.issue(1, "phone", nil)), epoch); v.Reason != haechi.ReasonClientCertRevoked {
		t.Errorf("got %+v", v)
	}
	// One that only the client knows has no list, so nobody can tell.
	own := write(t, pemOf(root), root.list(nil)).open(t, true)
	if _, v := own.Judge(chain(phones.issue(1, "phone", nil), phones.cert), epoch); v.Reason != haechi.ReasonClientCertUnchecked {
		t.Errorf("without a list of the authority between: %+v", v)
	}
}

func TestWithoutLists(t *testing.T) {
	root := newAuthority(t, "Root", nil)
	phones := newAuthority(t, "Phones", root)
	c := write(t, pemOf(root)).open(t, false)
	if name, v := c.Judge(nil, epoch); name != "" || v.Refuses() {
		t.Errorf("nothing shown and nothing required: %q, %+v", name, v)
	}
	if _, v := c.Judge(chain(phones.issue(1, "phone", nil), phones.cert), epoch); v.Refuses() {
		t.Errorf("a chain of the client's: %+v", v)
	}
	// An authority whose root is not there is a root.
	only := write(t, pemOf(phones)).open(t, true)
	if _, v := only.Judge(chain(phones.issue(1, "phone", nil)), epoch); v.Refuses() {
		t.Errorf("an authority without its root: %+v", v)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	root, other := newAuthority(t, "Root", nil), newAuthority(t, "Other", nil)
	leaf := root.issue(9, "leaf", nil)
	for _, tt := range []struct {
		what  string
		ca    []byte
		lists [][]byte
		says  string
	}{
		{"no certificate", []byte("nothing"), nil, "no certificate"},
		{"a client's", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), nil, "no authority"},
		{"no list", pemOf(root), [][]byte{[]byte("nothing")}, "no list"},
		{"a list of nobody here", pemOf(root), [][]byte{root.list(nil), other.list(nil)}, "none of the authorities"},
		{"an authority without a list", pemOf(root, other), [][]byte{root.list(nil)}, "there is no list of"},
		{"a list from the future", pemOf(root), [][]byte{root.list(func(l *x509.RevocationList) { l.ThisUpdate = epoch.Add(time.Hour) })}, "future"},
		{"a part of a list", pemOf(root), [][]byte{root.list(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}}}
		})}, "no whole list"},
	} {
		f := write(t, tt.ca, tt.lists...)
		_, err := clientcert.Open(clientcert.Config{CA: f.ca, CRL: f.crl}, epoch)
		var e *haechi.Error
		if !errors.As(err, &e) || e.Kind != haechi.Invalid || e.Hint == "" || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
}

func TestRevocationEndsWhatIsOpen(t *testing.T) {
	root := newAuthority(t, "Root", nil)
	f := write(t, pemOf(root), root.list(nil))
	c := f.open(t, true)
	ended := map[string]haechi.Verdict{}
	hold := func(serial int64, name string, change func(*x509.Certificate)) {
		t.Helper()
		if _, v, _ := c.Hold(chain(root.issue(serial, name, change)), epoch, func(v haechi.Verdict) { ended[name] = v }); v.Refuses() {
			t.Fatalf("%s: %+v", name, v)
		}
	}
	hold(1, "stays", nil)
	hold(2, "goes", nil)
	hold(3, "ends", func(c *x509.Certificate) { c.NotAfter = epoch.Add(time.Minute) })
	before := c.Sum()

	must(t, os.WriteFile(f.crl, []byte("half a fi"), 0o600))
	if _, told, err := c.Refresh(epoch); err == nil || told {
		t.Fatalf("a defective file: told %v, %v", told, err)
	}
	if _, told, err := c.Refresh(epoch); err == nil || !told {
		t.Fatalf("the same again: told %v, %v", told, err)
	}
	if fl := c.Flaws(epoch); len(ended) != 0 || c.Sum() != before || len(fl) != 1 || fl[0].Reason != haechi.ReasonCRLRefused {
		t.Fatalf("a defective file: ended %v, flaws %v", ended, fl)
	}

	must(t, os.WriteFile(f.crl, root.list(nil, 2), 0o600))
	if changed, _, err := c.Refresh(epoch); !changed || err != nil || c.Sum() == before {
		t.Fatalf("changed %v, %v", changed, err)
	}
	if v := ended["goes"]; len(ended) != 1 || v.Reason != haechi.ReasonClientCertRevoked || v.Ref == "" || c.Held() != 2 {
		t.Fatalf("ended %+v", ended)
	}
	if _, v, _ := c.Hold(chain(root.issue(2, "goes", nil)), epoch, nil); v.Reason != haechi.ReasonClientCertRevoked || c.Held() != 2 {
		t.Errorf("it comes back: %+v, %d held", v, c.Held())
	}
	if _, _, err := c.Refresh(epoch.Add(2 * time.Minute)); err != nil || ended["ends"].Reason != haechi.ReasonClientCertExpired {
		t.Errorf("a certificate that is over: %+v, %v", ended, err)
	}
	// A list that is over ends nobody who is there.
	if _, _, err := c.Refresh(epoch.Add(30 * time.Hour)); err != nil || len(ended) != 2 {
		t.Errorf("a list that is over: %+v, %v", ended, err)
	}
}

func TestAListThatEndsIsTold(t *testing.T) {
	root := newAuthority(t, "Root", nil)
	c := write(t, pemOf(root), root.list(nil)).open(t, true)
	for _, tt := range []struct {
		after time.Duration
		want  haechi.Reason
	}{{0, ""}, {17 * time.Hour, ""}, {18 * time.Hour, haechi.ReasonCRLEnding}, {24 * time.Hour, haechi.ReasonCRLStale}} {
		got := haechi.Reason("")
		if f := c.Flaws(epoch.Add(tt.after)); len(f) > 0 {
			got = f[0].Reason
		}
		if got != tt.want {
			t.Errorf("after %s: %q, want %q", tt.after, got, tt.want)
		}
	}
}

// FuzzLists: whatever the file of lists holds, nobody comes in whose authority has none
// that is in time, and no reading panics.
func FuzzLists(f *testing.F) {
	f.Add([]byte("-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n"))
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x01})
	f.Fuzz(func(t *testing.T, text []byte) {
		root := newAuthority(t, "Root", nil)
		files := write(t, pemOf(root), text)
		if c, err := clientcert.Open(clientcert.Config{CA: files.ca, CRL: files.crl}, epoch); err == nil {
			t.Errorf("a list that %v did not sign was taken: %v", root.cert.Subject, c)
		}
	})
}
