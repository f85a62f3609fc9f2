package devices

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"haechi"
)

// entry is one device in memory. Administrative fields change under the
// registry's admin lock and mu; sightings under mu alone.
type entry struct {
	mu   sync.Mutex
	dev  haechi.Device // Keys is replaced whole, never written into
	addr netip.Addr    // the last one

	moved     bool // dev.Addr is not that of addr
	touched   bool // not yet told to Touched
	unsaved   bool // not in the store at all
	stored    bool // it is in the store, or about to be
	removed   bool // it lost its place
	unwritten bool // what measure found is not in the store

	offered atomic.Bool // to the outer registry
	made    int32       // highest number ever given to a key; under the admin lock
	savedAt time.Time   // when the store last wrote it

	// keys are those in force, newest first, at most two; nil unless approved.
	keys atomic.Pointer[[]haechi.Key]
	all  []haechi.Key // newest first, whatever the status; under the admin lock

	client netip.Prefix // by whose share it waits while pending
	place  *place       // while pending; under the registry's mu

	clock clock
	// Since the registry was opened, 0 is never: when a refused pin was last audited,
	// and when it last might have brought an enrolment code.
	pinNoted, tried time.Duration

	// word is what an outer registry says about the device; nil if none governs it.
	word  atomic.Pointer[word]
	heard *word  // of the reading under way, and
	round uint64 // which reading last had a row; under the admin lock
}

// snapshot copies the device.
func (e *entry) snapshot() haechi.Device {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.dev
	e.spell(&d)
	return d
}

// at notes where the device is. The address is spelled out when it is shown or written,
// and not kept as a text: of thousands of devices that come at once these would lie among
// what is soon garbage, and hold many times their size. The caller holds mu.
func (e *entry) at(addr netip.Addr) {
	if addr.IsValid() && addr != e.addr {
		e.addr, e.moved = addr, true
	}
}

// spell brings a copy's Addr up to date. The caller holds mu.
func (e *entry) spell(d *haechi.Device) {
	if e.moved {
		d.Addr = e.addr.String()
	}
}

// publish makes an administrative change visible and returns the device. What
// was seen meanwhile is kept.
func (e *entry) publish(change func(*haechi.Device), keys []haechi.Key) haechi.Device {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.dev)
	e.dev.Keys = infos(keys, e.dev.Keys)
	e.all = keys
	e.touched = true
	e.enforce()
	return e.spelled()
}

// valid are the keys in force at the time, without copying them.
func (e *entry) valid(now time.Time) []haechi.Key {
	p := e.keys.Load()
	if p == nil {
		return nil
	}
	keys := *p
	for len(keys) > 0 && !keys[0].Valid(now) {
		keys = keys[1:]
	}
	for len(keys) > 0 && !keys[len(keys)-1].Valid(now) {
		keys = keys[:len(keys)-1]
	}
	return keys
}

// seen notes a sighting. It reports nothing: it is written at a flush.
func (e *entry) seen(addr netip.Addr, version string, now time.Time, ping bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.touched = true
	e.dev.LastSeen = now
	if ping {
		e.dev.LastPing = now
	}
	e.at(addr)
	if version != "" && version != e.dev.Version && len(version) <= maxText {
		e.dev.Version = unique.Make(version).Value() // there are few, and many devices
	}
}

// infos describes keys without their secrets. What is known of their last use is
// kept.
func infos(keys []haechi.Key, known []haechi.KeyInfo) []haechi.KeyInfo {
	if len(keys) == 0 {
		return nil
	}
	out := make([]haechi.KeyInfo, len(keys))
	for i, k := range keys {
		out[i] = haechi.KeyInfo{ID: k.ID, Created: k.Created, Until: k.Until, LastUse: k.LastUse, Code: k.Code}
		for _, old := range known {
			if old.ID == k.ID && old.Created.Equal(k.Created) && old.LastUse.After(k.LastUse) {
				out[i].LastUse = old.LastUse
			}
		}
	}
	return out
}

// newestFirst sorts keys; equal times fall back to the number in the id.
func newestFirst(keys []haechi.Key) {
	slices.SortStableFunc(keys, func(a, b haechi.Key) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return keyNumber(b.ID) - keyNumber(a.ID)
	})
}
