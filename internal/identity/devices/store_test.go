package devices_test

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

var errDisk = errors.New("disk gone")

// store keeps devices in memory and fails or hangs on command.
type store struct {
	mu      sync.Mutex
	devices map[string]haechi.Device
	keys    map[string][]haechi.Key
	fail    error
	failKey string // SaveKey of this id fails
	hang    bool   // every call waits for its context
	saves   int
	codes   map[string]haechi.EnrolCode
	notes   []haechi.AuditEntry
}

func newStore(ds ...haechi.Device) *store {
	s := &store{devices: map[string]haechi.Device{}, keys: map[string][]haechi.Key{}, codes: map[string]haechi.EnrolCode{}}
	for _, d := range ds {
		s.devices[d.Key] = d
	}
	return s
}

func (s *store) call(ctx context.Context, do func()) error {
	s.mu.Lock()
	hang, fail := s.hang, s.fail
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if fail != nil {
		return fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	return nil
}

func (s *store) set(change func(*store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *store) Devices(ctx context.Context) (out []haechi.Device, err error) {
	return out, s.call(ctx, func() {
		for _, d := range s.devices {
			out = append(out, d)
		}
	})
}

func (s *store) SaveDevice(ctx context.Context, d *haechi.Device) error {
	return s.call(ctx, func() { s.devices[d.Key] = *d; s.saves++ })
}

func (s *store) DeleteDevice(ctx context.Context, key string) error {
	return s.call(ctx, func() { delete(s.devices, key) })
}

func (s *store) Keys(ctx context.Context, device string) (out []haechi.Key, err error) {
	return out, s.call(ctx, func() { out = slices.Clone(s.keys[device]) })
}

func (s *store) SaveKey(ctx context.Context, device string, k *haechi.Key) error {
	if s.failKey == k.ID {
		return errDisk
	}
	return s.call(ctx, func() {
		keys := slices.DeleteFunc(s.keys[device], func(o haechi.Key) bool { return o.ID == k.ID })
		s.keys[device] = append(keys, *k)
	})
}

func (s *store) DeleteKey(ctx context.Context, device, id string) error {
	return s.call(ctx, func() {
		s.keys[device] = slices.DeleteFunc(s.keys[device], func(o haechi.Key) bool { return o.ID == id })
	})
}

func (s *store) SaveDevices(ctx context.Context, ds []haechi.Device) error {
	return s.call(ctx, func() {
		for _, d := range ds {
			s.devices[d.Key] = d
			s.saves++
		}
	})
}

func (s *store) SaveSeen(ctx context.Context, ds []haechi.Device) error {
	return s.call(ctx, func() {
		for _, d := range ds {
			old, ok := s.devices[d.Key]
			if !ok {
				continue
			}
			old.Addr, old.Version, old.LastSeen, old.LastPing, old.Skew = d.Addr, d.Version, d.LastSeen, d.LastPing, d.Skew
			s.devices[d.Key] = old
			s.saves++
			for i, k := range s.keys[d.Key] {
				for _, info := range d.Keys {
					if info.ID == k.ID && info.LastUse.After(k.LastUse) {
						s.keys[d.Key][i].LastUse = info.LastUse
					}
				}
			}
		}
	})
}

func (s *store) Codes(ctx context.Context) (out []haechi.EnrolCode, err error) {
	return out, s.call(ctx, func() { out = slices.Collect(maps.Values(s.codes)) })
}

func (s *store) SaveCode(ctx context.Context, c *haechi.EnrolCode) error {
	return s.call(ctx, func() { s.codes[c.ID] = *c })
}

func (s *store) DeleteCode(ctx context.Context, id string) error {
	return s.call(ctx, func() { delete(s.codes, id) })
}

func (s *store) Enrol(ctx context.Context, c *haechi.EnrolCode, d *haechi.Device, k *haechi.Key) error {
	return s.call(ctx, func() {
		s.codes[c.ID], s.devices[d.Key] = *c, *d
		s.keys[d.Key] = append(s.keys[d.Key], *k)
	})
}

func (s *store) note(ctx context.Context, e *haechi.AuditEntry) error {
	return s.call(ctx, func() { s.notes = append(s.notes, *e) })
}

func (s *store) stored(key string) (haechi.Device, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.devices[key]
	return d, ok
}

func (s *store) saved() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves
}

func device(bot, serial, addr string) haechi.Device {
	return haechi.Device{Key: haechi.DeviceKey(bot, serial), Bot: bot, Serial: serial, Service: "bots",
		Addr: addr, ClientType: "MessengerBotR", Version: "3.3.3"}
}

func with(d haechi.Device, s haechi.DeviceStatus) haechi.Device {
	d.Status = s
	return d
}

const loa = "LOA.i/0123456789abcdef"

func loaDevice() haechi.Device { return device("LOA.i", "0123456789abcdef", "192.0.2.7") }

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, cfg devices.Config, s devices.Store) *devices.Registry {
	t.Helper()
	r, err := devices.Open(context.Background(), cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func set(t *testing.T, r *devices.Registry, key string, s haechi.DeviceStatus) {
	t.Helper()
	if _, _, err := r.SetStatus(context.Background(), key, s, "kim", "test", start); err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, want haechi.ErrorKind) {
	t.Helper()
	if err == nil || haechi.KindOf(err) != want {
		t.Errorf("error %v, want one of kind %v", err, want)
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
