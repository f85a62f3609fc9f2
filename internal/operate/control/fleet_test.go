package control_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
)

func (w *world) SetStatuses(ctx context.Context, moves []haechi.Move, by, reason string, now time.Time) error {
	if w.broken == "registry" {
		return errDisk
	}
	for _, m := range moves {
		if _, _, err := w.SetStatus(ctx, m.Device, m.To, by, reason, now); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) SetPin(_ context.Context, key, id string, _ time.Time) (before, after haechi.Device, err error) {
	before = w.devices[key]
	after = before
	after.UUID = id
	w.devices[key] = after
	return before, after, nil
}

func (w *world) EnrolCodes() []haechi.EnrolCode { return w.codes }

func (w *world) DraftCode(spec haechi.EnrolCode, by string, now time.Time) (haechi.NewCode, error) {
	spec.ID, spec.By, spec.Created, spec.Uses = "AAAAA", by, now, max(spec.Uses, 1)
	return haechi.NewCode{EnrolCode: spec, Code: "HC1-AAAAA-once"}, nil
}

func (w *world) AddCode(_ context.Context, c haechi.EnrolCode, _ time.Time) error {
	w.codes = append(w.codes, c)
	return nil
}

func (w *world) EndCode(_ context.Context, id, by string, now time.Time) (haechi.EnrolCode, error) {
	return w.code(id, func(c *haechi.EnrolCode) { c.EndedAt, c.EndedBy = now, by })
}

func (w *world) ReopenCode(_ context.Context, id string, _ time.Time) (haechi.EnrolCode, error) {
	return w.code(id, func(c *haechi.EnrolCode) { c.EndedAt = time.Time{} })
}

func (w *world) code(id string, change func(*haechi.EnrolCode)) (haechi.EnrolCode, error) {
	for i := range w.codes {
		if w.codes[i].ID == id {
			change(&w.codes[i])
			return w.codes[i], nil
		}
	}
	return haechi.EnrolCode{}, &haechi.Error{Kind: haechi.NotFound, Op: "change the code", Msg: "no such code"}
}

func (w *world) Enrol(_ context.Context, code string, d haechi.Device, now time.Time) (before, after haechi.Device, err error) {
	if w.broken == "registry" {
		return before, after, errDisk
	}
	before = w.devices[d.Key]
	d.Status, d.By, d.ChangedAt = haechi.Approved, "code:"+code, now
	w.devices[d.Key] = d
	return before, d, nil
}

func (w *world) AuditAbout(_ context.Context, subject string, limit int) (out []haechi.AuditEntry, err error) {
	for _, e := range slices.Backward(w.chain) {
		if e.Subject == subject && (limit == 0 || len(out) < limit) {
			out = append(out, e)
		}
	}
	return out, nil
}

// approved adds an approved device that was heard and approved so long ago.
func (w *world) approved(key string, heard, approved time.Duration) {
	bot, serial, _ := haechi.SplitDeviceKey(key)
	d := haechi.Device{Key: key, Bot: bot, Serial: serial, Service: "bots", Status: haechi.Approved, By: "lee", ChangedAt: w.now.Add(-approved)}
	if heard > 0 {
		d.LastSeen, d.LastPing = w.now.Add(-heard), w.now.Add(-heard)
	}
	w.devices[key] = d
}

const day = 24 * time.Hour

func keysOf(ds []haechi.Device) string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Key)
	}
	return strings.Join(out, " ")
}

func TestUnusedDevices(t *testing.T) {
	w, c := newWorld()
	w.approved("silent/1", 100*day, 200*day)
	w.approved("never/1", 0, 120*day)
	w.approved("registered/1", 120*day, 120*day-time.Hour) // heard when it asked, never since
	w.approved("busy/1", time.Minute, 200*day)
	w.approved("young/1", 0, time.Hour)
	w.approved("back/1", 300*day, 5*day) // approved again lately
	list := func(f haechi.UnusedFilter) string {
		t.Helper()
		ds, err := c.UnusedDevices(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return keysOf(ds)
	}
	if got := list(haechi.UnusedFilter{For: 90 * day}); got != "never/1 registered/1 silent/1" {
		t.Errorf("unused: %q", got)
	}
	if got := list(haechi.UnusedFilter{For: 90 * day, Never: true}); got != "never/1 registered/1" {
		t.Errorf("never heard: %q", got)
	}
	if got := list(haechi.UnusedFilter{For: 100 * day}); got != "never/1 registered/1 silent/1" { // half-open
		t.Errorf("at its very end: %q", got)
	}
	if _, err := c.UnusedDevices(t.Context(), haechi.UnusedFilter{}); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("without a length: %v", err)
	}
}

