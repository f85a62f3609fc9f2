package devicegate

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"time"

	"haechi"
)

// Occupy takes of the budget of unproved connections.
func (g *Gate) Occupy(n int64) { g.unproved.Add(n) }

// Rooms and DeviceWriter open internals whose promises are not visible in bytes.
type Rooms = rooms

func (r *rooms) Name(text []byte) string { return r.name(text) }

type DeviceWriter struct {
	*device
	to *session
}

func NewDeviceWriter(c net.Conn) DeviceWriter {
	to := &session{loose: &loose{dev: newReader(c)},
		gate: (&Gate{cfg: Config{WriteTimeout: time.Second}, deps: Deps{Now: time.Now}, layout: &layout{Profile: new(haechi.Profile)}}).door(nil)}
	return DeviceWriter{&device{}, to}
}

func (d DeviceWriter) Write(p string) error { return d.write(d.to, []byte(p)) }
func (d DeviceWriter) Tell(p string)        { d.tell(d.to, []byte(p)) }
func (d DeviceWriter) Settle()              { d.settle(d.to) }
func (d DeviceWriter) Dropped() uint64      { return d.to.gate.dropped.Load() }

// Rival is a session that somebody else has with the device.
type Rival struct{ s *session }

func NewRival(service, device string) Rival {
	return Rival{&session{device: device,
		gate: (&Gate{cfg: Config{Service: service}, deps: Deps{Now: time.Now}}).door(nil)}}
}

func (w *Winners) Claim(r Rival)   { w.claim(r.s) }
func (w *Winners) Release(r Rival) { w.release(r.s) }

// Beaten is why it was ended, or "".
func (r Rival) Beaten() haechi.Reason {
	if e := r.s.ending(); e != nil {
		return e.Reason
	}
	return ""
}

// Beats are a deadline and a note of life as they come back from a machine that was put
// away, in a gate of that birth.
func Beats(born, due, seen time.Time) (dueBack, seenBack time.Time, ok bool) {
	g := &Gate{born: born}
	m := &Machine{state: open, status: haechi.Approved, key: "a/1", bot: "a", serial: "1", deadline: due, lastSeen: seen,
		actor: haechi.Actor{Addr: netip.IPv6Loopback(), Client: netip.PrefixFrom(netip.IPv6Loopback(), 128), Device: "a/1", Assurance: haechi.Authenticated}}
	var k still
	if !k.keep(g, m, m.key) {
		return due, seen, false
	}
	k.restore(g, m, m.key, 1)
	return m.deadline, m.lastSeen, true
}

// MachineFields are the names of a machine's fields.
func MachineFields() (names []string) {
	for f := range reflect.TypeFor[Machine]().Fields() {
		names = append(names, f.Name)
	}
	return names
}

// Dump is everything that a machine knows, but for what a frame that is over left, with
// times to the second.
func Dump(m *Machine) string {
	c := *m
	c.gate, c.wait, c.out, c.partial, c.proofSeq, c.version = nil, wait{}, nil, nil, 0, ""
	c.deadline, c.lastSeen = c.deadline.UTC().Round(time.Second), c.lastSeen.UTC().Round(time.Second)
	pin := "none"
	if c.pin != nil {
		pin, c.pin = *c.pin, nil
	}
	return fmt.Sprintf("%+v %s", c, pin)
}

// PutAway puts a machine away and says how to get it back.
func PutAway(m *Machine) (back func() *Machine, ok bool) {
	var k still
	if !k.keep(m.gate, m, m.key) {
		return nil, false
	}
	return func() *Machine {
		fresh := new(Machine)
		k.restore(m.gate, fresh, m.key, m.session)
		return fresh
	}, true
}
