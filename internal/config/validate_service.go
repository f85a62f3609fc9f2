package config

import (
	"maps"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

func (v *validator) service(name string, s *rawService) {
	key := join("services", name)
	if !serviceName.MatchString(name) {
		v.wrongAt(key, "use small letters, digits and dashes, at most 32, a letter first", "%s is no name for a service", quoted(name))
	}
	if s.Kind == "" {
		v.wrongAt(key+".kind", "add kind: device, kind: http or kind: tcp", "service %s has no kind", name)
		return
	}
	v.foreign(reflect.ValueOf(s).Elem(), key, s.Kind)
	v.listens(key, s.Listen)
	switch s.Kind {
	case kindDevice:
		v.served(key, s)
		v.profileName(key+".profile", s.Profile)
	case kindTCP:
		v.names(key+".tcp.names", s)
		if s.Upstream != "" || len(s.TCP.Names) == 0 {
			v.hostPort(key+".upstream", s.Upstream)
		}
	case kindHTTP:
		v.webServers(key, s)
		v.hosts(key+".hosts", s.Hosts)
		v.routes(key+".routes", s.Routes)
		v.headers(key+".headers", s)
		v.waf(key+".waf", &s.WAF)
	}
	v.tls(key, s)
	v.notEverybody(key+".proxy_protocol", s.ProxyProtocol, "anybody could claim any address")
	v.limits(key+".limits", s)
}

// ProfileNames are the shipped profiles.
func ProfileNames() []string {
	return []string{"auth-in-handshake", "kkobot", "length-prefixed", "messengerbot", "signed-lines"}
}

// ProfileIsPath reports whether a profile is named by the path of its file.
func ProfileIsPath(name string) bool {
	return strings.ContainsRune(name, '/') || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

func (v *validator) profileName(key, name string) {
	if ProfileIsPath(name) || slices.Contains(ProfileNames(), name) {
		return
	}
	hint := "write one of " + strings.Join(ProfileNames(), ", ") + ", or the path of a file that ends in .yaml"
	if meant := closest(name, ProfileNames()); meant != "" {
		hint = "did you mean " + meant + "? W" + hint[1:]
	}
	v.wrongAt(key, hint, "%s cannot be %s", key, quoted(name))
}

// foreign finds keys that are for another kind of service.
func (v *validator) foreign(s reflect.Value, key, kind string) {
	for _, f := range fieldsOf(s.Type()) {
		path := join(key, f.name)
		if !f.serves(kind) && v.written(path) {
			kinds := strings.ReplaceAll(f.only, " ", " or ")
			v.wrongAt(path, "leave it out, or make this a service of kind "+kinds, "%s is for services of kind %s", path, kinds)
			continue
		}
		if sub := s.Field(f.index); sub.Kind() == reflect.Struct && !isText(sub) {
			v.foreign(sub, path, kind)
		}
	}
}

func (v *validator) listens(key string, list []listen) {
	if len(list) == 0 {
		v.wrongAt(key+".listen", `add listen: with the addresses to listen on, for example [":443"]`, "%s listens nowhere", key)
	}
	for i, l := range list {
		if l == "" {
			v.wrongAt(index(key+".listen", i), listenHint, "an empty text is no address to listen on")
		}
	}
}

func (v *validator) hostPort(key, text string) {
	host, port, err := net.SplitHostPort(text)
	switch {
	case text == "":
		v.wrongAt(key, "write host:port, for example 10.0.0.5:1491", "%s is missing", key)
	case strings.Contains(text, "://"):
		v.wrongAt(key, "the server behind speaks TCP: write host:port, for example 10.0.0.5:1491", "%s is a URL", key)
	case err != nil || !isHost(host) || !isPort(port, 1):
		v.wrongAt(key, "write host:port, for example 10.0.0.5:1491 or [2001:db8::5]:1491", "%s is no host and port", key)
	}
}

// webServers wants one server or several, of one scheme.
func (v *validator) webServers(key string, s *rawService) {
	all := []string{s.Upstream}
	if len(s.Upstreams) > 0 {
		if s.Upstream != "" {
			v.wrongAt(key+".upstream", "move it into upstreams", "%s has upstream and upstreams", key)
		}
		all = s.Upstreams
	}
	for i, text := range all {
		at := key + ".upstream"
		if len(s.Upstreams) > 0 {
			at = index(key+".upstreams", i)
		}
		v.webURL(at, text)
		scheme, _, _ := strings.Cut(text, ":")
		if first, _, _ := strings.Cut(all[0], ":"); scheme != first {
			v.wrongAt(at, "write all of them with http://, with https:// or with h2c://", "%s is of another scheme than the first", at)
		}
		if slices.Contains(all[:i], text) {
			v.wrongAt(at, "leave one of them out", "%s is there twice", quoted(text))
		}
	}
	v.behind(key+".upstream_tls", all[0], &s.UpstreamTLS)
}

func (v *validator) webURL(key, text string) {
	const hint = "write scheme, host and port only, for example http://10.0.0.6:8080"
	u, err := url.Parse(text)
	switch {
	case text == "":
		v.wrongAt(key, hint, "%s is missing", key)
	case err != nil || (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c") || !isHost(u.Hostname()) || (u.Port() != "" && !isPort(u.Port(), 1)):
		v.wrongAt(key, hint, "%s is no http://, https:// or h2c:// URL", key)
	case u.User != nil:
		v.wrongAt(key, hint, "%s holds a user name or password", key)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(u.Host, ":"):
		v.wrongAt(key, hint, "%s goes beyond a server: paths are passed on as they come", key)
	}
}

func (v *validator) hosts(key string, hosts []string) {
	if len(hosts) == 0 {
		v.wrongAt(key, "add hosts: with the names that are served, for example [shop.example.com]; others get nothing", "%s is missing", key)
	}
	for i, h := range hosts {
		switch {
		case strings.Contains(h, "*"):
			v.wrongAt(index(key, i), "write each name out", "%s: wildcards are not used here", quoted(h))
		case !isHost(h):
			v.wrongAt(index(key, i), "write a name without scheme and port, for example shop.example.com", "%s is no host name", quoted(h))
		case h != strings.ToLower(h):
			v.wrongAt(index(key, i), "write "+strings.ToLower(h), "%s has capital letters", quoted(h))
		case slices.Contains(hosts[:i], h):
			v.wrongAt(index(key, i), "leave one of them out", "%s is there twice", quoted(h))
		}
	}
}

// names wants each name once, as it stands in a hello, with its server.
func (v *validator) names(key string, s *rawService) {
	seen := map[string]bool{}
	for i, n := range s.TCP.Names {
		at := index(key, i)
		bare := strings.TrimPrefix(n.Name, "*.")
		_, err := netip.ParseAddr(bare)
		switch {
		case !isHost(bare) || err == nil:
			v.wrongAt(at+".name", "write a name, for example git.example.com, or *.example.com; addresses are never asked for by name", "%s is no name", quoted(n.Name))
		case n.Name != strings.ToLower(n.Name):
			v.wrongAt(at+".name", "write "+strings.ToLower(n.Name), "%s has capital letters", quoted(n.Name))
		case seen[n.Name]:
			v.wrongAt(at+".name", "leave one of them out", "%s is there twice", quoted(n.Name))
		}
		seen[n.Name] = true
		v.hostPort(at+".upstream", n.Upstream)
	}
}

func (v *validator) routes(key string, routes []rawRoute) {
	seen := map[string]bool{}
	for i, r := range routes {
		at := index(key, i)
		switch {
		case !strings.HasPrefix(r.Path, "/"):
			v.wrongAt(at+".path", "write the beginning of a path, for example /login", "%s.path must begin with a slash", at)
		case seen[r.Path]:
			v.wrongAt(at+".path", "leave one of them out", "the path %s is there twice", quoted(r.Path))
		}
		seen[r.Path] = true
		if !className.MatchString(r.Class) {
			v.wrongAt(at+".class", "write a class, for example asset, page, api or login", "%s.class is no class", at)
		}
	}
}

func (v *validator) limits(key string, s *rawService) {
	seen := map[time.Duration]bool{}
	for i, r := range s.Limits.Device {
		if seen[r.Per] {
			v.wrongAt(index(key+".device", i), "give each window a length of its own", "%s has two windows of one length", key+".device")
		}
		seen[r.Per] = true
	}
	for _, most := range []size{s.Limits.BytesIn, s.Limits.BytesOut} {
		if s.Kind == kindTCP && most > 0 && s.Limits.MinRate > most {
			v.wrongAt(key+".min_rate", "write less than bytes_in and bytes_out, which slow connections down", "%s.min_rate is more than a client may move", key)
		}
	}
	if s.Limits.Connections > s.Limits.MaxConnections {
		v.wrongAt(key+".connections", "", "%s.connections is more than %s.max_connections", key, key)
	}
	if u := &s.Limits.Upgraded; u.MaxConnections > 0 && u.Connections > u.MaxConnections {
		v.wrongAt(key+".upgraded.connections", "", "%s.upgraded.connections is more than %s.upgraded.max_connections", key, key)
	}
	for _, class := range slices.Sorted(maps.Keys(s.Limits.Classes)) {
		if !className.MatchString(class) {
			v.wrongAt(join(key+".classes", class), "use small letters, digits and dashes, at most 32, a letter first", "%s is no name for a class", quoted(class))
		}
	}
	if a := s.Access; slices.ContainsFunc(a.Allow, func(n network) bool { return netip.Prefix(n).Bits() == 0 }) && len(a.Deny) > 0 {
		v.wrongAt(strings.TrimSuffix(key, ".limits")+".access.allow", "leave it out: who is not denied comes in", "allow for everybody makes deny useless")
	}
}
