package config

import "strings"

func compileClients(c *rawClients) Clients {
	return Clients{CA: c.CA, CRL: c.CRL, Require: c.CA != "" && c.Mode != "request"}
}

// clients wants the authorities, and nobody who comes in beside them.
func (v *validator) clients(service string, s *rawService) {
	key, c := service+".tls.clients", &s.TLS.Clients
	if *c == (rawClients{}) {
		if v.written(key) {
			v.wrongAt(key, "add ca: with the file of the authorities whose certificates clients have", "%s says nothing", key)
		}
		v.certNames(service+".access.certificates", s)
		return
	}
	require := c.Mode != "request"
	switch {
	case c.CA == "":
		v.wrongAt(key, "add ca: with the file of the authorities whose certificates clients have", "%s.ca is missing", key)
	case require && s.TLS.Plain == "allow":
		v.wrongAt(service+".tls.plain", "leave it out, or write mode: request in "+key, "devices without TLS cannot show the certificate that %s requires", key)
	}
	v.certNames(service+".access.certificates", s)
}

// certNames wants lists of names that somebody can have.
func (v *validator) certNames(key string, s *rawService) {
	list, c := &s.Access.Certificates, &s.TLS.Clients
	switch {
	case len(list.Allow)+len(list.Deny) == 0:
		return
	case c.CA == "":
		v.wrongAt(key, "add clients: { ca: FILE } to tls of the service", "clients are not asked for certificates")
		return
	case c.Mode == "request" && len(list.Allow) > 0 && len(list.Deny) == 0:
		v.wrongAt(key+".allow", "write mode: require in tls.clients", "who shows no certificate would come in beside the list")
	}
	for _, names := range []struct {
		key  string
		list []string
	}{{key + ".allow", list.Allow}, {key + ".deny", list.Deny}} {
		for i, name := range names.list {
			inner := strings.TrimSuffix(strings.TrimPrefix(name, "*"), "*")
			if inner == "" || strings.Contains(inner, "*") || len(name)-len(inner) > 1 {
				v.wrongAt(index(names.key, i), "write a whole name, or a * at its end or at its beginning", "%s is no name of certificates", quoted(name))
			}
		}
	}
}
