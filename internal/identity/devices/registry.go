package devices

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"haechi"
)

// Registry knows every device. It is safe for concurrent use.
type Registry struct {
	cfg    Config
	store  Store
	health health
	outer  *Outer // nil: none

	// index is replaced whole, so that lookups take no lock.
	index atomic.Pointer[map[string]*entry]

	// admin is held over a whole administrative change, its write and OnChange.
	admin sync.Mutex
	// mu guards index replacement and the counts of pending devices. It is never
	// held over a call of the store.
	mu      sync.Mutex
	line    []*place            // of the pending devices, in no order
	alone   int                 // how many of these never came back
	waiting places              // of these, by client
	nets    places              // and by network
	gone    map[string]struct{} // displaced, and perhaps still in the store
	// seenBefore notes who was refused a place, under mu as well.
	seenBefore *doormat

	codes codes
	notes notes

	wake      chan struct{} // something waits to be written
	refused   atomic.Uint64 // registrations beyond the caps
	displaced atomic.Uint64 // pending devices that lost their place
}

// Open loads the registry. It fails if the store does: without it nobody is
// approved, and starting like that would only look like working.
func Open(ctx context.Context, cfg Config, store Store) (*Registry, error) {
	cfg = cfg.withDefaults()
	r := &Registry{cfg: cfg, store: store, health: health{start: cfg.Now()},
		waiting: make(places), nets: make(places),
		gone: make(map[string]struct{}), seenBefore: newDoormat(), wake: make(chan struct{}, 1)}
	list, err := store.Devices(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the device registry: %w", err)
	}
	index := make(map[string]*entry, len(list))
	for _, d := range list {
		keys, err := store.Keys(ctx, d.Key)
		if err != nil {
			return nil, fmt.Errorf("load the keys of device %q: %w", d.Key, err)
		}
		index[d.Key] = r.load(d, keys)
	}
	r.index.Store(&index)
	if err := r.loadCodes(ctx); err != nil {
		return nil, fmt.Errorf("load the enrolment codes: %w", err)
	}
	return r, nil
}

// load makes the entry of a stored device. Should the store hold more than two
// keys, a change was interrupted; the newest two count.
func (r *Registry) load(d haechi.Device, keys []haechi.Key) *entry {
	share(&d)
	e := &entry{dev: d, savedAt: r.cfg.Now(), stored: true, clock: clockOf(d.Skew)}
	e.addr, _ = netip.ParseAddr(d.Addr)
	newestFirst(keys)
	for _, k := range keys {
		e.made = max(e.made, int32(min(keyNumber(k.ID), math.MaxInt32-1)))
	}
	e.publish(func(*haechi.Device) {}, keys[:min(len(keys), maxKeys)])
	if d.Status == haechi.Pending {
		r.wait(e)
	}
	return e
}

// share gives up a loaded device's own copies of texts that its key or other devices
// have as well.
func share(d *haechi.Device) {
	if bot, serial, ok := haechi.SplitDeviceKey(d.Key); ok && bot == d.Bot && serial == d.Serial {
		d.Bot, d.Serial = bot, serial
	}
	if d.UUID == d.Serial {
		d.UUID = d.Serial
	}
	for _, text := range []*string{&d.Service, &d.By, &d.ClientType, &d.Version} {
		*text = unique.Make(*text).Value()
	}
}

func (r *Registry) entry(key string) *entry { return (*r.index.Load())[key] }

func notFound(op, key string) error {
	return &haechi.Error{Kind: haechi.NotFound, Op: op, Msg: fmt.Sprintf("no device %q", key),
		Hint: "haechi devices lists them; names are case-sensitive"}
}

// Lookup finds a device in memory. Once the store has failed for longer than the
// grace, an approved device is returned as pending: known, and not admitted. Its Addr
// may be some seconds old.
func (r *Registry) Lookup(key string) (haechi.Device, bool) {
	e := r.entry(key)
	if e == nil {
		return haechi.Device{}, false
	}
	d := e.standing()
	if now := r.cfg.Now(); d.Status == haechi.Approved && (r.closed(now) || e.shut(now)) {
		unknown(&d)
	}
	return d, true
}

// Keys are the keys by which the device may sign now, newest first: none unless
// it is approved, none once the registry has closed. The answer is shared and
// must not be changed. It allocates nothing.
func (r *Registry) Keys(device string, now time.Time) []haechi.Key {
	e := r.entry(device)
	if e == nil || r.closed(now) || e.shut(now) {
		return nil
	}
	return e.valid(now)
}

// Approved reports whether the device may converse now, whatever keys it has: it is
// approved, and no registry that it depends on has closed. It allocates nothing.
func (r *Registry) Approved(device string, now time.Time) bool {
	e := r.entry(device)
	return e != nil && !r.closed(now) && !e.shut(now) && e.keys.Load() != nil
}

// Seen notes that a device showed itself: its address and version, and whether
// it was a signed answer to a ping. Unknown devices are ignored. It is cheap and
// written later.
func (r *Registry) Seen(key string, addr netip.Addr, version string, now time.Time, ping bool) {
	if e := r.entry(key); e != nil {
		e.seen(addr, version, now, ping)
	}
}

// List returns the devices that pass the filter, sorted by key. Limit 0 means all.
func (r *Registry) List(f haechi.DeviceFilter) []haechi.Device {
	index := *r.index.Load()
	if f.Key != "" {
		index = map[string]*entry{}
		if e := r.entry(f.Key); e != nil {
			index[f.Key] = e
		}
	}
	out := make([]haechi.Device, 0, min(len(index), 1024))
	for _, e := range index {
		d := e.view()
		if (f.Service == "" || f.Service == d.Service) &&
			(len(f.Statuses) == 0 || slices.Contains(f.Statuses, d.Status)) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b haechi.Device) int { return strings.Compare(a.Key, b.Key) })
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	for i := range out {
		out[i].Keys = r.withUse(out[i].Key, out[i].Keys)
	}
	return out
}

func (r *Registry) withUse(device string, keys []haechi.KeyInfo) []haechi.KeyInfo {
	if len(keys) == 0 {
		return keys
	}
	keys = slices.Clone(keys)
	for i := range keys {
		if t := r.cfg.LastUse(device, keys[i].ID); t.After(keys[i].LastUse) {
			keys[i].LastUse = t
		}
	}
	return keys
}

// Stats are the bounds: devices known and pending, registrations refused, and
// failed calls of the store.
func (r *Registry) Stats() []haechi.Counter {
	r.mu.Lock()
	pending := len(r.line)
	r.mu.Unlock()
	return []haechi.Counter{
		{Name: "devices.known", Value: uint64(len(*r.index.Load()))},
		{Name: "devices.pending", Value: uint64(pending)},
		{Name: "devices.pending_refused", Value: r.refused.Load()},
		{Name: "devices.pending_displaced", Value: r.displaced.Load()},
		{Name: "devices.codes_open", Value: uint64(r.codes.open(r.cfg.Now()))},
		{Name: "devices.enrolled", Value: r.codes.enrolled.Load()},
		{Name: "devices.pin_refused", Value: r.notes.refused.Load()},
		{Name: "devices.notes_dropped", Value: r.notes.dropped.Load()},
		{Name: "devices.store_errors", Value: r.health.errors.Load()},
	}
}

// put adds or, with a nil entry, removes a device. The caller holds mu.
func (r *Registry) put(key string, e *entry) {
	next := maps.Clone(*r.index.Load())
	if e == nil {
		delete(next, key)
	} else {
		next[key] = e
	}
	r.index.Store(&next)
}
