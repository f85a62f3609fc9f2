package app

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/identity/clientcert"
	"haechi/internal/ingress/tlsterm"
)

// How often certificates are looked at, and how often the same flaw is told.
const (
	flawsEvery = 5 * time.Second
	flawsAgain = 24 * time.Hour
)

// ownCert is a certificate of ours.
type ownCert struct {
	service string // empty: the console
	origin  string
	hosts   []string // that it must name
	set     *tlsterm.Set
}

// flaws are those worth telling: that the console has a certificate of the development CA
// is how it is meant.
func (c *ownCert) flaws(now time.Time) []tlsterm.Flaw {
	out := c.set.Flaws(c.hosts, c.origin != originFiles, now)
	if c.service == "" {
		out = slices.DeleteFunc(out, func(f tlsterm.Flaw) bool { return f.Reason == haechi.ReasonCertificateDefault })
	}
	return out
}

// The origins of certificates, as they are configured.
const (
	originFiles = "files"
	originACME  = "acme"
	originDev   = "dev_ca"
	// originClients are the lists by which certificates of clients are judged.
	originClients = "clients"
)

func originOf(t *config.TLS) string {
	switch {
	case t.Cert != "":
		return originFiles
	case t.ACME.On():
		return originACME
	}
	return originDev
}

// ownCerts are all that are served now.
func (a *App) ownCerts() (out []ownCert) {
	w := a.estate.current.Load()
	if w == nil {
		return nil
	}
	for _, g := range w.guards {
		if g, ok := g.(interface{ ownCerts() []ownCert }); ok {
			out = append(out, g.ownCerts()...)
		}
	}
	if c := a.console; c != nil {
		origin := originDev
		if w.cfg.Console.Cert != "" {
			origin = originFiles
		}
		out = append(out, ownCert{origin: origin, set: c.certs})
	}
	return out
}

func (g *httpGuard) ownCerts() (out []ownCert) { return g.owned }

func (g *deviceGuard) ownCerts() []ownCert {
	if g.tls == nil {
		return nil
	}
	return []ownCert{{service: g.svc.Name, origin: originOf(&g.svc.TLS), set: g.tls.certs}}
}

func (g *tcpGuard) ownCerts() []ownCert {
	if g.certs == nil {
		return nil
	}
	return []ownCert{{service: g.svc.Name, origin: originOf(&g.svc.TLS), set: g.certs}}
}

// watchCertificates tells what is wrong with certificates of ours: when it is seen, and
// every day again. A stage before an end is told once.
func (a *App) watchCertificates(ctx context.Context) error {
	told := map[string]time.Time{}
	return every(ctx, flawsEvery, func() {
		if a.serving() { // else the rules that are to hear of it are not there yet
			told = a.tellFlaws(told, a.opts.Now())
		}
	})
}

func (a *App) serving() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.serve != nil
}

// tellFlaws returns when each flaw that there is was told; what is gone is forgotten.
func (a *App) tellFlaws(before map[string]time.Time, now time.Time) map[string]time.Time {
	after := map[string]time.Time{}
	for _, c := range a.ownCerts() {
		for _, f := range c.flaws(now) {
			id := strings.Join([]string{c.service, c.set.Leaf().SerialNumber.String(), string(f.Reason), strconv.Itoa(f.Days), f.Text}, "|")
			last, known := before[id]
			if !known || f.Days == 0 && now.Sub(last) >= flawsAgain {
				a.tellFlaw(&c, f, now)
				last = now
			}
			after[id] = last
		}
	}
	a.tellClientFlaws(before, after, now)
	return after
}

// tellClientFlaws does the same for the files by which certificates of clients are judged.
func (a *App) tellClientFlaws(before, after map[string]time.Time, now time.Time) {
	for cfg, f := range a.estate.clients.list() {
		for _, service := range f.services {
			for _, flaw := range f.Flaws(now) {
				id := strings.Join([]string{service, cfg.CA, cfg.CRL, string(flaw.Reason)}, "|")
				last, known := before[id]
				if !known || now.Sub(last) >= flawsAgain {
					a.tellClientFlaw(service, flaw, now)
					last = now
				}
				after[id] = last
			}
		}
	}
}

func (a *App) tellClientFlaw(service string, f clientcert.Flaw, now time.Time) {
	e := haechi.Event{Time: now.UTC(), Kind: haechi.KindSystem, Outcome: haechi.Failure, Severity: haechi.High, Service: service,
		Reason: f.Reason, Text: "certificates of clients: " + f.Text}
	if f.Reason == haechi.ReasonCRLEnding {
		e.Severity = haechi.Medium
	}
	a.opts.Log.Warn("something is wrong with what certificates of clients are judged by", "service", service, "reason", f.Reason, "text", f.Text)
	a.estate.pipeline.Emit(&e)
}

func (a *App) tellFlaw(c *ownCert, f tlsterm.Flaw, now time.Time) {
	e := haechi.Event{Time: now.UTC(), Kind: haechi.KindSystem, Outcome: haechi.Failure, Severity: flawSeverity(f), Service: c.service,
		Reason: f.Reason, Text: "certificate " + strings.Join(namesOf(c), ", ") + ": " + f.Text}
	if e.Service == "" {
		e.Text = "the console's " + e.Text
	}
	a.opts.Log.Warn("something is wrong with a certificate of ours", "service", c.service, "reason", f.Reason, "text", e.Text)
	a.estate.pipeline.Emit(&e)
}

// flawSeverity is high for what keeps clients out, or impostors in, soon or now.
func flawSeverity(f tlsterm.Flaw) haechi.Severity {
	switch {
	case f.Reason == haechi.ReasonCertificateDefault, f.Reason == haechi.ReasonCertificateSelfSigned:
		return haechi.Low
	case f.Days > 7:
		return haechi.Medium
	}
	return haechi.High
}

// certStatus is what the status shows of them.
func (a *App) certStatus() (out []haechi.CertificateStatus) {
	now := a.opts.Now()
	for _, c := range a.ownCerts() {
		s := haechi.CertificateStatus{Service: c.service, Origin: c.origin, Names: namesOf(&c), Until: c.set.Expires()}
		if cert := c.set.Certificate(); cert != nil {
			s.Stapled = len(cert.OCSPStaple) > 0
		}
		for _, f := range c.flaws(now) {
			if !slices.Contains(s.Flaws, f.Reason) {
				s.Flaws = append(s.Flaws, f.Reason)
			}
		}
		out = append(out, s)
	}
	return append(out, a.estate.clients.status(now)...)
}

// namesOf are those that the certificate holds, or is to hold.
func namesOf(c *ownCert) []string {
	leaf := c.set.Leaf()
	if leaf == nil {
		return c.hosts
	}
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
