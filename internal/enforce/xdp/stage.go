package xdp

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

// Stage is what a stage adds to the limits, with the meaning that it has in nftables: it
// counts what is for this machine, or published by it, on the named interfaces. It is safe
// for concurrent use. What may come at once lasts [MaxBurst] at most, IPv6 sources are
// their /64, and whoever is guarded is never metered.
//
// Meters that come with [enforce.Meters.Reflection] begin after [Config.Grace], and
// Cookies are sent by the program itself. Where the kernel has no place for one of both,
// that part is left out: nftables and the kernel's own cookies do it.
type Stage struct{ e *Enforcer }

var _ enforce.Meterer = (*Stage)(nil)

// mostKnown bounds the sources that are exempt.
const mostKnown = 131_072

// While cookies are asked for, a door takes so many openings itself.
const (
	cookieRate  = 100 // a second
	cookieBurst = 20
)

// Stage is how stages are put into force here. Call [Enforcer.SetMeters] before: it says
// what stays when a stage is over.
func (e *Enforcer) Stage() *Stage { return &Stage{e} }

// SetMeters implements [enforce.Meterer]. They stay when the process ends.
func (s *Stage) SetMeters(ctx context.Context, m enforce.Meters) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.Check(); err != nil {
		return err
	}
	e := s.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if m == e.stage && m != (enforce.Meters{}) {
		return nil
	}
	if err := e.adjust(e.base, m); err != nil {
		return err
	}
	if m == (enforce.Meters{}) {
		return e.forget()
	}
	c, err := e.counters()
	for i := range c.Dropped {
		e.staged[i] = c.Dropped[i].Packets
	}
	return err
}

// tighten adds what a stage asks for to a setting.
func (e *Enforcer) tighten(s *setting, m *enforce.Meters) {
	if *m == (enforce.Meters{}) {
		return
	}
	s.Strict |= byStage
	s.SYN, s.New, s.Echo = costOf(m.SYN), costOf(m.New), costOf(m.Echo)
	if m.Reflection {
		s.Unasked = uint32(Drop)
	}
	if m.Cookies && e.canAnswer() == nil {
		few := Limit{Packets: cookieRate, Per: time.Second, Burst: cookieBurst}
		if each, burst := few.units(); s.OpenDepth == 0 || s.OpenCost < each {
			s.OpenCost, s.OpenDepth = each, burst
		}
	}
}

// costOf is a rate as the program has it.
func costOf(r enforce.Rate) (c cost) {
	if r.Events == 0 {
		return c
	}
	each := r.Per / time.Duration(r.Events)
	burst := time.Duration(max(r.Burst, 1)) * each
	return cost{Cost: uint32(each / unit), Depth: uint32(min(max(burst, MinBurst, each), MaxBurst) / unit)}
}

// Know implements [enforce.Meterer]. Beyond 131,072 sources the others stay metered.
func (s *Stage) Know(ctx context.Context, clients []netip.Prefix, length time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	boot, err := sinceBoot()
	if err != nil {
		return err
	}
	e := s.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stage == (enforce.Meters{}) {
		return nil
	}
	names := make([]uint64, 0, min(len(clients), mostKnown))
	for _, p := range clients {
		if name, ok := nameOf(p); ok && len(names) < mostKnown {
			names = append(names, name)
		}
	}
	until := uint64(boot + length)
	for len(names) > 0 {
		n := min(batch, len(names))
		ends := make([]uint64, n)
		for i := range ends {
			ends[i] = until
		}
		if _, err := e.t.Known.BatchUpdate(names[:n], ends, nil); err != nil {
			return failed("exempt known sources", err)
		}
		names = names[n:]
	}
	return nil
}

// nameOf is what the program calls a source: an IPv4 address, or a /64.
func nameOf(p netip.Prefix) (uint64, bool) {
	switch {
	case p.Addr().Is4() && p.Bits() == 32:
		return 0xffff<<32 | uint64(toKey4(p).Addr), true
	case p.Addr().Is6() && p.Bits() <= 64:
		return toKey6(p).High, true
	}
	return 0, false
}

// forget takes everybody out who was known.
func (e *Enforcer) forget() error {
	var names []uint64
	if err := all(e.t.Known, func(name, _ uint64) { names = append(names, name) }); err != nil {
		return err
	}
	for len(names) > 0 {
		n := min(batch, len(names))
		if _, err := e.t.Known.BatchDelete(names[:n], nil); err != nil {
			return failed("forget known sources", err)
		}
		names = names[n:]
	}
	return nil
}

// Held implements [enforce.Meterer]. The meters are repaired with everything else.
func (s *Stage) Held(ctx context.Context) ([]haechi.Counter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := s.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stage == (enforce.Meters{}) {
		return nil, nil
	}
	c, err := e.counters()
	if err != nil {
		return nil, err
	}
	var out []haechi.Counter
	for i, d := range c.Dropped {
		if name := metered(d.Why); name != "" {
			out = append(out, haechi.Counter{Name: name, Value: d.Packets - e.staged[i]})
		}
	}
	return out, nil
}

// metered is what nftables calls it.
func metered(why string) string {
	switch why {
	case "syn", "new", "echo":
		return fmt.Sprintf("metered_%s", why)
	case "unasked":
		return "metered_reflected"
	}
	return ""
}
