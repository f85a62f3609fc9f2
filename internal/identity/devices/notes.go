package devices

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// The actions of what the registry does by itself, in the audit chain.
const (
	ActionPin        = "device.pin"
	ActionPinRefused = "device.pin.refused"
)

// maxNotes bounds the audit entries that wait to be written.
const maxNotes = 1000

// notes are audit entries of what nobody asked for: they wait for the next flush,
// since a frame does not wait for a disk.
type notes struct {
	mu      sync.Mutex
	waiting []haechi.AuditEntry
	refused atomic.Uint64 // pins
	dropped atomic.Uint64
}

func (n *notes) add(e haechi.AuditEntry) {
	e.By, e.Via = "system", "gate"
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.waiting) >= maxNotes {
		n.dropped.Add(1)
		return
	}
	n.waiting = append(n.waiting, e)
}

// write hands waiting entries over, oldest first; what fails waits again.
func (n *notes) write(ctx context.Context, put func(context.Context, *haechi.AuditEntry) error) error {
	for {
		n.mu.Lock()
		if len(n.waiting) == 0 {
			n.mu.Unlock()
			return nil
		}
		e := n.waiting[0]
		n.mu.Unlock()
		if err := put(ctx, &e); err != nil {
			return err
		}
		n.mu.Lock()
		if n.waiting = n.waiting[1:]; len(n.waiting) == 0 { // only a flush takes away, and there is one at a time
			n.waiting = nil
		}
		n.mu.Unlock()
	}
}

// pinEvery is how often at most a device's refused pin is audited; all are counted.
const pinEvery = time.Hour
