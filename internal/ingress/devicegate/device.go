package devicegate

import (
	"sync"
	"sync/atomic"

	"haechi"
)

// maxNotices bounds the gate's own frames that wait for a line end, in bytes.
const maxNotices = 4096

// device is the writing side of a device's connection. It is written by the hand of
// the upstream and, between two of its lines, by the gate itself.
type device struct {
	sent atomic.Int64

	mu   sync.Mutex // held while writing
	ends boundary   // of the upstream's frames

	waitMu  sync.Mutex
	waiting *[]byte // nil: nothing
}

// wire is where a device's bytes go.
type wire interface {
	// put writes all of p, within the time a write may take.
	put(p []byte) (n int, err error)
	// lost notes that a frame of the gate's own found no room.
	lost()
	// framing says where the upstream's frames end.
	framing() *haechi.Framing
}

// write writes bytes of the upstream, and the gate's own frames where a line ends.
func (d *device) write(to wire, p []byte) error {
	d.mu.Lock()
	err := d.chunk(to, p)
	d.mu.Unlock()
	d.flush(to)
	return err
}

func (d *device) chunk(to wire, p []byte) error {
	within := d.ends.within()
	if _, end := d.ends.pass(to.framing(), p); end > 0 && end < len(p) && within && d.hasNotices() {
		// A notice waits for the end of a long frame: put it there.
		if err := d.put(to, p[:end]); err != nil {
			return err
		}
		if err := d.notices(to); err != nil {
			return err
		}
		p = p[end:]
	}
	return d.put(to, p)
}

// tell writes a frame of the gate's own, at once or at the next line end. It does
// not wait for a pump that is stuck.
func (d *device) tell(to wire, frame []byte) {
	d.waitMu.Lock()
	if d.waiting == nil {
		d.waiting = new([]byte)
	}
	if len(*d.waiting)+len(frame) > maxNotices {
		to.lost()
	} else {
		*d.waiting = append(*d.waiting, frame...)
	}
	d.waitMu.Unlock()
	d.flush(to)
}

// flush writes waiting frames, unless a line is under way or somebody writes: who
// does flushes when done.
func (d *device) flush(to wire) {
	for d.hasNotices() && d.mu.TryLock() {
		mid := d.ends.within()
		var err error
		if !mid {
			err = d.notices(to)
		}
		d.mu.Unlock()
		if mid || err != nil {
			return
		}
	}
}

// settle waits until nobody writes and nothing of the gate's own waits, unless the
// upstream stopped within a line. What is told last must be out before the end is.
func (d *device) settle(to wire) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ends.within() && d.hasNotices() {
		_ = d.notices(to) // a device that is gone is told nothing
	}
}

func (d *device) hasNotices() bool {
	d.waitMu.Lock()
	defer d.waitMu.Unlock()
	return d.waiting != nil && len(*d.waiting) > 0
}

func (d *device) notices(to wire) error {
	d.waitMu.Lock()
	out := d.waiting
	d.waiting = nil
	d.waitMu.Unlock()
	if out == nil {
		return nil
	}
	return d.put(to, *out)
}

func (d *device) put(to wire, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := to.put(p)
	d.sent.Add(int64(n))
	return err
}

// put writes to the device.
func (s *session) put(p []byte) (int, error) {
	if s.dev.fd >= 0 {
		return s.send(int(s.dev.fd), p)
	}
	return s.loose.dev.write(p, s.gate.deps.Now(), s.gate.cfg.WriteTimeout)
}

func (s *session) lost()                    { s.gate.dropped.Add(1) }
func (s *session) framing() *haechi.Framing { return &s.gate.layout.Framing }