func TestRetireUnusedIsConfirmedByItsNumberAndUndoneAtOnce(t *testing.T) {
	w, c := newWorld()
	for i := range 3 {
		w.approved(fmt.Sprintf("silent/%d", i), 100*day, 200*day)
	}
	w.approved("busy/1", time.Minute, 200*day)
	f := haechi.UnusedFilter{For: 90 * day}
	for name, q := range map[string]struct {
		count  int
		reason string
		want   haechi.ErrorKind
	}{
		"another number": {2, "monthly", haechi.Conflict},
		"no reason":      {3, " ", haechi.Invalid},
	} {
		if _, err := c.RetireUnused(t.Context(), kim, f, q.count, q.reason); haechi.KindOf(err) != q.want || len(w.chain) != 0 {
			t.Errorf("%s: %v, %d entries", name, err, len(w.chain))
		}
	}
	done, err := c.RetireUnused(t.Context(), kim, f, 3, "monthly")
	if err != nil || len(done.Devices) != 3 || done.Entry != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	if w.devices["silent/1"].Status != haechi.Revoked || w.devices["busy/1"].Status != haechi.Approved {
		t.Error("the wrong ones were retired")
	}
	if history, err := c.DeviceHistory(t.Context(), "silent/1", 0); err != nil || len(history) != 1 || history[0].Before != "approved" || history[0].After != "revoked" || history[0].By != "kim" {
		t.Errorf("%+v, %v", history, err)
	}
	// One of them changes before the undo: it is left alone.
	if _, err := c.SetDeviceStatus(t.Context(), kim, "silent/2", haechi.Blocked, "stolen"); err != nil {
		t.Fatal(err)
	}
	if err := c.Undo(t.Context(), kim, done.Entry); err != nil {
		t.Fatal(err)
	}
	if w.devices["silent/0"].Status != haechi.Approved || w.devices["silent/1"].Status != haechi.Approved || w.devices["silent/2"].Status != haechi.Blocked {
		t.Errorf("after the undo: %+v", w.devices)
	}
	if err := c.Undo(t.Context(), kim, done.Entry); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("undone twice: %v", err)
	}
	// The undo is a change of many as well, and can be taken back.
	for i := range w.chain {
		if e := &w.chain[i]; e.Action == "device.bulk" && e.Seq != done.Entry {
			if err := c.Undo(t.Context(), kim, e.Seq); err != nil || w.devices["silent/0"].Status != haechi.Revoked {
				t.Errorf("undo of the undo: %v", err)
			}
			break
		}
	}
	if _, err := c.RetireUnused(t.Context(), kim, haechi.UnusedFilter{For: 1000 * day}, 0, "monthly"); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("nothing to retire: %v", err)
	}
}

func TestFailedBulkChangesNothing(t *testing.T) {
	w, c := newWorld()
	w.approved("silent/1", 100*day, 200*day)
	for broken, want := range map[string]int{"chain": 0, "registry": 3} { // the whole, the device, the failure
		w.broken, w.chain = broken, nil
		_, err := c.RetireUnused(t.Context(), kim, haechi.UnusedFilter{For: day}, 1, "monthly")
		if !errors.Is(err, errDisk) || w.devices["silent/1"].Status != haechi.Approved || len(w.chain) != want {
			t.Errorf("%s: %v, %v, %d entries", broken, err, w.devices["silent/1"].Status, len(w.chain))
		}
	}
}

// An undo restores the state before every change there is, unless something came
// after it.
func TestUndoOfEveryTransition(t *testing.T) {
	all := []haechi.DeviceStatus{haechi.Pending, haechi.Approved, haechi.DeniedDevice, haechi.Revoked, haechi.Blocked}
	for _, from := range all {
		for _, to := range all {
			w, c := newWorld()
			w.devices["bot/1"] = haechi.Device{Key: "bot/1", Status: from}
			if _, err := c.SetDeviceStatus(t.Context(), kim, "bot/1", to, "why"); err != nil {
				t.Fatal(err)
			}
			if err := c.Undo(t.Context(), kim, 1); err != nil || w.devices["bot/1"].Status != from {
				t.Errorf("%v to %v, undone: %v, %v", from, to, w.devices["bot/1"].Status, err)
			}
			if from == to {
				continue
			}
			if err := c.Undo(t.Context(), kim, 1); haechi.KindOf(err) != haechi.Conflict {
				t.Errorf("%v to %v, undone twice: %v", from, to, err)
			}
			if err := c.Undo(t.Context(), kim, 2); err != nil || w.devices["bot/1"].Status != to {
				t.Errorf("%v to %v, undo undone: %v, %v", from, to, w.devices["bot/1"].Status, err)
			}
		}
	}
}

func TestPinIsAuditedAndUndone(t *testing.T) {
	w, c := newWorld()
	if _, err := c.PinDevice(t.Context(), kim, "bot/1", "aaaa", ""); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("without a reason: %v", err)
	}
	for _, id := range []string{"aaaa", "bbbb"} {
		if d, err := c.PinDevice(t.Context(), kim, "bot/1", id, "new phone"); err != nil || d.UUID != id {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	if err := c.Undo(t.Context(), kim, 1); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("undo of an overtaken pin: %v", err)
	}
	if err := c.Undo(t.Context(), kim, 2); err != nil || w.devices["bot/1"].UUID != "aaaa" {
		t.Errorf("%q, %v", w.devices["bot/1"].UUID, err)
	}
}

