package app

import (
	"path/filepath"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/ingress/tlsterm"
	"haechi/internal/ingress/tlsterm/acme"
)

// serviceCert is the one certificate of a service; nil for a plain service.
func serviceCert(cfg *config.Config, s *config.Service, now time.Time) (*tlsterm.Set, error) {
	switch {
	case !s.TLS.On():
		return nil, nil
	case s.TLS.Cert != "":
		return tlsterm.Files(s.TLS.Cert, s.TLS.Key, now)
	}
	return tlsterm.DevCA{Dir: filepath.Join(cfg.State, "ca"), Leaf: "service-" + s.Name, Hosts: s.Hosts}.Open(now)
}

// serviceCerts are the certificates of a web service: one, or one for each host where an
// authority issues them.
func serviceCerts(cfg *config.Config, s *config.Service, e *estate) (out []*tlsterm.Set, err error) {
	if !s.TLS.ACME.On() {
		set, err := serviceCert(cfg, s, e.now())
		if err != nil || set == nil {
			return nil, err
		}
		return []*tlsterm.Set{set}, nil
	}
	for _, o := range ordersOf(s) {
		set, err := e.keeper.Set(o, e.now())
		if err != nil {
			return nil, err
		}
		out = append(out, set)
	}
	return out, nil
}

// orders are the names whose certificates an authority issues.
func orders(cfg *config.Config) (out []acme.Order) {
	for i := range cfg.Services {
		if s := &cfg.Services[i]; s.TLS.ACME.On() {
			out = append(out, ordersOf(s)...)
		}
	}
	return out
}

func ordersOf(s *config.Service) (out []acme.Order) {
	a := s.TLS.ACME
	listen := s.Listen[0]
	if a.Challenge == string(acme.HTTP01) {
		listen = s.Redirect[0]
	}
	for _, host := range s.Hosts {
		out = append(out, acme.Order{Service: s.Name, Host: host, Directory: a.Directory, CAFile: a.CAFile, Email: a.Email,
			Challenge: acme.Challenge(a.Challenge), Listen: listen, Hook: a.Hook, Renew: a.Renew})
	}
	return out
}

// openKeeper makes the keeper of certificates, which asks for nothing before a world
// enters.
func (e *estate) openKeeper() {
	e.keeper = acme.New(acme.Config{Dir: filepath.Join(e.cfg.State, "acme"), Log: e.log, Tell: e.certificateCame})
}

// certificateCame tells of a certificate that an authority issued, or did not.
func (e *estate) certificateCame(r acme.Report) {
	ev := haechi.Event{Time: e.now().UTC(), Kind: haechi.KindSystem, Outcome: haechi.Success, Service: r.Service, Host: r.Host,
		Text: "the certificate of " + r.Host + " was issued"}
	if r.Renewal {
		ev.Text = "the certificate of " + r.Host + " was renewed"
	}
	if r.Err != nil {
		ev.Outcome, ev.Severity, ev.Reason = haechi.Failure, haechi.High, haechi.ReasonCertificateLate
		ev.Text = "no certificate for " + r.Host + ": " + r.Err.Error()
		e.log.Warn("a certificate was not issued; it is tried again", "host", r.Host, "renewal", r.Renewal, "err", r.Err)
	} else {
		e.log.Info("a certificate was issued", "host", r.Host, "renewal", r.Renewal)
	}
	e.pipeline.Emit(&ev)
}

// lateCertificates say which names wait for a certificate or keep an old one.
func (e *estate) lateCertificates() (out []string) {
	for _, r := range e.keeper.Failures() {
		what := "there is none yet, and the name is not served over TLS"
		if r.Renewal {
			what = "the old one stays in use until it ends"
		}
		out = append(out, "no certificate could be had for "+r.Host+" ("+r.Service+"): "+r.Err.Error()+"; "+what+"; it is tried again by itself")
	}
	return out
}
