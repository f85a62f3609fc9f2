package httpgate

import (
	"fmt"
	"strings"

	"haechi"
)

// hosts finds the site of a host name. It is immutable.
type hosts struct {
	exact map[string]*site
	wild  map[string]*site // "example.com" for *.example.com
	any   *site
}

func newHosts(sites []Site) (*hosts, []*site, error) {
	h := &hosts{exact: make(map[string]*site), wild: make(map[string]*site)}
	var all []*site
	for _, cfg := range sites {
		s, err := newSite(cfg)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, s)
		if err := h.add(s, cfg.Hosts); err != nil {
			return nil, nil, err
		}
	}
	if len(all) == 0 {
		return nil, nil, &haechi.Error{Kind: haechi.Invalid, Op: "set up HTTP gate", Msg: "there is no site"}
	}
	return h, all, nil
}

func (h *hosts) add(s *site, names []string) error {
	if len(names) == 0 {
		if h.any != nil {
			return conflict(s, fmt.Sprintf("service %s answers to every host already", h.any.service))
		}
		h.any = s
	}
	for _, name := range names {
		into, key := h.exact, plainHost(name)
		if parent, ok := strings.CutPrefix(key, "*."); ok {
			into, key = h.wild, parent
		}
		if other := into[key]; other != nil {
			return conflict(s, fmt.Sprintf("service %s answers to %s already", other.service, name))
		}
		into[key] = s
	}
	return nil
}

func conflict(s *site, msg string) error {
	return &haechi.Error{Kind: haechi.Conflict, Op: "set up service " + s.service, Msg: msg,
		Hint: "give each service on one listen address host names of its own"}
}

// find returns the site for a Host header, nil if nobody has that name.
func (h *hosts) find(host string) *site {
	if s := h.exact[host]; s != nil {
		return s
	}
	if len(h.exact) > 0 || len(h.wild) > 0 {
		host = plainHost(host)
		if s := h.exact[host]; s != nil {
			return s
		}
		if _, parent, ok := strings.Cut(host, "."); ok {
			if s := h.wild[parent]; s != nil {
				return s
			}
		}
	}
	return h.any
}

// plainHost drops port, brackets and a trailing dot, in lower case. It allocates
// only where there are capitals.
func plainHost(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && (strings.IndexByte(host, ':') == i || i > 0 && host[i-1] == ']') {
		host = host[:i]
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
