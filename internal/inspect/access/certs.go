package access

import "strings"

// certs are the lists of names of one service.
type certs struct{ allow, deny names }

// names are exact ones, and the ends of others.
type names struct {
	exact              map[string]struct{}
	prefixes, suffixes []string
}

// newCerts is nil for no names at all.
func newCerts(allow, deny []string) *certs {
	if len(allow)+len(deny) == 0 {
		return nil
	}
	return &certs{newNames(allow), newNames(deny)}
}

func newNames(list []string) names {
	n := names{exact: make(map[string]struct{}, len(list))}
	for _, name := range list {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			n.prefixes = append(n.prefixes, prefix)
		} else if suffix, ok := strings.CutPrefix(name, "*"); ok {
			n.suffixes = append(n.suffixes, suffix)
		} else {
			n.exact[name] = struct{}{}
		}
	}
	return n
}

func (n *names) has(name string) bool {
	if _, ok := n.exact[name]; ok {
		return true
	}
	for _, p := range n.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	for _, s := range n.suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

func (n *names) none() bool { return len(n.exact)+len(n.prefixes)+len(n.suffixes) == 0 }

// admits is the rule of the address lists. Without lists everybody is admitted.
func (c *certs) admits(name string) bool {
	switch {
	case c == nil || c.allow.has(name):
		return true
	case c.deny.none():
		return false
	}
	return !c.deny.has(name)
}
