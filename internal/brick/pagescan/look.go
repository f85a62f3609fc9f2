package pagescan

import (
	"bytes"
	"net/netip"
	"strings"
)

const (
	active  = true
	passive = false
)

// look notes what the tag says.
func (s *scanner) look() {
	t := &s.tag
	switch t.name {
	case "script", "iframe", "frame", "embed":
		s.address(t.of("src"), active)
	case "link":
		s.link()
	case "object":
		s.address(t.of("data"), active)
	case "form":
		s.address(t.of("action"), active)
	case "base": // every relative address of the page is below it
		s.address(t.of("href"), active)
	case "button":
		s.address(t.of("formaction"), active)
	case "input":
		s.input()
	case "img", "source":
		s.address(t.of("src"), passive)
		s.addresses(t.of("srcset"))
	case "audio", "track":
		s.address(t.of("src"), passive)
	case "video":
		s.address(t.of("src"), passive)
		s.address(t.of("poster"), passive)
	case "meta":
		if equal(t.of("http-equiv"), "content-security-policy") && contains(t.of("content"), "upgrade-insecure-requests") {
			s.found.Upgrades = true
		}
	}
}

// link notes a link that is fetched with the page; most kinds only name something.
func (s *scanner) link() {
	for _, kind := range bytes.Fields(bytes.ToLower(s.tag.of("rel"))) {
		switch string(kind) {
		case "stylesheet", "modulepreload", "preload", "manifest":
			s.address(s.tag.of("href"), active)
			return
		case "icon", "apple-touch-icon", "mask-icon":
			s.address(s.tag.of("href"), passive)
			return
		}
	}
}

func (s *scanner) input() {
	t := &s.tag
	switch kind := t.of("type"); {
	case equal(kind, "password"):
		s.found.Password = true
	case equal(kind, "image"):
		s.address(t.of("src"), passive)
		s.address(t.of("formaction"), active)
	case equal(kind, "submit"):
		s.address(t.of("formaction"), active)
	}
}

// addresses notes those of a srcset (WHATWG HTML, 4.8.4.2.2).
func (s *scanner) addresses(list []byte) {
	for {
		list = bytes.TrimLeft(list, " \t\n\f\r,")
		end := bytes.IndexAny(list, " \t\n\f\r")
		if end < 0 {
			s.address(list, passive)
			return
		}
		s.address(list[:end], passive)
		if list[end-1] != ',' {
			list = after(list[end:], ',')
		} else {
			list = list[end:]
		}
	}
}

// address notes an address if it is one without TLS.
func (s *scanner) address(url []byte, acts bool) {
	host, insecure := insecureHost(url)
	if !insecure || local(host) {
		return
	}
	f := &s.found
	f.Insecure++
	if f.Insecure == 1 || acts && !f.Active {
		f.Element, f.URL = s.tag.name, string(bytes.Trim(url, " \t\n\f\r"))
	}
	f.Active = f.Active || acts
}

// insecureHost is the host of an absolute http: address as browsers read one: leading
// control characters do not count, nor do the case of letters and the number and kind of
// slashes (WHATWG URL, 4.4). Whatever has no scheme has that of the page.
func insecureHost(url []byte) (host string, insecure bool) {
	for len(url) > 0 && url[0] <= ' ' {
		url = url[1:]
	}
	const scheme = "http:"
	if len(url) < len(scheme) || !equal(url[:len(scheme)], scheme) {
		return "", false
	}
	url = bytes.TrimLeft(url[len(scheme):], `/\`)
	if end := bytes.IndexAny(url, `/\?#`); end >= 0 {
		url = url[:end]
	}
	if at := bytes.LastIndexByte(url, '@'); at >= 0 {
		url = url[at+1:]
	}
	return string(url), len(url) > 0
}

// local reports whether a host with its port is the visitor's own machine, which browsers
// trust without TLS (Secure Contexts, 3.1).
func local(host string) bool {
	if p, err := netip.ParseAddrPort(host); err == nil {
		return p.Addr().IsLoopback()
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return a.IsLoopback()
	}
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}
