package devices_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

// source is an outer registry in memory.
type source struct {
	mu      sync.Mutex
	rows    []devices.Row
	changed bool
	fail    error
	offers  []string
	refuse  map[string]error // of offers, by key
}

func (s *source) Read(context.Context) ([]devices.Row, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.changed
	if s.fail == nil {
		s.changed = false
	}
	return slices.Clone(s.rows), changed, s.fail
}

func (s *source) Offer(_ context.Context, d haechi.Device) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offers = append(s.offers, d.Key)
	return s.refuse[d.Key]
}

func (s *source) set(rows ...devices.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows, s.changed = rows, true
}

func (s *source) breaks(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func row(bot, serial string, s haechi.DeviceStatus) devices.Row {
	return devices.Row{Bot: bot, Serial: serial, Status: s, Text: s.String()}
}

func loaRow(s haechi.DeviceStatus) devices.Row { return row("LOA.i", "0123456789abcdef", s) }

// governed opens a registry whose service bots is governed by the source.
func governed(t *testing.T, cfg devices.Config, s devices.Store, src *source, change ...func(*devices.OuterConfig)) (*devices.Registry, *devices.Outer) {
	t.Helper()
	r := open(t, cfg, s)
	oc := devices.OuterConfig{Name: "database", Services: []string{"bots"}}
	for _, c := range change {
		c(&oc)
	}
	return r, r.Govern(oc, src)
}

func poll(t *testing.T, o *devices.Outer) {
	t.Helper()
	if err := o.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func status(t *testing.T, r *devices.Registry, key string) haechi.DeviceStatus {
	t.Helper()
	d, ok := r.At("bots").Lookup(key)
	if !ok {
		t.Fatalf("%s is not known", key)
	}
	return d.Status
}

// Only a row that says approved admits, and only with it are keys in force.
func TestOuterWordIsTheTruth(t *testing.T) {
	src := &source{}
	r, o := governed(t, devices.Config{Now: func() time.Time { return start }}, newStore(with(loaDevice(), haechi.Approved)), src)
	keyed(t, r)
	if status(t, r, loa) == haechi.Approved || r.Keys(loa, start) != nil {
		t.Error("what Haechi had approved itself counts before the outer registry was read")
	}
	if r.Approved(loa, start) || r.Approved("no/such", start) {
		t.Error("approved before the outer registry was read")
	}
	for _, s := range []haechi.DeviceStatus{haechi.Approved, haechi.Pending, haechi.DeniedDevice, haechi.Approved, haechi.Revoked, haechi.Blocked} {
		src.set(loaRow(s), row("LOA.i", "other", haechi.Approved))
		poll(t, o)
		if got := status(t, r, loa); got != s {
			t.Errorf("%v there is %v here", s, got)
		}
		if keys := r.Keys(loa, start); (len(keys) > 0) != (s == haechi.Approved) {
			t.Errorf("%v there: %d keys in force", s, len(keys))
		}
		if r.Approved(loa, start) != (s == haechi.Approved) {
			t.Errorf("%v there: approved %v", s, r.Approved(loa, start))
		}
	}
	src.set(row("LOA.i", "other", haechi.Approved))
	poll(t, o)
	if d, _ := r.Lookup(loa); d.Status != haechi.Pending || d.There != "none" || d.Source != "database" {
		t.Errorf("without a row it is %+v", d)
	}
}

// Names are compared byte for byte, also with rows of the outer registry.
func TestOuterNamesAreExact(t *testing.T) {
	src := &source{}
	src.set(loaRow(haechi.Approved))
	r, o := governed(t, devices.Config{}, newStore(), src)
	poll(t, o)
	for _, key := range []string{"loa.i/0123456789abcdef", "LOA.i/0123456789ABCDEF", "LOA.i /0123456789abcdef", "LOA.i/0123456789abcdef "} {
		if d, ok := r.At("bots").Lookup(key); ok {
			t.Errorf("%q finds %+v", key, d)
		}
	}
	if status(t, r, loa) != haechi.Approved {
		t.Error("the device itself is not approved")
	}
}

// A withdrawal is in force before OnChange, which cuts, is told of it; what did not
// change, and what the first reading brings, is not told.
func TestWithdrawalIsInForceThenTold(t *testing.T) {
	var told []string
	var r *devices.Registry
	cfg := devices.Config{Now: func() time.Time { return start }, OnChange: func(before, after haechi.Device) {
		d, ok := r.Lookup(before.Key)
		if ok && d.Status == haechi.Approved || before.Status == haechi.Approved && r.Keys(before.Key, start) != nil {
			t.Errorf("%s is told as %v to %v while it is approved", before.Key, before.Status, after.Status)
		}
		told = append(told, fmt.Sprintf("%s %v %v", before.Key, before.Status, after.Status))
	}}
	src := &source{}
	src.set(loaRow(haechi.Approved), row("b", "gone", haechi.Approved), row("b", "stays", haechi.Approved))
	var changes []devices.Change
	r, o := governed(t, cfg, newStore(), src, func(c *devices.OuterConfig) {
		c.Changed = func(cs []devices.Change) { changes = append(changes, cs...) }
	})
	poll(t, o)
	if len(told)+len(changes) > 0 {
		t.Errorf("the first reading told %v %v", told, changes)
	}
	src.set(loaRow(haechi.Revoked), row("b", "stays", haechi.Approved))
	poll(t, o)
	poll(t, o)
	slices.Sort(told)
	if want := []string{loa + " approved revoked", "b/gone approved pending"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if len(changes) != 2 || changes[0].After.By != "database" {
		t.Errorf("changes are %+v", changes)
	}
	if _, ok := r.Lookup("b/gone"); ok {
		t.Error("a device that only its row made is still listed")
	}
}

// An operator of Haechi can say no, and take that back; yes is said in the database.
func TestVeto(t *testing.T) {
	src, s := &source{}, newStore()
	src.set(loaRow(haechi.Approved))
	cfg := devices.Config{}
	r, o := governed(t, cfg, s, src)
	poll(t, o)
	set(t, r, loa, haechi.Blocked)
	src.set(loaRow(haechi.Pending))
	poll(t, o)
	src.set(loaRow(haechi.Approved))
	poll(t, o)
	if d, _ := r.Lookup(loa); d.Status != haechi.Blocked || d.Veto != haechi.Blocked || d.There != "approved" || d.By != "kim" || d.Reason != "test" {
		t.Errorf("a blocked device is %+v", d)
	}
	again, o2 := governed(t, cfg, s, src) // after a restart
	src.set(loaRow(haechi.Approved))
	poll(t, o2)
	if status(t, again, loa) != haechi.Blocked {
		t.Error("a restart lifts a veto")
	}
	if _, _, err := r.SetStatus(t.Context(), loa, haechi.Pending, "rule:x", "", start); haechi.KindOf(err) != haechi.Denied {
		t.Errorf("a rule takes a veto back: %v", err)
	}
	set(t, r, loa, haechi.Approved)
	if d, _ := r.Lookup(loa); d.Status != haechi.Approved || d.Veto != haechi.Pending || d.By != "database" {
		t.Errorf("with the veto taken back it is %+v", d)
	}
	if stored, _ := s.stored(loa); stored.Status != haechi.Pending {
		t.Errorf("taking a veto back is stored as %v, which would admit without the database", stored.Status)
	}
	src.set(loaRow(haechi.Revoked))
	poll(t, o)
	for _, to := range []haechi.DeviceStatus{haechi.Approved, haechi.Pending} {
		_, _, err := r.SetStatus(t.Context(), loa, to, "kim", "", start)
		wantKind(t, err, haechi.Conflict)
	}
	if status(t, r, loa) != haechi.Revoked {
		t.Error("an operator overruled the database")
	}
}

// The last word holds for the grace and not longer; then sessions are cut. A registry
// that was never read admits nobody.
func TestOuterFailsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan haechi.Device, 10)
		src := &source{}
		src.set(loaRow(haechi.Approved), row("b", "pending", haechi.Pending))
		src.breaks(errDisk)
		s := newStore()
		r, o := governed(t, devices.Config{OnChange: func(_, after haechi.Device) { told <- after }}, s, src)
		if err := o.Poll(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("a failed reading: %v", err)
		}
		if _, closed := o.Health(time.Now()); !closed {
			t.Error("open without ever having been read")
		}
		src.breaks(nil)
		poll(t, o)
		keyed(t, r)
		<-told
		src.breaks(errDisk)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- o.Run(ctx) }()
		time.Sleep(devices.DefaultGrace)
		if status(t, r, loa) != haechi.Approved || len(r.Keys(loa, time.Now())) != 1 {
			t.Error("the last word does not hold for the grace")
		}
		time.Sleep(2 * devices.DefaultOuterEvery)
		synctest.Wait()
		if status(t, r, loa) == haechi.Approved || r.Keys(loa, time.Now()) != nil || r.Approved(loa, time.Now()) {
			t.Error("open after the grace")
		}
		if cut := <-told; cut.Key != loa || cut.Status == haechi.Approved || len(told) > 0 {
			t.Errorf("after the grace %+v was cut, and %d more", cut, len(told))
		}
		src.breaks(nil)
		time.Sleep(devices.DefaultOuterEvery + time.Millisecond)
		synctest.Wait()
		if status(t, r, loa) != haechi.Approved || len(r.Keys(loa, time.Now())) != 1 {
			t.Error("closed though it can be read again")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Services without an outer registry are as before, but a device of theirs is
// nothing where one governs.
func TestOuterGovernsItsServicesOnly(t *testing.T) {
	shop := device("shop", "1", "")
	shop.Service = "other"
	src := &source{}
	src.set(row("both", "1", haechi.Blocked))
	both := device("both", "1", "")
	both.Service = "other"
	r, o := governed(t, devices.Config{}, newStore(with(shop, haechi.Approved), with(both, haechi.Approved)), src)
	poll(t, o)
	if d, _ := r.At("other").Lookup(shop.Key); d.Status != haechi.Approved || d.Source != "" {
		t.Errorf("at its own service it is %+v", d)
	}
	if d, ok := r.At("bots").Lookup(shop.Key); !ok || d.Status != haechi.Pending || d.There != "none" {
		t.Errorf("where the database governs it is %+v", d)
	}
	if d, _ := r.At("other").Lookup(both.Key); d.Status != haechi.Blocked {
		t.Errorf("a device with a row is %v at another service", d.Status)
	}
	if _, _, err := r.SetStatus(t.Context(), shop.Key, haechi.Revoked, "kim", "x", start); err != nil {
		t.Error(err)
	}
	set(t, r, shop.Key, haechi.Approved)
}

// Of two rows of one device the worse counts; rows that no device can have are
// counted and left out.
func TestRowsThatDoNotFit(t *testing.T) {
	src := &source{}
	src.set(loaRow(haechi.Approved), loaRow(haechi.Blocked), loaRow(haechi.Approved),
		row("", "1", haechi.Approved), row("a\x00", "1", haechi.Approved), row("a", "b/c", haechi.Approved), row("a\xff", "1", haechi.Approved))
	r, o := governed(t, devices.Config{}, newStore(), src)
	poll(t, o)
	if got := status(t, r, loa); got != haechi.Blocked {
		t.Errorf("of two rows %v counts", got)
	}
	if n := len(r.List(haechi.DeviceFilter{})); n != 1 {
		t.Errorf("%d devices are listed", n)
	}
	if got := counted(o.Stats(), "outer.rows_unfit"); got != 4 {
		t.Errorf("%d rows were unfit", got)
	}
}

func counted(cs []haechi.Counter, name string) uint64 {
	for _, c := range cs {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

// What an operator deletes here is still there.
func TestDeletedHereStaysThere(t *testing.T) {
	src := &source{}
	src.set(loaRow(haechi.Approved))
	r, o := governed(t, devices.Config{}, newStore(), src)
	poll(t, o)
	keyed(t, r)
	if _, err := r.Delete(t.Context(), loa); err != nil {
		t.Fatal(err)
	}
	if d, ok := r.Lookup(loa); !ok || d.Status != haechi.Approved || len(d.Keys) != 0 || r.Keys(loa, start) != nil {
		t.Errorf("it is %+v", d)
	}
}

// A device's own key, made here, survives a restart and is in force with the word.
func TestKeysOfGovernedDevices(t *testing.T) {
	src, s := &source{}, newStore()
	src.set(loaRow(haechi.Approved))
	r, o := governed(t, devices.Config{}, s, src)
	poll(t, o)
	k := keyed(t, r)
	src.set(loaRow(haechi.Approved))
	again, o2 := governed(t, devices.Config{PendingCap: 1}, s, src)
	poll(t, o2)
	if keys := again.Keys(loa, time.Now()); len(keys) != 1 || keys[0].ID != k.ID {
		t.Errorf("after a restart the keys are %v", keys)
	}
	if _, err := again.At("bots").Register(device("new", "1", ""), start); err != nil {
		t.Errorf("a device that the database approves takes a place in the queue: %v", err)
	}
}

func keyed(t *testing.T, r *devices.Registry) haechi.NewKey {
	t.Helper()
	k, err := r.NewKey(t.Context(), loa, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}
