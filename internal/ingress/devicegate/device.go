package devicegate

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// maxNotices bounds the gate's own frames that wait for a line end, in bytes.
const maxNotices = 4096

// device is the writing side of a device's connection. It is written by the pump
// of the upstream and, between two of its lines, by the gate itself.
type device struct {
	conn    net.Conn
	framing *haechi.Framing
	timeout time.Duration
	now     func() time.Time
	sent    atomic.Int64
	dropped *atomic.Uint64

	mu    sync.Mutex // held while writing
	ends  boundary   // of the upstream's frames
	armed time.Time

	waitMu  sync.Mutex
	waiting []byte
}

// write writes bytes of the upstream, and the gate's own frames where a line ends.
func (d *device) write(p []byte) error {
	d.mu.Lock()
	err := d.chunk(p)
	d.mu.Unlock()
	d.flush()
	return err
}

func (d *device) chunk(p []byte) error {
	within := d.ends.within()
	if _, end := d.ends.pass(d.framing, p); end > 0 && end < len(p) && within && d.hasNotices() {
		// A notice waits for the end of a long frame: put it there.
		if err := d.put(p[:end]); err != nil {
			return err
		}
		if err := d.notices(); err != nil {
			return err
		}
		p = p[end:]
	}
	return d.put(p)
}

// tell writes a frame of the gate's own, at once or at the next line end. It does
// not wait for a pump that is stuck.
func (d *device) tell(frame []byte) {
	d.waitMu.Lock()
	if len(d.waiting)+len(frame) > maxNotices {
		d.dropped.Add(1)
	} else {
		d.waiting = append(d.waiting, frame...)
	}
	d.waitMu.Unlock()
	d.flush()
}

// flush writes waiting frames, unless a line is under way or somebody writes: who
// does flushes when done.
func (d *device) flush() {
	for d.hasNotices() && d.mu.TryLock() {
		mid := d.ends.within()
		var err error
		if !mid {
			err = d.notices()
		}
		d.mu.Unlock()
		if mid || err != nil {
			return
		}
	}
}

// settle waits until nobody writes and nothing of the gate's own waits, unless the
// upstream stopped within a line. What is told last must be out before the end is.
func (d *device) settle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ends.within() && d.hasNotices() {
		_ = d.notices() // a device that is gone is told nothing
	}
}

func (d *device) hasNotices() bool {
	d.waitMu.Lock()
	defer d.waitMu.Unlock()
	return len(d.waiting) > 0
}

func (d *device) notices() error {
	d.waitMu.Lock()
	out := d.waiting
	d.waiting = nil
	d.waitMu.Unlock()
	return d.put(out)
}

func (d *device) put(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	d.armed = arm(d.conn, d.armed, d.now(), d.timeout)
	n, err := d.conn.Write(p)
	d.sent.Add(int64(n))
	return err
}

// arm keeps a write deadline of at least three quarters of the timeout ahead,
// which spares setting it for every write.
func arm(c net.Conn, armed, now time.Time, timeout time.Duration) time.Time {
	if armed.Sub(now) >= timeout*3/4 {
		return armed
	}
	armed = now.Add(timeout)
	_ = c.SetWriteDeadline(armed) // a closed connection fails at the write
	return armed
}
