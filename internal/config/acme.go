package config

import (
	"cmp"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

const (
	letsEncrypt  = "https://acme-v02.api.letsencrypt.org/directory"
	renewPercent = 33
)

func compileACME(a *rawACME) ACME {
	if *a == (rawACME{}) {
		return ACME{}
	}
	return ACME{Directory: cmp.Or(a.Directory, letsEncrypt), CAFile: a.CAFile, Email: a.Email,
		Challenge: cmp.Or(a.Challenge, "tls-alpn-01"), Hook: a.Hook, Renew: cmp.Or(a.Renew, renewPercent)}
}

// tls wants one origin of certificates, or none at all.
func (v *validator) tls(service string, s *rawService) {
	key, t := service+".tls", s.TLS
	v.pair(key, t.Cert, t.Key)
	acme := v.written(key + ".acme")
	if t.DevCA && t.Cert != "" {
		v.wrongAt(key+".dev_ca", "leave out dev_ca, or cert and key", "%s has a certificate and the development CA", key)
	}
	if acme && (t.DevCA || t.Cert != "") {
		v.wrongAt(key+".acme", "leave out acme, or the other", "%s has acme and another certificate", key)
	}
	switch none := !t.DevCA && t.Cert == "" && t.Key == "" && !acme; {
	case none && t.HTTP3:
		v.wrongAt(key+".http3", "give "+key+" a certificate: cert and key, acme, or dev_ca: true", "HTTP/3 is always encrypted, and %s has no certificate", key)
	case none && v.written(key):
		v.wrongAt(key, "give cert and key, acme, or dev_ca: true; without tls: the service is plain", "%s says nothing", key)
	}
	if t.HTTP3 && len(s.ProxyProtocol) > 0 {
		v.wrongAt(key+".http3", "leave it out, or give clients that come directly a service at an address of its own",
			"%s and %s do not go together: the PROXY header goes over TCP only, so who came by UDP would be taken for the balancer", key+".http3", service+".proxy_protocol")
	}
	v.clients(service, s)
	if acme && s.Kind == kindHTTP {
		v.acme(key+".acme", s)
	}
}

func (v *validator) acme(key string, s *rawService) {
	a := &s.TLS.ACME
	switch at := strings.IndexByte(a.Email, '@'); {
	case a.Email == "":
		v.wrongAt(key+".email", "add email: with an address that somebody reads", "%s is missing", key+".email")
	case at < 1 || at == len(a.Email)-1 || strings.ContainsAny(a.Email, " ,;<>"):
		v.wrongAt(key+".email", "write one address, for example ops@example.com", "%s is no mail address", key+".email")
	}
	if !a.Agree {
		v.wrongAt(key+".agree_terms", "read the terms of the authority, then add agree_terms: true", "%s needs your agreement to the authority's terms", key)
	}
	if u, err := url.Parse(a.Directory); a.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		v.wrongAt(key+".directory", "write the URL of the directory, for example "+letsEncrypt, "%s is no https:// URL", key+".directory")
	}
	for i, h := range s.Hosts {
		if _, err := netip.ParseAddr(h); err == nil {
			v.wrongAt(index(strings.TrimSuffix(key, ".tls.acme")+".hosts", i), "give names only, or a certificate from files", "%s is an address, for which acme asks for no certificate", quoted(h))
		}
	}
	v.challenge(key, s)
}

// challenge wants a place, or a program, that can answer.
func (v *validator) challenge(key string, s *rawService) {
	a := &s.TLS.ACME
	switch {
	case a.Challenge == "http-01" && len(s.Redirect) == 0:
		v.wrongAt(key+".challenge", `add redirect: [":80"] to the service, or use tls-alpn-01`, "http-01 is asked at port 80, and the service listens on none")
	case a.Challenge == "dns-01" && !filepath.IsAbs(a.Hook):
		v.wrongAt(key+".hook", "add hook: with the whole path of a program; docs/certificates.md says what it must do", "dns-01 needs a program that sets the record")
	case a.Challenge != "dns-01" && a.Hook != "":
		v.wrongAt(key+".hook", "leave it out, or write challenge: dns-01", "%s is for dns-01", key+".hook")
	}
}
