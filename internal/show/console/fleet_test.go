package console_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"haechi"
)

func (c *control) DeviceHistory(_ context.Context, key string, _ int) ([]haechi.AuditEntry, error) {
	return []haechi.AuditEntry{{Seq: 2, Time: c.now, By: "minji", Via: "console", Action: "device.status", Subject: key, Before: "pending", After: "approved", Reason: evil}}, c.fail
}

func (c *control) UnusedDevices(_ context.Context, f haechi.UnusedFilter) ([]haechi.Device, error) {
	if f.For > 1000*24*time.Hour {
		return nil, c.fail
	}
	return c.devices[1:2], c.fail
}

func (c *control) RetireUnused(_ context.Context, _ haechi.Operator, f haechi.UnusedFilter, count int, reason string) (haechi.Bulk, error) {
	if count != 1 {
		return haechi.Bulk{}, &haechi.Error{Kind: haechi.Conflict, Op: "retire", Msg: "1 devices are unused now, not " + fmt.Sprint(count)}
	}
	c.retired = fmt.Sprint(f.For, f.Never, f.Service, reason)
	return haechi.Bulk{Entry: 77, Devices: []string{c.devices[1].Key}}, c.fail
}

func (c *control) KeyReport(_ context.Context, old bool) (haechi.KeyReport, error) {
	r := haechi.KeyReport{Devices: 42, InUse: 3, Silent: 1, Shared: 2}
	if old {
		r.Keys = []haechi.KeyUse{{Device: c.devices[2].Key, Label: evil, State: haechi.KeyInUse, Shared: true, KeyInfo: haechi.KeyInfo{ID: "k1", Code: "AAAAA", Created: c.now, LastUse: c.now}}}
	}
	return r, c.fail
}

func (c *control) PinDevice(_ context.Context, _ haechi.Operator, key, id, reason string) (haechi.Device, error) {
	for i := range c.devices {
		if c.devices[i].Key == key {
			c.devices[i].UUID = id
			return c.devices[i], c.fail
		}
	}
	return haechi.Device{}, &haechi.Error{Kind: haechi.NotFound, Op: "pin", Msg: "no device has this key"}
}

func (c *control) EnrolCodes(context.Context) ([]haechi.EnrolCode, error) {
	return append([]haechi.EnrolCode{
		{ID: "BBBBB", Service: "bots", Label: evil, Uses: 5, Used: 2, Created: c.now, Until: c.now.Add(time.Hour), By: "minji"},
		{ID: "CCCCC", Service: "bots", Uses: 1, Used: 1, Created: c.now, Until: c.now.Add(time.Hour)},
		{ID: "DDDDD", Service: "bots", Uses: 1, Created: c.now, Until: c.now.Add(-time.Hour)},
		{ID: "EEEEE", Service: "bots", Uses: 1, Created: c.now, Until: c.now.Add(time.Hour), EndedAt: c.now},
	}, c.codes...), c.fail
}

// onceOnly is a code as it is shown.
const onceOnly = "HC1-AAAAA-ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-6789-ABCD-EFGH-JKMN-PQRS-TVWX"

func (c *control) NewEnrolCode(_ context.Context, _ haechi.Operator, spec haechi.EnrolCode, lasts time.Duration) (haechi.NewCode, error) {
	spec.ID, spec.Until = "AAAAA", c.now.Add(lasts)
	c.codes = append(c.codes, spec)
	return haechi.NewCode{EnrolCode: spec, Code: onceOnly}, c.fail
}

func (c *control) EndEnrolCode(_ context.Context, op haechi.Operator, id, reason string) (haechi.EnrolCode, error) {
	for i := range c.codes {
		if c.codes[i].ID == id {
			c.codes[i].EndedAt, c.codes[i].EndedBy = c.now, op.Name+" "+reason
			return c.codes[i], c.fail
		}
	}
	return haechi.EnrolCode{}, &haechi.Error{Kind: haechi.NotFound, Op: "end the code", Msg: "no such code"}
}

