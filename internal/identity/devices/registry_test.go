package devices_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

func TestUnknownDeviceBecomesPendingAndNothingElse(t *testing.T) {
	s := newStore()
	r := open(t, devices.Config{}, s)
	d := loaDevice()
	d.Status, d.By = haechi.Approved, "itself" // what a caller passes does not count
	got, err := r.Register(d, start)
	if err != nil || got.Status != haechi.Pending || got.By != "" || !got.FirstSeen.Equal(start) {
		t.Fatalf("registered as %+v, %v", got, err)
	}
	if known, ok := r.Lookup(loa); !ok || known.Status != haechi.Pending {
		t.Errorf("lookup: %+v %v", known, ok)
	}
	if keys := r.Keys(loa, start); keys != nil {
		t.Error("a pending device has keys in force")
	}
	set(t, r, loa, haechi.Approved)
	if again, err := r.Register(loaDevice(), start); err != nil || again.Status != haechi.Approved {
		t.Errorf("registering a known device: %+v %v, want it as it is", again, err)
	}
}

func TestAddedDevicesAreWrittenAtOnce(t *testing.T) {
	s := newStore()
	r := open(t, devices.Config{Now: func() time.Time { return start }}, s)
	if _, err := r.Add(t.Context(), loaDevice(), start); err != nil {
		t.Fatal(err)
	}
	if d, ok := s.stored(loa); !ok || d.Status != haechi.Pending {
		t.Errorf("the store has %+v, %v", d, ok)
	}
	s.set(func(s *store) { s.fail = errDisk })
	if _, err := r.Add(t.Context(), device("b", "1", ""), start); !errors.Is(err, errDisk) {
		t.Errorf("a failed write is acknowledged: %v", err)
	}
	s.set(func(s *store) { s.fail = nil })
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.stored("b/1"); !ok {
		t.Error("it is not written later")
	}
}

func TestKeysOfDevicesAreCaseSensitive(t *testing.T) {
	r := open(t, devices.Config{}, newStore(with(loaDevice(), haechi.Approved)))
	for _, other := range []string{"loa.i/0123456789abcdef", "LOA.I/0123456789abcdef", "LOA.i/0123456789ABCDEF", "LOA.i/0123456789abcdef ", "LOA.i"} {
		if d, ok := r.Lookup(other); ok {
			t.Errorf("%q finds %q", other, d.Key)
		}
	}
}

func TestRegisterRefusesUnfitKeys(t *testing.T) {
	r := open(t, devices.Config{}, newStore())
	for name, change := range map[string]func(*haechi.Device){
		"key of another":    func(d *haechi.Device) { d.Key = "LOA.i/other" },
		"no serial":         func(d *haechi.Device) { d.Serial = ""; d.Key = "LOA.i/" },
		"control character": func(d *haechi.Device) { d.Bot = "a\x1b[2J"; d.Key = haechi.DeviceKey(d.Bot, d.Serial) },
		"not UTF-8":         func(d *haechi.Device) { d.Bot = "a\xff"; d.Key = haechi.DeviceKey(d.Bot, d.Serial) },
		"too long": func(d *haechi.Device) {
			d.Bot = fmt.Sprintf("%0300d", 1)
			d.Key = haechi.DeviceKey(d.Bot, d.Serial)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := loaDevice()
			change(&d)
			_, err := r.Register(d, start)
			wantKind(t, err, haechi.Invalid)
		})
	}
}

func TestPendingCapAndFairness(t *testing.T) {
	r := open(t, devices.Config{PendingCap: 10, PendingPerClient: 4}, newStore(with(device("old", "1", "203.0.113.1"), haechi.Pending)))
	register := func(i int, addr string) error {
		_, err := r.Register(device("bot", fmt.Sprint(i), addr), start)
		return err
	}
	for i := range 4 { // one /64 is one client
		if err := register(i, fmt.Sprintf("2001:db8::%d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, register(4, "2001:db8::ffff"), haechi.Exhausted)
	for i := range 5 {
		if err := register(10+i, fmt.Sprintf("192.0.2.%d", i+1)); err != nil {
			t.Fatalf("%d: another client is refused because of a greedy one: %v", i, err)
		}
	}
	wantKind(t, register(20, "192.0.2.99"), haechi.Exhausted)
	set(t, r, "bot/0", haechi.Approved) // makes room, for all and for its client
	if err := register(21, "2001:db8::eeee"); err != nil {
		t.Errorf("after an approval: %v", err)
	}
	if _, err := r.Delete(context.Background(), "old/1"); err != nil {
		t.Fatal(err)
	}
	if err := register(22, "203.0.113.1"); err != nil {
		t.Errorf("after a deletion: %v", err)
	}
	for _, c := range r.Stats() {
		if want, ok := map[string]uint64{"devices.pending": 10, "devices.pending_refused": 2, "devices.known": 11}[c.Name]; ok && c.Value != want {
			t.Errorf("%s is %d, want %d", c.Name, c.Value, want)
		}
	}
}

func TestListFiltersAndSorts(t *testing.T) {
	web := device("web", "1", "")
	web.Service = "other"
	r := open(t, devices.Config{}, newStore(with(device("b", "1", ""), haechi.Approved), device("a", "1", ""), device("c", "1", ""), web))
	keys := func(f haechi.DeviceFilter) (out string) {
		for _, d := range r.List(f) {
			out += d.Key + " "
		}
		return out
	}
	for _, c := range []struct {
		f    haechi.DeviceFilter
		want string
	}{
		{haechi.DeviceFilter{}, "a/1 b/1 c/1 web/1 "},
		{haechi.DeviceFilter{Limit: 2}, "a/1 b/1 "},
		{haechi.DeviceFilter{Key: "c/1"}, "c/1 "},
		{haechi.DeviceFilter{Key: "c"}, ""},
		{haechi.DeviceFilter{Key: "web/1", Service: "bots"}, ""},
		{haechi.DeviceFilter{Service: "bots", Statuses: []haechi.DeviceStatus{haechi.Pending}}, "a/1 c/1 "},
	} {
		if got := keys(c.f); got != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	r := open(t, devices.Config{}, newStore(with(loaDevice(), haechi.Approved)))
	if _, err := r.NewKey(context.Background(), loa, start); err != nil {
		t.Fatal(err)
	}
	a := addr("192.0.2.7")
	if n := testing.AllocsPerRun(100, func() {
		r.Lookup(loa)
		r.Keys(loa, start)
		r.Seen(loa, a, "3.3.3", start, true)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := newStore(with(loaDevice(), haechi.Approved))
	r := open(t, devices.Config{Now: func() time.Time { return start }}, s)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				key := fmt.Sprintf("bot%d/%d", w, i)
				if _, err := r.Register(device(fmt.Sprint("bot", w), fmt.Sprint(i), fmt.Sprintf("192.0.2.%d", i)), start); err != nil {
					t.Error(err)
				}
				r.Seen(loa, addr("192.0.2.9"), "3.3.3", start, true)
				r.Keys(loa, start)
				set(t, r, key, haechi.Approved)
				r.NewKey(context.Background(), key, start)
				r.List(haechi.DeviceFilter{Limit: 3})
				if i%10 == 0 {
					r.Flush(context.Background())
				}
			}
		})
	}
	wg.Wait()
	if got := len(r.List(haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Approved}})); got != 401 {
		t.Errorf("%d approved devices, want 401", got)
	}
	if again := open(t, devices.Config{}, s); len(again.List(haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Approved}})) != 401 {
		t.Error("the store does not hold what was acknowledged")
	}
}
