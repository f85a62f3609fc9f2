package xdp

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"haechi"
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
	// Packets is how many a source may send in Per on average: at most a million a second.
	Packets int
	Per     time.Duration
	// Burst is how many at once: 20 ms to 4 minutes of Packets. 0: Packets.
	Burst int
	// Unasked is the mode of the filter of answers from [AnswerPorts] that nobody asked
	// for. It needs Linux 6.6, and begins [Config.Grace] after it is turned on: what was
	// asked before that is not known.
	Unasked Mode
}

// The bounds of a burst: the kernel's coarse clock ticks every 10 ms at worst, and an
// entry holds so much debt.
const (
	MinBurst = 20 * time.Millisecond
	MaxBurst = 4 * time.Minute
)

// unit is that of the times in the tables.
const unit = 64 * time.Nanosecond

// depth is how long a source sends at its rate what it may send at once.
func (m *Meters) depth() time.Duration {
	burst := float64(m.Burst)
	if m.Burst == 0 {
		burst = float64(m.Packets)
	}
	return time.Duration(min(burst/float64(m.Packets)*float64(m.Per), float64(time.Hour)))
}

func (m *Meters) check() error {
	switch {
	case m.Source > Drop, m.Unasked > Drop:
		return badMeters(fmt.Sprintf("there is no mode %d", max(m.Source, m.Unasked)))
	case m.Source == Off:
		return nil
	case m.Packets < 1 || m.Per <= 0 || m.Burst < 0 || m.Per/time.Duration(m.Packets) < time.Microsecond:
		return badMeters(fmt.Sprintf("%d packets in %s", m.Packets, m.Per))
	case m.depth() < MinBurst || m.depth() > MaxBurst:
		return badMeters(fmt.Sprintf("what may be sent at once lasts %s", m.depth()))
	}
	return nil
}

func badMeters(msg string) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "set the meters of XDP", Msg: msg,
		Hint: "a million packets a second at most, and at once what lasts 20 ms to 4 minutes"}
}

// setting is how the program has it.
func (m *Meters) setting() setting {
	if m.Source == Off {
		return setting{Unasked: uint32(m.Unasked)}
	}
	return setting{Cost: uint32(m.Per / time.Duration(m.Packets) / unit), Depth: uint32(m.depth() / unit), Rate: uint32(m.Source), Unasked: uint32(m.Unasked)}
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
	e.mu.Lock()
	defer e.mu.Unlock()
	s := m.setting()
	s.Since = e.set().Since
	if m.Unasked == Off {
		return errors.Join(e.setMeters(s), e.deafen())
	}
	fresh, err := e.listen()
	if err != nil {
		return err
	}
	if fresh || e.set().Unasked == uint32(Off) {
		if s.Since, err = e.soon(); err != nil {
			return err
		}
	}
	return e.setMeters(s)
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
