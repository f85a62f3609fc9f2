package devicegate

import (
	"fmt"
	"net"
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
	to := &session{dev: noBare(), up: noBare(), loose: &loose{dev: newReader(c)},
		gate: &Gate{cfg: Config{WriteTimeout: time.Second}, deps: Deps{Now: time.Now}, layout: &layout{Profile: new(haechi.Profile)}}}
	return DeviceWriter{&device{}, to}
}

func (d DeviceWriter) Write(p string) error { return d.write(d.to, []byte(p)) }
func (d DeviceWriter) Tell(p string)        { d.tell(d.to, []byte(p)) }
func (d DeviceWriter) Settle()              { d.settle(d.to) }
func (d DeviceWriter) Dropped() uint64      { return d.to.gate.dropped.Load() }

// Rival is a session that somebody else has with the device.
type Rival struct{ s *session }

func NewRival(service, device string) Rival {
	return Rival{&session{dev: noBare(), up: noBare(), device: device,
		gate: &Gate{cfg: Config{Service: service}, deps: Deps{Now: time.Now}}}}
}

func (w *Winners) Claim(r Rival)   { w.claim(r.s) }
func (w *Winners) Release(r Rival) { w.release(r.s) }

// Beaten is why it was ended, or "".
func (r Rival) Beaten() haechi.Reason {
	if e := r.s.over.Load(); e != nil {
		return e.Reason
	}
	return ""
}

// MachineFields are the names of a machine's fields.
func MachineFields() (names []string) {
	for f := range reflect.TypeFor[Machine]().Fields() {
		names = append(names, f.Name)
	}
	return names
}

// Dump is everything that a machine knows, but for what a frame that is over left.
func Dump(m *Machine) string {
	c := *m
	c.gate, c.wait, c.out, c.partial, c.proofSeq = nil, wait{}, nil, nil, 0
	c.deadline, c.lastSeen = c.deadline.UTC().Round(0), c.lastSeen.UTC().Round(0)
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
