package control_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/control"
)

// world is a small honest world: a registry, a decider, an enforcer, a journal and
// a chain in memory.
type world struct {
	now       time.Time
	devices   map[string]haechi.Device
	decisions map[haechi.Reference]haechi.Decision
	inForce   map[haechi.Reference]haechi.Decision
	chain     []haechi.AuditEntry
	events    []haechi.Event
	findings  []haechi.Finding
	incidents []haechi.Incident
	erased    int
	codes     []haechi.EnrolCode
	excepted  []haechi.Exception
	servers   *servers
	broken    string // what fails: "chain", "journal", "registry"
}

var errDisk = errors.New("disk on fire")

func (w *world) Add(_ context.Context, d haechi.Device, _ time.Time) (haechi.Device, error) {
	w.devices[d.Key] = d
	return d, nil
}

func (w *world) List(f haechi.DeviceFilter) (out []haechi.Device) {
	for _, d := range w.devices {
		if len(f.Statuses) == 0 || slices.Contains(f.Statuses, d.Status) {
			out = append(out, d)
		}
	}
	return out
}

func (w *world) SetStatus(_ context.Context, key string, s haechi.DeviceStatus, by, reason string, now time.Time) (before, after haechi.Device, err error) {
	if w.broken == "registry" {
		return before, after, errDisk
	}
	before = w.devices[key]
	after = before
	after.Status, after.By, after.Reason, after.ChangedAt = s, by, reason, now
	w.devices[key] = after
	return before, after, nil
}

func (w *world) NewKey(_ context.Context, key string, now time.Time) (haechi.NewKey, error) {
	return haechi.NewKey{Device: key, Secret: "once", Salt: "salt", KeyInfo: haechi.KeyInfo{ID: "k1", Created: now}}, nil
}

func (w *world) Delete(_ context.Context, key string) (haechi.Device, error) {
	d := w.devices[key]
	delete(w.devices, key)
	return d, nil
}

func (w *world) RetireKey(context.Context, string, string) error { return nil }

func (w *world) Check(d haechi.Decision, _ time.Time) error {
	if d.Scope.Prefix.IsValid() && d.Scope.Prefix.Contains(netip.MustParseAddr("127.0.0.1")) {
		return &haechi.Error{Kind: haechi.Denied, Op: "decide", Msg: "it is an address of this machine"}
	}
	return nil
}

func (w *world) Operator(d haechi.Decision, now time.Time) (haechi.Decision, error) {
	d.ID, d.From = haechi.NewReference("operator", d.Scope.String(), now), now
	return d, nil
}

func (w *world) Lift(id haechi.Reference, by, reason string, now time.Time) (haechi.Decision, error) {
	d := w.decisions[id]
	d.ID, d.LiftedAt, d.LiftedBy, d.LiftReason = id, now, by, reason
	return d, nil
}

func (w *world) Protected(haechi.Scope) string { return "" }

func (w *world) SaveDecision(_ context.Context, d *haechi.Decision) error {
	if w.broken == "journal" {
		return errDisk
	}
	w.decisions[d.ID] = *d
	return nil
}

func (w *world) Decisions(_ context.Context, f *haechi.DecisionFilter) (out []haechi.Decision, err error) {
	for _, d := range w.decisions {
		if (f.ID == "" || f.ID == d.ID) && (f.About == haechi.Scope{} || f.About == d.Scope) {
			out = append(out, d)
		}
	}
	return out, nil
}

func (w *world) AppendAudit(_ context.Context, e *haechi.AuditEntry) error {
	if w.broken == "chain" {
		return errDisk
	}
	e.Seq = uint64(len(w.chain) + 1)
	w.chain = append(w.chain, *e)
	return nil
}

func (w *world) AuditEntries(_ context.Context, from uint64, _ int) ([]haechi.AuditEntry, error) {
	if from > uint64(len(w.chain)) {
		return nil, nil
	}
	return slices.Clone(w.chain[max(from, 1)-1:]), nil
}

