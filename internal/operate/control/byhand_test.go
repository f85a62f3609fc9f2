package control_test

import (
	"testing"

	"haechi"
)

// Row A89: a statement of SQL may take approval away, audited as sql; anything else is
// refused, which is audited as well.
func TestByHand(t *testing.T) {
	for _, c := range []struct {
		status, reason string
		becomes        haechi.DeviceStatus
		action         string // the entry; "": none
		kind           haechi.ErrorKind
	}{
		{"blocked", "Suspicious activity", haechi.Blocked, "device.status", haechi.Internal},
		{"revoked", "", haechi.Revoked, "device.status", haechi.Internal},
		{"approved", "x", haechi.Approved, "", haechi.Internal}, // it is so already
		{"pending", "", haechi.Approved, "device.status.refused", haechi.Denied},
		{"Blocked!", "", haechi.Approved, "device.status.refused", haechi.Denied},
	} {
		w, ctl := newWorld()
		w.devices["bot/1"] = haechi.Device{Key: "bot/1", Status: haechi.Approved}
		err := ctl.ByHand(t.Context(), "bot/1", c.status, c.reason)
		if (err != nil) != (c.kind != haechi.Internal) || err != nil && haechi.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.status, err)
		}
		if got := w.devices["bot/1"].Status; got != c.becomes {
			t.Errorf("%s: the device is %s", c.status, got)
		}
		if n := len(w.chain); (n == 1) != (c.action != "") {
			t.Fatalf("%s: %d entries", c.status, n)
		}
		if c.action == "" {
			continue
		}
		if e := w.chain[0]; e.Action != c.action || e.By != "sql" || e.Via != "sql" || e.Subject != "bot/1" || e.Before != "approved" || e.Reason == "" {
			t.Errorf("%s: %+v", c.status, e)
		}
	}
	_, ctl := newWorld()
	if err := ctl.ByHand(t.Context(), "nobody/1", "blocked", ""); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("a device of nobody gives %v", err)
	}
}

// Without its audit entry nothing happens, and it is tried again.
func TestByHandWithoutAudit(t *testing.T) {
	w, ctl := newWorld()
	w.devices["bot/1"] = haechi.Device{Key: "bot/1", Status: haechi.Approved}
	w.broken = "chain"
	for _, status := range []string{"blocked", "pending"} {
		if err := ctl.ByHand(t.Context(), "bot/1", status, "x"); haechi.KindOf(err) != haechi.Unavailable || w.devices["bot/1"].Status != haechi.Approved {
			t.Errorf("%s: %v", status, err)
		}
	}
}