func TestEnrolmentCodeIsShownOnceWithItsDrawing(t *testing.T) {
	r := newRig(t)
	r.enroll()
	for _, bad := range [][]string{
		{"service", "bots", "uses", "none", "for", "1h"}, {"service", "bots", "uses", "0", "for", "1h"}, {"service", "bots", "uses", "1", "for", "soon"}, {"service", "bots", "uses", "1", "for", "-1h"},
	} {
		want(t, r.post("/devices/codes", bad...), http.StatusBadRequest)
	}
	got := r.post("/devices/codes", "service", " bots ", "uses", "5", "for", "24h", "bot", "도매까봇", "label", "3층")
	want(t, got, http.StatusOK)
	if c := r.control.codes; len(c) != 1 || c[0].Service != "bots" || c[0].Bot != "도매까봇" || c[0].Label != "3층" || c[0].Uses != 5 || !c[0].Until.Equal(r.control.now.Add(24*time.Hour)) {
		t.Errorf("the control was told %+v", c)
	}
	if !strings.Contains(got.body, onceOnly) || !strings.Contains(got.body, `<svg class="qr"`) || !strings.Contains(got.body, `viewBox="0 0 41 41"`) {
		t.Error("the page does not show the code and its drawing")
	}
	if again := r.get("/devices/codes"); strings.Contains(again.body, onceOnly) || strings.Contains(again.body, "<svg") || !strings.Contains(again.body, "AAAAA") {
		t.Error("the code is shown again, or not listed")
	}
	want(t, r.post("/devices/codes/end", "id", "AAAAA"), http.StatusBadRequest)
	want(t, r.post("/devices/codes/end", "id", "AAAAA", "reason", "lost"), http.StatusSeeOther)
	if r.control.codes[0].EndedBy != "minji lost" {
		t.Errorf("ended by %q", r.control.codes[0].EndedBy)
	}
	want(t, r.post("/devices/codes/end", "id", "ZZZZZ", "reason", "lost"), http.StatusNotFound)
}

func TestRetireUnusedWantsTheirNumber(t *testing.T) {
	r := newRig(t)
	r.enroll()
	want(t, r.get("/devices/unused?days=0"), http.StatusBadRequest)
	want(t, r.get("/devices/unused?days=x"), http.StatusBadRequest)
	if page := r.get("/devices/unused?days=2000"); strings.Contains(page.body, "retire-form") {
		t.Error("an empty list can be retired")
	}
	want(t, r.post("/devices/unused", "days", "90", "count", "1"), http.StatusBadRequest)
	want(t, r.post("/devices/unused", "days", "90", "reason", "monthly"), http.StatusBadRequest)
	want(t, r.post("/devices/unused", "days", "90", "count", "2", "reason", "monthly"), http.StatusConflict)
	if r.control.retired != "" {
		t.Fatalf("retired %q", r.control.retired)
	}
	got := r.post("/devices/unused", "days", "90", "never", "true", "service", "bots", "count", "1", "reason", "monthly")
	want(t, got, http.StatusSeeOther)
	if r.control.retired != "2160h0m0s truebotsmonthly" {
		t.Errorf("retired %q", r.control.retired)
	}
	if page := r.get(got.Header.Get("Location")); !strings.Contains(page.body, "Entry 77 takes back the whole.") {
		t.Error("the page after it does not say how to take it back")
	}
}

func TestPinDevice(t *testing.T) {
	r := newRig(t)
	r.enroll()
	key := r.control.devices[1].Key
	want(t, r.post("/devices/pin", "key", key, "uuid", "aaaa"), http.StatusBadRequest)
	want(t, r.post("/devices/pin", "key", key, "uuid", " aaaa ", "reason", "new phone"), http.StatusSeeOther)
	if r.control.devices[1].UUID != "aaaa" {
		t.Errorf("bound to %q", r.control.devices[1].UUID)
	}
	if page := r.get("/devices/item?key=" + key); !strings.Contains(page.body, "aaaa") || !strings.Contains(page.body, `name="entry" value="2"`) {
		t.Error("the page shows neither the pin nor how to undo")
	}
	want(t, r.post("/devices/pin", "key", "no/such", "reason", "x"), http.StatusNotFound)
}
