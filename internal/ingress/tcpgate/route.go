package tcpgate

import "strings"

// routes choose the server behind by name.
type routes struct {
	exact, wild map[string]string // wild: "example.com" for *.example.com
	other       string            // empty: nobody else
}

func newRoutes(cfg *Config) routes {
	r := routes{exact: make(map[string]string), wild: make(map[string]string), other: cfg.Upstream}
	for _, n := range cfg.Names {
		if parent, ok := strings.CutPrefix(n.Name, "*."); ok {
			r.wild[parent] = n.Upstream
		} else {
			r.exact[n.Name] = n.Upstream
		}
	}
	return r
}

// byName reports whether names matter at all.
func (r *routes) byName() bool { return len(r.exact)+len(r.wild) > 0 }

// choose is the server behind the name, which is lower-case; ok is false if there is
// none. An exact name goes before a wildcard, which stands for one label.
func (r *routes) choose(name string) (upstream string, ok bool) {
	if up, ok := r.exact[name]; ok {
		return up, true
	}
	if _, parent, ok := strings.Cut(name, "."); ok {
		if up, ok := r.wild[parent]; ok {
			return up, true
		}
	}
	return r.other, r.other != ""
}
