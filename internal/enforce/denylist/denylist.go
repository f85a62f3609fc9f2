package denylist

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

// Config is what Lists is told.
type Config struct {
	Files []File
	// Keep is a folder for a copy of each list as it was read last, for a start at which its
	// file cannot be read; it is made in one that is there. Empty: none is kept.
	Keep string
	// Protected says why an address is never refused, if so; nil: none is protected.
	Protected func(netip.Prefix) (why string, yes bool)
}

// File is one list.
type File struct {
	Name string
	Path string
	// Mode Shadow only reports what the list would refuse, and keeps it from the kernel.
	// Unset means enforce.
	Mode haechi.Mode
}

// Lists are the deny lists of the configuration, as they were read last. Its methods are
// safe for concurrent use.
type Lists struct {
	all     []*list
	looking sync.Mutex // one look at the files at a time
}

// list is one of them.
type list struct {
	File
	rule      string // of its verdicts
	keep      string // the folder of its copy
	protected func(netip.Prefix) (string, bool)
	now       atomic.Pointer[loaded] // nil: it was never read
	trouble   atomic.Pointer[string] // why the file is not what is in force; nil: it is
	refused   atomic.Uint64

	seen, tried stamp // of the file: at the last look, and when it was read
	failed      error // of that reading
}

// loaded is what a list says. It does not change.
type loaded struct {
	Text
	spans *spans
	at    time.Time
}

// New makes lists that say nothing until the first [Lists.Look]. Those whose mode is off are
// left out.
func New(cfg Config) *Lists {
	if cfg.Protected == nil {
		cfg.Protected = func(netip.Prefix) (string, bool) { return "", false }
	}
	l := &Lists{}
	for _, f := range cfg.Files {
		if f.Mode != haechi.Off && f.Mode != haechi.Shadow {
			f.Mode = haechi.Enforce
		}
		if f.Mode != haechi.Off {
			l.all = append(l.all, &list{File: f, rule: RulePrefix + f.Name, keep: cfg.Keep, protected: cfg.Protected})
		}
	}
	return l
}

// RulePrefix begins the rule of each verdict; the name of the list follows.
const RulePrefix = "list/"

// Inspect denies whoever is on a list. It passes who is allowed or protected.
func (l *Lists) Inspect(r *haechi.Request, now time.Time) (out haechi.Verdict) {
	if r.Actor == nil || r.Actor.Allowed || !r.Actor.Addr.IsValid() {
		return out
	}
	for _, one := range l.all {
		if out.Action == haechi.Pass || one.Mode == haechi.Enforce {
			if v := one.judge(r.Actor, now); v.Refuses() {
				return v
			} else if v.Action != haechi.Pass {
				out = v
			}
		}
	}
	return out
}

func (l *list) judge(a *haechi.Actor, now time.Time) haechi.Verdict {
	is := l.now.Load()
	if is == nil || !is.spans.has(a.Addr) {
		return haechi.Verdict{}
	}
	if _, yes := l.protected(netip.PrefixFrom(a.Addr, a.Addr.BitLen())); yes {
		return haechi.Verdict{}
	}
	l.refused.Add(1)
	return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonListed, Rule: l.rule, Ref: haechi.NewReference(l.rule, a.Client.String(), now),
		Shadow: l.Mode == haechi.Shadow}
}

// Enforced are the lists that a kernel is to hold, as far as they were read. known is false
// as long as there are some and none was: what the kernel has from before is better then.
func (l *Lists) Enforced() (out []enforce.List, known bool) {
	none := true
	for _, one := range l.all {
		if one.Mode != haechi.Enforce {
			continue
		}
		none = false
		if is := one.now.Load(); is != nil {
			out = append(out, enforce.List{Name: one.Name, Prefixes: is.Prefixes})
		}
	}
	return out, none || len(out) > 0
}

// Status says of each list what is in force. spared are prefixes that are never dropped: how
// many of them each list names is counted.
func (l *Lists) Status(spared []netip.Prefix) (out []haechi.ListStatus) {
	for _, one := range l.all {
		s := haechi.ListStatus{Name: one.Name, File: one.Path, Mode: one.Mode, Refused: one.refused.Load()}
		if is := one.now.Load(); is != nil {
			s.Prefixes, s.Left, s.First, s.Read = len(is.Prefixes), is.Text.Refused, is.First, is.at
			for _, p := range spared {
				if is.spans.meets(p) {
					s.Spared++
				}
			}
		}
		if text := one.trouble.Load(); text != nil {
			s.Note = *text
		}
		out = append(out, s)
	}
	return out
}