func (w *world) Events(_ context.Context, f *haechi.EventFilter) (out []haechi.Event, err error) {
	for i := range w.events {
		if f.Matches(&w.events[i]) {
			out = append(out, w.events[i])
		}
	}
	return out, nil
}

func (w *world) Incidents(context.Context, bool, int) ([]haechi.Incident, error) {
	return w.incidents, nil
}
func (w *world) Overview(context.Context, time.Time, *time.Location) (haechi.Overview, error) {
	return haechi.Overview{Decisions: 7}, nil // what the records think
}
func (w *world) Report(context.Context, string, time.Time) (haechi.Table, error) {
	return haechi.Table{}, nil
}

// force is the enforcer side of the world; Lift of the decider has another shape.
type force struct{ *world }

func (f force) Apply(_ context.Context, ds []haechi.Decision) error {
	for _, d := range ds {
		f.inForce[d.ID] = d
	}
	return nil
}

func (f force) Lift(_ context.Context, ids []haechi.Reference) error {
	for _, id := range ids {
		delete(f.inForce, id)
	}
	return nil
}

func (f force) InForce(context.Context) (out []haechi.Decision, err error) {
	for _, d := range f.inForce {
		out = append(out, d)
	}
	return out, nil
}

func newWorld() (*world, *control.Control) {
	w := &world{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), devices: map[string]haechi.Device{},
		decisions: map[haechi.Reference]haechi.Decision{}, inForce: map[haechi.Reference]haechi.Decision{}, servers: &servers{map[string]bool{}}}
	w.devices["bot/1"] = haechi.Device{Key: "bot/1", Bot: "bot", Serial: "1"}
	c := control.New(control.Deps{Registry: w, Fleet: w, Enroller: w, Decider: w, Enforcer: force{w}, Except: excepted{w}, Stages: new(stages), Servers: w.servers, Closeups: packets{netip.MustParsePrefix("192.0.2.66/32")}, Journal: w, Past: w, Chain: w, Zone: time.UTC, IPv6Bits: 64,
		Now: func() time.Time { return w.now },
		Program: control.Program{
			Findings: func(_ context.Context, about haechi.Scope, ref haechi.Reference, _ int) (out []haechi.Finding, err error) {
				for _, f := range w.findings {
					if (about == haechi.Scope{} || f.About == about) && (ref == "" || f.Ref == ref) {
						out = append(out, f)
					}
				}
				return out, nil
			},
			Replay:    func(iter.Seq[*haechi.Event]) (_ []haechi.Finding, _ []haechi.Decision) { return nil, nil },
			Live:      func() int { return 3 },
			Erase:     func(context.Context, string) (int64, error) { w.erased++; return 7, nil },
			LoginLink: func() string { return "https://127.0.0.1:9443/login/first?token=x" },
		}})
	return w, c
}

var kim = haechi.Operator{Name: "kim", Via: "cli"}

