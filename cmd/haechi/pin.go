package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/pin"
)

const (
	pinFileMost = 1 << 20 // bytes of a PEM file
	pinWait     = 10 * time.Second
)

// pinned is one key that `haechi pin` found.
type pinned struct {
	Pin     string     `json:"pin"`
	Kind    string     `json:"kind"`
	Subject string     `json:"subject,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
}

// pinAnswer is the answer of `haechi pin --json`. Trusted is absent for files.
type pinAnswer struct {
	Source  string   `json:"source"`
	Trusted *bool    `json:"trusted,omitempty"` // by this machine's roots, for this name
	Why     string   `json:"why,omitempty"`     // it is not
	Keys    []pinned `json:"keys"`
}

func pinCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "pin URL|FILE", Short: "Print the SPKI pins of a server's chain, or of certificates and keys in a PEM file", Args: o.exactly(1),
		Long: `Prints the pin of each key: sha256/ and the base64 of the SHA-256 of its
SubjectPublicKeyInfo. A pin outlives its certificate when that is renewed with the same
key. Pin two at least: the key in use, and one of a backup key that is kept elsewhere.

From a server this shows what somebody on the path would show as well, so compare it
over another network, or take the pin from the certificate file.`,
		Example: "  haechi pin https://shop.example.com\n  haechi pin shop.example.com:8443\n  haechi pin /etc/haechi/shop.pem\n  haechi pin backup.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := pinsOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return o.print.show(a, func() { printPins(o.print, a) })
		}}
}

// pinsOf reads a file if there is one of that name, and asks a server otherwise.
func pinsOf(ctx context.Context, source string) (*pinAnswer, error) {
	if !strings.Contains(source, "://") {
		f, err := os.Open(source)
		if err == nil {
			defer func() { _ = f.Close() }() // it was only read
			return pinsOfFile(source, f)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "read " + source, Err: err, Hint: "name a PEM file that you may read, or https://HOST"}
		}
	}
	return pinsOfServer(ctx, source)
}

func pinsOfFile(source string, r io.Reader) (*pinAnswer, error) {
	data, err := io.ReadAll(io.LimitReader(r, pinFileMost))
	if err != nil {
		return nil, err
	}
	found, err := pin.FromPEM(data)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "read " + source, Err: err, Hint: "name a file with certificates or keys in PEM form"}
	}
	a := &pinAnswer{Source: source}
	for _, e := range found {
		a.add(e.Kind, e.Pin, e.Cert)
	}
	return a, nil
}

func (a *pinAnswer) add(kind string, p pin.Pin, c *x509.Certificate) {
	k := pinned{Pin: p.String(), Kind: kind}
	if c != nil {
		k.Subject, k.Until = c.Subject.String(), &c.NotAfter
	}
	a.Keys = append(a.Keys, k)
}

// pinsOfServer shakes hands without verifying, so that an untrusted chain is shown
// too, then says whether it would have been trusted.
func pinsOfServer(ctx context.Context, source string) (*pinAnswer, error) {
	host, addr, err := serverAddress(source)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pinWait)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{ServerName: host, InsecureSkipVerify: true}}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "ask " + addr, Err: err, Hint: "name a server that speaks TLS, for example https://shop.example.com"}
	}
	defer func() { _ = c.Close() }() // nothing was sent
	chain := c.(*tls.Conn).ConnectionState().PeerCertificates
	a := &pinAnswer{Source: addr}
	for i, cert := range chain {
		a.add(place(i, cert), pin.Of(cert), cert)
	}
	err = verifyChain(chain, host)
	trusted := err == nil
	if a.Trusted = &trusted; !trusted {
		a.Why = err.Error()
	}
	return a, nil
}

func serverAddress(source string) (host, addr string, err error) {
	wrong := &haechi.Error{Kind: haechi.Invalid, Op: "read " + source, Msg: "this is no file and no server", Hint: "write https://HOST, HOST:PORT or the name of a PEM file"}
	if strings.Contains(source, "://") {
		u, err := url.Parse(source)
		if err != nil || u.Hostname() == "" || u.Scheme == "http" {
			return "", "", wrong
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		return u.Hostname(), net.JoinHostPort(u.Hostname(), port), nil
	}
	host, port, err := net.SplitHostPort(source)
	if err != nil || host == "" || port == "" {
		return "", "", wrong
	}
	return host, net.JoinHostPort(host, port), nil
}

func place(i int, c *x509.Certificate) string {
	switch {
	case i == 0:
		return "leaf"
	case c.Subject.String() == c.Issuer.String():
		return "root"
	}
	return "intermediate"
}

func verifyChain(chain []*x509.Certificate, host string) error {
	opts := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(opts)
	return err
}

func printPins(p *printer, a *pinAnswer) {
	rows := make([][]string, 0, len(a.Keys))
	for _, k := range a.Keys {
		until := ""
		if k.Until != nil {
			until = p.when(*k.Until)
		}
		rows = append(rows, []string{k.Pin, k.Kind, k.Subject, until})
	}
	p.table([]string{"pin", "kind", "subject", "until"}, rows)
	if a.Trusted != nil && !*a.Trusted {
		p.say("cli.pin_untrusted", a.Source, a.Why)
	}
}
