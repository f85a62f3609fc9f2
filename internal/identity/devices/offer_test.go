package devices_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

func offering(c *devices.OuterConfig) { c.Offers = c.Services }

func waiting(t *testing.T, r *devices.Registry, from, to int) (keys []string) {
	t.Helper()
	for i := from; i < to; i++ {
		d := device("new", fmt.Sprintf("%03d", i), fmt.Sprintf("192.0.2.%d", i%250))
		if _, err := r.At("bots").Register(d, start.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, d.Key)
	}
	return keys
}

// Nothing is written to the outer registry unless that is asked for.
func TestNothingIsOfferedUnasked(t *testing.T) {
	src := &source{}
	r, o := governed(t, devices.Config{}, newStore(), src)
	waiting(t, r, 0, 3)
	poll(t, o)
	if len(src.offers) > 0 {
		t.Errorf("offered %q", src.offers)
	}
}

// Pending devices of the service are offered oldest first, once each, and not those
// that an operator refused.
func TestOffers(t *testing.T) {
	src := &source{refuse: map[string]error{"new/001": &haechi.Error{Kind: haechi.Conflict, Msg: "taken"}}}
	r, o := governed(t, devices.Config{}, newStore(), src, offering)
	keys := waiting(t, r, 0, 4)
	set(t, r, "new/003", haechi.DeniedDevice)
	other := device("other", "1", "")
	other.Service = "elsewhere"
	if _, err := r.Register(other, start); err != nil {
		t.Fatal(err)
	}
	poll(t, o)
	poll(t, o)
	if !slices.Equal(src.offers, keys[:3]) {
		t.Errorf("offered %q, want %q", src.offers, keys[:3])
	}
	if a, b := counted(o.Stats(), "outer.offered"), counted(o.Stats(), "outer.offers_conflicting"); a != 2 || b != 1 {
		t.Errorf("%d offered, %d conflicting", a, b)
	}
	src.set(row("new", "000", haechi.Pending))
	poll(t, o)
	src.set() // somebody deletes the row there
	poll(t, o)
	if len(src.offers) != 3 {
		t.Errorf("a row that was deleted comes back: %q", src.offers)
	}
}

// A flood of newcomers fills neither the outer registry nor, while their rows are
// pending, the queue here a second time.
func TestOffersAreCapped(t *testing.T) {
	src := &source{}
	r, o := governed(t, devices.Config{PendingCap: 60}, newStore(), src, offering, func(c *devices.OuterConfig) { c.OfferCap = 55 })
	keys := waiting(t, r, 0, 60)
	poll(t, o)
	if len(src.offers) != 50 {
		t.Errorf("%d offered at once", len(src.offers))
	}
	poll(t, o)
	if len(src.offers) != 55 || counted(o.Stats(), "outer.offers_refused_by_cap") != 1 {
		t.Errorf("%d offered in all", len(src.offers))
	}
	var rows []devices.Row
	for _, k := range keys[:55] {
		bot, serial, _ := haechi.SplitDeviceKey(k)
		rows = append(rows, row(bot, serial, haechi.Pending))
	}
	src.set(rows...)
	poll(t, o)
	if len(src.offers) != 55 {
		t.Errorf("%d offered over the cap", len(src.offers))
	}
	_, err := r.At("bots").Register(device("new", "999", ""), start)
	wantKind(t, err, haechi.Exhausted)
	for i := range rows {
		rows[i].Status = haechi.Approved
	}
	src.set(rows...)
	poll(t, o)
	if _, err := r.At("bots").Register(device("new", "999", ""), start); err != nil {
		t.Errorf("approved devices take places of waiting ones: %v", err)
	}
	if len(src.offers) != 60 {
		t.Errorf("%d offered once there is room", len(src.offers))
	}
}

// That nothing can be written there is no failure of the registry.
func TestOffersThatFail(t *testing.T) {
	src := &source{refuse: map[string]error{"new/000": errors.New("INSERT command denied")}}
	r, o := governed(t, devices.Config{}, newStore(), src, offering)
	waiting(t, r, 0, 2)
	poll(t, o)
	poll(t, o)
	if got := counted(o.Stats(), "outer.offers_failed"); got != 2 || len(src.offers) != 2 {
		t.Errorf("%d failed of %q", got, src.offers)
	}
	if silent, closed := o.Health(time.Now()); silent > time.Minute || closed {
		t.Error("closed because nothing can be written")
	}
}

// Many rows are taken quickly, and a lookup costs what it did.
func TestManyRows(t *testing.T) {
	rows := make([]devices.Row, 20_000)
	for i := range rows {
		rows[i] = row("bot", fmt.Sprint(i), haechi.Approved)
	}
	src := &source{}
	src.set(rows...)
	r, o := governed(t, devices.Config{}, newStore(), src)
	began := time.Now()
	poll(t, o)
	first := time.Since(began)
	rows[77].Status = haechi.Revoked
	src.set(rows...)
	began = time.Now()
	poll(t, o)
	t.Logf("%d rows: the first reading took %v, another %v", len(rows), first, time.Since(began))
	if took := time.Since(began); first > 60*time.Second || took > 30*time.Second {
		t.Errorf("the first reading took %v, another %v", first, took)
	}
	if status(t, r, "bot/77") != haechi.Revoked || status(t, r, "bot/19999") != haechi.Approved {
		t.Error("a row is not in force")
	}
	if n := testing.AllocsPerRun(100, func() { r.Keys("bot/19999", start) }); n > 0 {
		t.Errorf("asking for keys allocates %v times", n)
	}
}
