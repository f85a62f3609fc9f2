package devicegate

import (
	"net"
	"sync/atomic"
	"time"

	"haechi"
)

// Occupy takes of the budget of unproved connections.
func (g *Gate) Occupy(n int64) { g.unproved.Add(n) }

// Rooms and DeviceWriter open internals whose promises are not visible in bytes.
type Rooms = rooms

func (r *rooms) Name(text []byte) string { return r.name(text) }

type DeviceWriter struct{ *device }

func NewDeviceWriter(c net.Conn) DeviceWriter {
	return DeviceWriter{&device{conn: c, framing: new(haechi.Framing), timeout: time.Second, now: time.Now, dropped: new(atomic.Uint64)}}
}

func (d DeviceWriter) Write(p string) error { return d.write([]byte(p)) }
func (d DeviceWriter) Tell(p string)        { d.tell([]byte(p)) }
func (d DeviceWriter) Settle()              { d.settle() }
func (d DeviceWriter) Dropped() uint64      { return d.dropped.Load() }
