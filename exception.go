package haechi

import (
	"path"
	"strconv"
	"strings"
	"time"
)

// Exception takes one rule out of the score of requests to one path for one variable.
type Exception struct {
	// ID names it; empty for those of the configuration.
	ID      string `json:"id,omitempty"`
	Service string `json:"service"`
	Rule    int    `json:"rule"`
	// Through is the last of several rules, of which Rule is the first; 0: it is one.
	Through int `json:"through,omitempty"`
	// Path is a path as it is decoded, or with a slash at its end all paths below.
	Path string `json:"path"`
	// Where is the variable, as [Hit.Where] names it.
	Where string `json:"where"`
	// Owner is who answers for it, Reason why it is there.
	Owner   string    `json:"owner"`
	Reason  string    `json:"reason,omitempty"`
	By      string    `json:"by,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Expires is when it ends.
	Expires time.Time `json:"expires"`
}

// Covers reports whether the exception takes the hit out of a request to the path. A
// path that servers could read in several ways is below none.
func (x *Exception) Covers(service, p string, h *Hit, now time.Time) bool {
	return (x.Rule == h.Rule || x.Rule < h.Rule && h.Rule <= x.Through) && x.Where == h.Where && x.Service == service && now.Before(x.Expires) && x.onPath(p)
}

// Rules is the rule, or "first-last".
func (x Exception) Rules() string {
	if x.Through == 0 {
		return strconv.Itoa(x.Rule)
	}
	return strconv.Itoa(x.Rule) + "-" + strconv.Itoa(x.Through)
}

func (x *Exception) onPath(p string) bool {
	if p == x.Path {
		return true
	}
	return strings.HasSuffix(x.Path, "/") && strings.HasPrefix(p, x.Path) && PlainPath(p)
}

// PlainPath reports whether every server reads the decoded path alike: it is absolute,
// has no dot segments, doubled slashes, backslashes, parameters, further escapes or
// control characters.
func PlainPath(p string) bool {
	if strings.ContainsAny(p, "\\;%") || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return false
	}
	clean := path.Clean(p)
	return strings.HasPrefix(p, "/") && (p == clean || p == clean+"/")
}

// Except marks the hits that the exceptions take out, and those only.
func (h *Hits) Except(all []Exception, service, path string, now time.Time) {
	for i := range h.List {
		hit := &h.List[i]
		hit.Excepted = false
		for j := range all {
			if hit.Rule != 0 && all[j].Covers(service, path, hit, now) {
				hit.Excepted = true
				break
			}
		}
	}
}
