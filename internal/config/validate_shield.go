package config

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// interfaceName is what the kernel takes for one.
var interfaceName = regexp.MustCompile(`^[^\s/:]{1,15}$`)

// shield checks what is enforced in the kernel.
func (v *validator) shield(s *rawShield) {
	if s.Kernel == "xdp" && len(s.Interfaces) == 0 {
		v.wrongAt("shield.interfaces", "name those on which others come, for example [eth0]; ip link lists them", "shield.kernel is xdp, and no interface is named")
	}
	for i, name := range s.Interfaces {
		key := index("shield.interfaces", i)
		switch {
		case !interfaceName.MatchString(name) || name == "." || name == "..":
			v.wrongAt(key, "ip link lists the names", "%s is no name of an interface", quoted(name))
		case name == "lo":
			v.wrongAt(key, "name those on which others come", "the machine's own traffic is never dropped")
		case slices.Contains(s.Interfaces[:i], name):
			v.wrongAt(key, "name each once", "%s is named twice", quoted(name))
		}
	}
	v.denyLists(s.Lists)
	v.atOnce("shield.source_rate", s.SourceRate)
	v.atOnce("shield.open_rate", s.OpenRate)
	v.atOnce("shield.ping_rate", s.PingRate)
	v.atOnce("shield.fragment_rate", s.PieceRate)
	if base := path.Base(s.Pins); !path.IsAbs(s.Pins) || strings.Contains(base, ".") || base == "/" {
		v.wrongAt("shield.pins", "for example /sys/fs/bpf/haechi", "%s is no folder of a BPF file system: it begins with /, and its last part has no dot", quoted(s.Pins))
	}
}

// listName is what the kernel and a reference take for one.
var listName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// denyLists checks that each list has a file and a name of its own.
func (v *validator) denyLists(all []rawList) {
	for i, l := range all {
		key := index("shield.lists", i)
		same := func(o rawList) bool { return o.Name == l.Name }
		switch {
		case !listName.MatchString(l.Name):
			v.wrongAt(key+".name", "for example spamhaus-drop", "%s is no name of a list: a small letter, then small letters, digits, - and _, 32 at most", quoted(l.Name))
		case slices.ContainsFunc(all[:i], same):
			v.wrongAt(key+".name", "give each a name of its own", "two lists are called %s", quoted(l.Name))
		case l.File == "":
			v.wrongAt(key+".file", "for example /var/lib/haechi/drop.txt", "the list %s names no file", quoted(l.Name))
		}
	}
}

// atOnce checks a rate that the kernel's coarse clock tells, in a bucket of four minutes.
func (v *validator) atOnce(key string, r rate) {
	burst := r.Burst
	if burst == 0 {
		burst = r.Events
	}
	if r.Events == 0 {
		return
	}
	if lasts := float64(burst) / float64(r.Events) * r.Per.Seconds(); lasts < 0.02 || lasts > 240 {
		v.wrongAt(key, "for example 20000/s burst 40000: at once what lasts 20 ms to 4 minutes", "at once is what comes in %.3g s at that rate", lasts)
	}
}
