package devices

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"haechi"
)

const (
	maxKey  = 256 // bytes of a device key
	maxText = 64  // bytes of what a device says of itself
)

// Register makes an unknown device pending, in memory at once and in the store
// with the next flush, so that a flood of newcomers is no flood of writes. A
// known device is returned as it is; if it is pending, it came back. Errors: Invalid when the key is not
// Bot/Serial or not fit to be shown; Exhausted when the queue of pending devices
// is full, for all or for this client; Unavailable when the registry has closed.
func (r *Registry) Register(d haechi.Device, now time.Time) (haechi.Device, error) {
	return r.register(d, false, now)
}

func (r *Registry) register(d haechi.Device, byOperator bool, now time.Time) (haechi.Device, error) {
	if err := validKey(&d); err != nil {
		return haechi.Device{}, err
	}
	if r.closed(now) {
		return haechi.Device{}, &haechi.Error{Kind: haechi.Unavailable, Op: "register a device", Msg: "the store has not answered for too long",
			Hint: "look at the store's disk and at haechi status"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := newcomer(&d, now)
	if known := r.entry(d.Key); known != nil {
		r.back(known, e.addr, now)
		return known.view(), nil
	}
	if r.outer != nil {
		e.word.Store(r.outer.none(&e.dev))
	}
	if err := r.room(e, byOperator, now); err != nil {
		r.refused.Add(1)
		return haechi.Device{}, err
	}
	r.wait(e)
	r.put(e.dev.Key, e)
	select {
	case r.wake <- struct{}{}:
	default: // the loop is awake already
	}
	return e.view(), nil
}

// Add registers a device on an operator's behalf, as Register does, and returns
// once it is written. When the store fails the device waits all the same and is
// written later; the error says that it was not yet.
func (r *Registry) Add(ctx context.Context, d haechi.Device, now time.Time) (haechi.Device, error) {
	added, err := r.register(d, true, now)
	if err != nil {
		return haechi.Device{}, err
	}
	return added, r.save(ctx, added.Key, now)
}

// newcomer copies what may be kept of a device's own words.
func newcomer(d *haechi.Device, now time.Time) *entry {
	addr, _ := netip.ParseAddr(d.Addr)
	e := &entry{addr: addr, touched: true, unsaved: true, dev: haechi.Device{
		Bot: strings.Clone(d.Bot), Serial: strings.Clone(d.Serial), Service: d.Service,
		Status: haechi.Pending, ChangedAt: now, FirstSeen: now, LastSeen: now,
		ClientType: short(d.ClientType), Version: short(d.Version),
	}}
	e.dev.Key = haechi.DeviceKey(e.dev.Bot, e.dev.Serial)
	if addr.IsValid() {
		e.dev.Addr = addr.String()
	}
	e.client = clientOf(addr)
	return e
}

// validKey holds a key to what can be stored and shown without surprises.
func validKey(d *haechi.Device) error {
	bad := func(msg string) error {
		return &haechi.Error{Kind: haechi.Invalid, Op: "register a device", Msg: msg}
	}
	bot, serial, ok := haechi.SplitDeviceKey(d.Key)
	switch {
	case !ok || bot != d.Bot || serial != d.Serial:
		return bad(fmt.Sprintf("%q is not the key of its bot and serial number", d.Key))
	case len(d.Key) > maxKey:
		return bad(fmt.Sprintf("the key has more than %d bytes", maxKey))
	case !utf8.ValidString(d.Key) || strings.ContainsFunc(d.Key, unicode.IsControl):
		return bad("the key holds control characters or is not UTF-8")
	}
	return nil
}

func short(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return strings.Clone(s)
}
