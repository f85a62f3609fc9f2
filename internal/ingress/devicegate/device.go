package devicegate

import (
	"errors"
	"slices"
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

	waiting atomic.Pointer[[]byte] // nil: nothing; what it points to does not change
}

// errOverlong is a frame of the upstream's beyond its bound. Nothing of what made it so
// is written.
var errOverlong = errors.New("a frame of the upstream is too long")

// wire is where a device's bytes go.
type wire interface {
	// put writes all of p, within the time a write may take.
	put(p []byte) (n int, err error)
	// lost notes that a frame of the gate's own found no room.
	lost()
	// framing says where the upstream's frames end, and how long one may be; 0: any.
	framing() (f *haechi.Framing, longest int64)
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
	f, most := to.framing()
	longest, end := d.ends.pass(f, p)
	if longest > most && most > 0 {
		return errOverlong
	}
	if end > 0 && end < len(p) && within && d.hasNotices() {
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
	for {
		old := d.waiting.Load()
		var more []byte
		if old != nil {
			more = *old
		}
		if len(more)+len(frame) > maxNotices {
			to.lost()
			break
		}
		more = slices.Concat(more, frame)
		if d.waiting.CompareAndSwap(old, &more) {
			break
		}
	}
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
	return d.waiting.Load() != nil
}

func (d *device) notices(to wire) error {
	out := d.waiting.Swap(nil)
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
	if s.dev.Taken() {
		return s.send(s.gate.deps.Idle.FD(s.dev), p)
	}
	return s.loose.dev.write(p, s.gate.deps.Now(), s.gate.cfg.WriteTimeout)
}

func (s *session) lost() { s.gate.dropped.Add(1) }

func (s *session) framing() (f *haechi.Framing, longest int64) {
	return &s.gate.layout.Framing, s.gate.cfg.LineOut
}
