package xdp

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

// Mode is what a meter does with a packet over its limit.
type Mode uint32

// The modes of a meter.
const (
	Off   Mode = iota
	Watch      // counts what it would drop
	Drop
)

// Meters are limits that need no decision: they drop what is too much, and nobody is
// denied for it. The zero value has none. Who is guarded is not metered.
type Meters struct {
	// Source is the mode of the limit by source: an IPv4 address, or a /64 of IPv6.
	Source Mode
	Limit  // of a source, if there is a mode
	// Unasked is the mode of the filter of answers from [AnswerPorts] that nobody asked
	// for. It needs Linux 6.6, and begins [Config.Grace] after it is turned on: what was
	// asked before that is not known.
	Unasked Mode
	// Opening is how many connections may open at one address and port of this machine
	// before the program answers them itself, with cookies of the kernel's; the zero value
	// means that it never does. It needs Linux 6.0, and net.ipv4.tcp_syncookies=2 while
	// it is on: only then the kernel knows such a cookie again.
	Opening Limit
	// Pings and Fragments are how many for this machine may come of all sources together;
	// the zero value has no such limit. While there are more, and ten seconds longer, each
	// source that is not known has to come twice within a minute, and then may send pings
	// one a second, fragments 50: Crowd says whether the others are dropped or only counted.
	Pings, Fragments Limit
	Crowd            Mode // the zero value is Drop
}

// Limit is so many packets in Per on average: a million a second at most.
type Limit struct {
	Packets int
	Per     time.Duration
	Burst   int // at once: what lasts 20 ms to 4 minutes. 0: Packets
}

// The bounds of a burst: the kernel's coarse clock ticks every 10 ms at worst, and an
// entry holds so much debt.
const (
	MinBurst = 20 * time.Millisecond
	MaxBurst = 4 * time.Minute
)

// unit is that of the times in the tables.
const unit = 64 * time.Nanosecond

// depth is how long Burst lasts at the rate.
func (l *Limit) depth() time.Duration {
	burst := float64(l.Burst)
	if l.Burst == 0 {
		burst = float64(l.Packets)
	}
	return time.Duration(min(burst/float64(l.Packets)*float64(l.Per), float64(time.Hour)))
}

// cost is how long one packet lasts, and depth how long a burst, in units.
func (l *Limit) units() (cost, depth uint32) {
	return uint32(l.Per / time.Duration(l.Packets) / unit), uint32(l.depth() / unit)
}

func (l *Limit) check() error {
	switch {
	case l.Packets < 1 || l.Per <= 0 || l.Burst < 0 || l.Per/time.Duration(l.Packets) < time.Microsecond:
		return badMeters(fmt.Sprintf("%d packets in %s", l.Packets, l.Per))
	case l.depth() < MinBurst || l.depth() > MaxBurst:
		return badMeters(fmt.Sprintf("what may be sent at once lasts %s", l.depth()))
	}
	return nil
}

func (m *Meters) check() error {
	if most := max(m.Source, m.Unasked, m.Crowd); most > Drop {
		return badMeters(fmt.Sprintf("there is no mode %d", most))
	}
	if m.Source != Off {
		if err := m.Limit.check(); err != nil {
			return err
		}
	}
	for _, l := range []Limit{m.Opening, m.Pings, m.Fragments} {
		if l == (Limit{}) {
			continue
		}
		if err := l.check(); err != nil {
			return err
		}
	}
	return nil
}

func badMeters(msg string) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "set the meters of XDP", Msg: msg,
		Hint: "a million packets a second at most, and at once what lasts 20 ms to 4 minutes"}
}

// setting is how the program has it.
func (m *Meters) setting() (s setting) {
	s.Unasked = uint32(m.Unasked)
	if m.Source != Off {
		s.Rate = uint32(m.Source)
		s.Cost, s.Depth = m.Limit.units()
	}
	if m.Opening != (Limit{}) {
		s.OpenCost, s.OpenDepth = m.Opening.units()
	}
	if m.Pings != (Limit{}) {
		s.Pings.Cost, s.Pings.Depth = m.Pings.units()
	}
	if m.Fragments != (Limit{}) {
		s.Fragments.Cost, s.Fragments.Depth = m.Fragments.units()
	}
	if s.Pings != (cost{}) || s.Fragments != (cost{}) {
		s.Strict, s.Crowd = inCrowd, uint32(Drop)
	}
	if m.Crowd != Off {
		s.Crowd = uint32(m.Crowd)
	}
	return s
}

// SetMeters puts the meters into force, all at once. They stay when the process ends.
// Errors: Invalid for what is out of bounds, Unavailable if the kernel fails.
func (e *Enforcer) SetMeters(ctx context.Context, m Meters) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	if m.Opening != (Limit{}) {
		if err := e.canAnswer(); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.adjust(m, e.stage)
}

// adjust puts limits and what a stage adds to them into force.
func (e *Enforcer) adjust(m Meters, stage enforce.Meters) error {
	s := m.setting()
	e.tighten(&s, &stage)
	s.Since = e.set().Since
	if err := e.hearing(&s, m.Unasked == Off); err != nil {
		return err
	}
	if err := e.setMeters(s); err != nil {
		return err
	}
	e.base, e.stage = m, stage
	if s.Unasked == uint32(Off) {
		return e.deafen()
	}
	return nil
}

// hearing puts the second program where it is needed, and begins Grace when it is new. A
// stage (spare) does without it where it cannot be had.
func (e *Enforcer) hearing(s *setting, spare bool) error {
	if s.Unasked == uint32(Off) {
		return nil
	}
	fresh, err := e.listen()
	if err != nil && spare {
		s.Unasked = uint32(Off)
		return nil
	}
	if err == nil && (fresh || e.set().Unasked == uint32(Off)) {
		s.Since, err = e.soon()
	}
	return err
}

// set is the setting in force.
func (e *Enforcer) set() setting { return e.meters.Set[e.meters.Active%settings] }

// setMeters writes a setting where no packet reads, and then says that it is the one.
func (e *Enforcer) setMeters(s setting) error {
	next := e.meters
	if next.Set[next.Active%settings] == s {
		return e.putMeters(next)
	}
	slot := (next.Active + 1) % settings
	next.Set[slot] = s
	if err := e.putMeters(next); err != nil {
		return err
	}
	next.Active = slot
	return e.putMeters(next)
}

func (e *Enforcer) putMeters(m meters) error {
	if err := e.t.Meters.Put(uint32(0), m); err != nil {
		return failed("set the meters of XDP", err)
	}
	e.meters = m
	return nil
}

// adoptMeters reads how an earlier process set them. New ones get numbers of their own.
func (e *Enforcer) adoptMeters() error {
	if err := e.t.Meters.Lookup(uint32(0), &e.meters); err != nil {
		return failed("read the tables", err)
	}
	if e.meters.Odd != 0 {
		return nil
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	m := e.meters
	m.Seed, m.Odd = binary.NativeEndian.Uint64(b[:8]), binary.NativeEndian.Uint64(b[8:])|1
	return e.putMeters(m)
}

// name tells the program which interfaces are counted apart.
func (e *Enforcer) name() error {
	m := e.meters
	m.Index = [mostInterfaces]uint32{}
	for i, name := range e.cfg.Interfaces {
		if h := e.hooks[name]; h != nil && i < mostInterfaces-1 {
			m.Index[i] = uint32(h.index)
		} else if i < mostInterfaces-1 {
			m.Index[i] = ^uint32(0) // not there: the ones behind it keep their places
		}
	}
	if m == e.meters {
		return nil
	}
	return e.putMeters(m)
}