func scope(t *testing.T, text string) haechi.Scope {
	t.Helper()
	s, err := haechi.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestChangeIsAuditedBeforeItHappens(t *testing.T) {
	w, c := newWorld()
	if _, err := c.SetDeviceStatus(t.Context(), kim, "bot/1", haechi.Blocked, "lost phone"); err != nil {
		t.Fatal(err)
	}
	e := w.chain[0]
	if e.By != "kim" || e.Via != "cli" || e.Before != "pending" || e.After != "blocked" || e.Reason != "lost phone" {
		t.Errorf("audit entry %+v", e)
	}
	if w.devices["bot/1"].Status != haechi.Blocked {
		t.Error("the device is not blocked")
	}
}

// TestOverviewCountsWhatIsEnforced: the records' own count is not added to it.
func TestOverviewCountsWhatIsEnforced(t *testing.T) {
	_, c := newWorld()
	for _, about := range []string{"ip:203.0.113.7", "ip:203.0.113.8"} {
		d := haechi.Decision{Scope: scope(t, about), Action: haechi.Deny, Mode: haechi.Enforce}
		if _, err := c.AddDecision(t.Context(), kim, d); err != nil {
			t.Fatal(err)
		}
	}
	if o, err := c.Overview(t.Context()); err != nil || o.Decisions != 2 {
		t.Errorf("%d decisions in force, %v; want 2", o.Decisions, err)
	}
}

func TestNothingHappensWithoutAnAuditEntry(t *testing.T) {
	w, c := newWorld()
	w.broken = "chain"
	if _, err := c.SetDeviceStatus(t.Context(), kim, "bot/1", haechi.Approved, ""); haechi.KindOf(err) != haechi.Unavailable {
		t.Errorf("want unavailable, got %v", err)
	}
	if w.devices["bot/1"].Status != haechi.Pending {
		t.Error("the device was approved without an audit entry")
	}
	if _, err := c.AddDecision(t.Context(), kim, haechi.Decision{Scope: scope(t, "ip:203.0.113.7"), Action: haechi.Deny, Mode: haechi.Enforce}); err == nil {
		t.Error("a decision without an audit entry")
	}
	if len(w.inForce) != 0 {
		t.Error("it is in force all the same")
	}
}

func TestFailedChangeIsAuditedAsFailed(t *testing.T) {
	w, c := newWorld()
	w.broken = "registry"
	if _, err := c.SetDeviceStatus(t.Context(), kim, "bot/1", haechi.Approved, ""); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	if len(w.chain) != 2 || w.chain[1].Action != "device.status.failed" {
		t.Errorf("chain %+v", w.chain)
	}
}

func TestNobodyChangesNothing(t *testing.T) {
	_, c := newWorld()
	if _, err := c.SetDeviceStatus(t.Context(), haechi.Operator{}, "bot/1", haechi.Approved, ""); haechi.KindOf(err) != haechi.Denied {
		t.Errorf("got %v", err)
	}
}

func TestBlockingWantsAReason(t *testing.T) {
	w, c := newWorld()
	for _, s := range []haechi.DeviceStatus{haechi.Blocked, haechi.Revoked, haechi.DeniedDevice} {
		if _, err := c.SetDeviceStatus(t.Context(), kim, "bot/1", s, "  "); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%s without a reason: %v", s, err)
		}
	}
	if len(w.chain) != 0 {
		t.Error("a refused wish is in the chain")
	}
}

func TestDeletingADeviceErasesItsRecords(t *testing.T) {
	w, c := newWorld()
	if _, err := c.DeleteDevice(t.Context(), kim, "bot/1", " "); haechi.KindOf(err) != haechi.Invalid || w.erased != 0 {
		t.Errorf("without a reason: %v", err)
	}
	rows, err := c.DeleteDevice(t.Context(), kim, "bot/1", "left the company")
	if err != nil || rows != 14 || w.erased != 2 || len(w.devices) != 0 {
		t.Errorf("%d rows, %v, devices %v", rows, err, w.devices)
	}
	if _, err := c.DeleteDevice(t.Context(), kim, "bot/1", "again"); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("a second time: %v", err)
	}
}

// A link opens the console to whoever has it, so the console itself gives none.
func TestLoginLinkOnlyOnTheMachine(t *testing.T) {
	w, c := newWorld()
	if _, err := c.LoginLink(t.Context(), haechi.Operator{Name: "kim", Via: "console"}); haechi.KindOf(err) != haechi.Denied || len(w.chain) != 0 {
		t.Errorf("by way of the console: %v", err)
	}
	link, err := c.LoginLink(t.Context(), kim)
	if err != nil || link == "" || w.chain[0].Action != control.ActionLoginLink || strings.Contains(fmt.Sprint(w.chain), "token") {
		t.Errorf("%q, %v, chain %+v", link, err, w.chain)
	}
}