func TestCodesAreAuditedAndNeverWritten(t *testing.T) {
	w, c := newWorld()
	made, err := c.NewEnrolCode(t.Context(), kim, haechi.EnrolCode{Service: "bots", Label: "3층"}, time.Hour)
	if err != nil || made.Code == "" || !w.codes[0].Until.Equal(w.now.Add(time.Hour)) {
		t.Fatalf("%+v, %v", made, err)
	}
	if e := w.chain[0]; e.Action != "code.add" || e.Subject != "code:AAAAA" || e.By != "kim" || strings.Contains(fmt.Sprint(e), made.Code) {
		t.Errorf("audited %+v", e)
	}
	if err := c.Enrol(t.Context(), "AAAAA", haechi.Device{Key: "bot/1"}); err != nil {
		t.Fatal(err)
	}
	if e := w.chain[1]; e.Action != "device.enrol" || e.By != "code:AAAAA" || e.Via != "gate" || e.Before != "pending" || e.After != "approved" {
		t.Errorf("audited %+v", e)
	}
	if err := c.Undo(t.Context(), kim, 2); err != nil || w.devices["bot/1"].Status != haechi.Pending {
		t.Errorf("undo of an enrolment: %v, %v", w.devices["bot/1"].Status, err)
	}
	if err := c.Undo(t.Context(), kim, 1); err != nil || w.codes[0].Open(w.now) {
		t.Errorf("undo of a code: %v", err)
	}
	ended := w.chain[len(w.chain)-1]
	if err := c.Undo(t.Context(), kim, ended.Seq); err != nil || !w.codes[0].Open(w.now) {
		t.Errorf("undo of its end: %v", err)
	}
	w.broken = "chain"
	if err := c.Enrol(t.Context(), "AAAAA", haechi.Device{Key: "bot/2"}); !errors.Is(err, errDisk) || w.devices["bot/2"].Status == haechi.Approved {
		t.Errorf("without an audit entry: %v", err)
	}
}

func TestKeyReport(t *testing.T) {
	w, c := newWorld()
	at := func(ago time.Duration) time.Time { return w.now.Add(-ago) }
	for key, keys := range map[string][]haechi.KeyInfo{
		"in use/1":   {{ID: "k2", Created: at(time.Hour)}, {ID: "k1", Created: at(9 * day), LastUse: at(time.Minute), Until: at(-6 * day)}},
		"left/1":     {{ID: "k2", Created: at(time.Hour), LastUse: at(time.Minute)}, {ID: "k1", Created: at(9 * day), LastUse: at(30 * time.Minute)}},
		"silent/1":   {{ID: "k2", Created: at(time.Hour)}, {ID: "k1", Created: at(9 * day), LastUse: at(2 * time.Hour)}},
		"ended/1":    {{ID: "k2", Created: at(time.Hour)}, {ID: "k1", Created: at(9 * day), LastUse: at(time.Minute), Until: at(time.Second)}},
		"shared/1":   {{ID: "AAAAA", Created: at(time.Hour), Code: "AAAAA"}},
		"shared/2":   {{ID: "AAAAA", Created: at(time.Hour), Code: "AAAAA"}},
		"single/1":   {{ID: "BBBBB", Created: at(time.Hour), Code: "BBBBB"}},
		"keyless/1":  nil,
		"pending/1!": {{ID: "k2", Created: at(time.Hour)}, {ID: "k1", Created: at(9 * day), LastUse: at(time.Minute)}},
	} {
		w.approved(key, time.Minute, day)
		d := w.devices[key]
		d.Keys = keys
		if strings.HasSuffix(key, "!") {
			d.Status = haechi.Pending
		}
		w.devices[key] = d
	}
	r, err := c.KeyReport(t.Context(), true)
	if err != nil || r.Devices != 7 || r.InUse != 1 || r.Silent != 1 || r.Shared != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	got := map[string]haechi.KeyState{}
	for _, k := range r.Keys {
		got[k.Device+" "+k.ID] = k.State
		if k.Shared != strings.HasPrefix(k.Device, "shared") {
			t.Errorf("%s is shared: %v", k.Device, k.Shared)
		}
	}
	want := map[string]haechi.KeyState{"in use/1 k1": haechi.KeyInUse, "left/1 k1": haechi.KeyLeft, "silent/1 k1": haechi.KeySilent,
		"shared/1 AAAAA": haechi.KeyCurrent, "shared/2 AAAAA": haechi.KeyCurrent}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if all, err := c.KeyReport(t.Context(), false); err != nil || len(all.Keys) != 10 {
		t.Errorf("%d keys in all, %v", len(all.Keys), err)
	}
}
