package botkeys

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"haechi"
)

// Ring is the keys of one file. It is immutable and safe for concurrent use.
type Ring struct {
	bots   map[string]*bot
	all    *bot // of every bot, if not nil
	scheme *haechi.Scheme
}

type bot struct {
	keys    []haechi.Key // those that stay valid longest first
	open    bool         // every device may use them
	devices []*device
}

type device struct {
	uuid                        string
	macs                        []string
	addrs                       []netip.Prefix
	wantUUID, wantMAC, wantAddr bool
	// last is the address that was found among addrs last, as it was written: a device
	// keeps its address for long, and reading it again would take memory.
	last atomic.Pointer[string]
}

// Keys are the keys of a device's bot that are valid now.
func (r *Ring) Keys(device string, now time.Time) []haechi.Key {
	b := r.bot(device)
	if b == nil {
		return nil
	}
	n := len(b.keys)
	for n > 0 && !b.keys[n-1].Valid(now) {
		n--
	}
	return b.keys[:n]
}

func (r *Ring) bot(device string) *bot {
	if r.all != nil {
		return r.all
	}
	name, _, _ := haechi.SplitDeviceKey(device)
	return r.bots[name]
}

// Admits reports whether a device whose signature is right is one of its bot's list,
// by what it signed of itself.
func (r *Ring) Admits(c *haechi.Claim) bool {
	b := r.bot(c.Device)
	if b == nil || b.open {
		return b != nil
	}
	for _, d := range b.devices {
		if d.is(c, r.scheme) {
			return true
		}
	}
	return false
}

func (d *device) is(c *haechi.Claim, s *haechi.Scheme) bool {
	switch {
	case d.wantUUID && string(c.Parts[s.UUID]) != d.uuid:
		return false
	case d.wantMAC && !d.hasMAC(c.Parts[s.MAC]):
		return false
	}
	return !d.wantAddr || d.hasAddr(c.Parts[s.Addr])
}

func (d *device) hasMAC(text []byte) bool {
	for _, m := range d.macs {
		if len(m) == len(text) && strings.EqualFold(m, string(text)) {
			return true
		}
	}
	return false
}

func (d *device) hasAddr(text []byte) bool {
	if last := d.last.Load(); last != nil && *last == string(text) {
		return true
	}
	if len(text) > 64 {
		return false
	}
	a, err := netip.ParseAddr(string(text))
	if err != nil {
		return false
	}
	for _, p := range d.addrs {
		if p.Contains(a.Unmap()) {
			known := string(text)
			d.last.Store(&known)
			return true
		}
	}
	return false
}