func TestDecisionIsDurableBeforeItIsInForce(t *testing.T) {
	w, c := newWorld()
	w.broken = "journal"
	_, err := c.AddDecision(t.Context(), kim, haechi.Decision{Scope: scope(t, "ip:203.0.113.7"), Action: haechi.Deny, Mode: haechi.Enforce})
	if !errors.Is(err, errDisk) || len(w.inForce) != 0 {
		t.Errorf("err %v, in force %v", err, w.inForce)
	}
}

func TestProtectedIsRefusedWithoutATrace(t *testing.T) {
	w, c := newWorld()
	_, err := c.AddDecision(t.Context(), kim, haechi.Decision{Scope: scope(t, "ip:127.0.0.1"), Action: haechi.Deny, Mode: haechi.Enforce})
	if haechi.KindOf(err) != haechi.Denied || len(w.chain) != 0 {
		t.Errorf("err %v, chain %v", err, w.chain)
	}
}

func TestUndo(t *testing.T) {
	w, c := newWorld()
	d, err := c.AddDecision(t.Context(), kim, haechi.Decision{Scope: scope(t, "ip:203.0.113.7"), Action: haechi.Deny, Mode: haechi.Enforce, Reason: "scan"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Undo(t.Context(), kim, 1); err != nil { // lifts it
		t.Fatal(err)
	}
	if len(w.inForce) != 0 || w.decisions[d.ID].LiftedBy != "kim" {
		t.Errorf("in force %v, journal %+v", w.inForce, w.decisions[d.ID])
	}
	w.now = w.now.Add(time.Minute)
	if err := c.Undo(t.Context(), kim, 2); err != nil { // rules it again
		t.Fatal(err)
	}
	if len(w.inForce) != 1 {
		t.Errorf("in force %v", w.inForce)
	}
	if _, err := c.SetDeviceStatus(t.Context(), kim, "bot/1", haechi.Approved, ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Undo(t.Context(), kim, 4); err != nil || w.devices["bot/1"].Status != haechi.Pending {
		t.Errorf("%v, status %v", err, w.devices["bot/1"].Status)
	}
	if err := c.Undo(t.Context(), kim, 99); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestWhy(t *testing.T) {
	w, c := newWorld()
	ref := haechi.NewReference("gate/replay", "x", w.now)
	w.events = []haechi.Event{{Time: w.now, Kind: haechi.KindMessage, Outcome: haechi.Failure, Reason: haechi.ReasonReplay, Rule: "gate/replay",
		Ref: ref, Verdict: haechi.Deny, Actor: haechi.Actor{Addr: netip.MustParseAddr("203.0.113.7"), Device: "bot/1"}}}
	x, err := c.Why(t.Context(), strings.ToLower(string(ref)))
	if err != nil || len(x.Refusals) != 1 || x.Device == nil {
		t.Fatalf("%+v, %v", x, err)
	}
	if !slices.Contains(x.Lift, "haechi devices approve 'bot/1'") {
		t.Errorf("lift %v", x.Lift)
	}
	for _, q := range []string{"203.0.113.7", "bot/1"} {
		if x, err := c.Why(t.Context(), q); err != nil || len(x.Refusals) != 1 {
			t.Errorf("%s: %+v, %v", q, x, err)
		}
	}
	if _, err := c.Why(t.Context(), "198.51.100.1"); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("an unknown address: %v", err)
	}
	if _, err := c.Why(t.Context(), "hello"); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("nonsense: %v", err)
	}
}

func TestFollowersSeeWhatMatches(t *testing.T) {
	w, c := newWorld()
	ctx, cancel := context.WithCancel(t.Context())
	ch, err := c.Follow(ctx, haechi.EventFilter{Kinds: []haechi.Kind{haechi.KindAuth}})
	if err != nil {
		t.Fatal(err)
	}
	c.Tap(&haechi.Event{Time: w.now, Kind: haechi.KindConnect})
	c.Tap(&haechi.Event{Time: w.now, Kind: haechi.KindAuth, Session: 7})
	if e := <-ch; e.Session != 7 {
		t.Errorf("got %+v", e)
	}
	cancel()
	if _, open := <-ch; open {
		t.Error("the stream goes on after its context ended")
	}
}
