package storetest

import (
	"fmt"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
)

// handChanges: a status that somebody writes into the copy of the registry is seen, also
// after a restart, and is not overwritten by what the gateway writes meanwhile, until it
// is settled; then the copy is what the registry is.
func handChanges(t *testing.T, b Backend) {
	open := b(t)
	s := open(t)
	a, other := someDevice("a/1"), someDevice("a/2")
	a.Status, other.Status = haechi.Approved, haechi.Approved
	check(t, s.Fleet.SaveDevices(t.Context(), []haechi.Device{a, other}))
	pings := func() {
		t.Helper()
		a.LastPing = a.LastPing.Add(time.Second)
		check(t, s.Devices.SaveDevice(t.Context(), &a))
		check(t, s.Events.Append(t.Context(), &record.Batch{Devices: []haechi.Device{a}}))
	}
	changed := func(want ...record.HandChange) {
		t.Helper()
		got, err := s.Hands.HandChanges(t.Context())
		check(t, err)
		equal(t, got, want)
	}
	pings()
	changed()
	s.SQL(t, "UPDATE kb_bot_devices SET status = 'blocked', blocked_reason = 'Suspicious activity' WHERE device_id = 'a/1'")
	block := record.HandChange{Device: "a/1", Status: "blocked", Reason: "Suspicious activity"}
	changed(block)
	pings()
	changed(block)
	check(t, s.Close())
	s = open(t)
	defer func() { check(t, s.Close()) }()
	changed(block)

	a.Status, a.Reason = haechi.Blocked, "Suspicious activity" // the registry follows
	pings()
	check(t, s.Hands.SettleHandChange(t.Context(), block))
	changed()
	s.SQL(t, "UPDATE kb_bot_devices SET status = 'approved'") // a/2 is so already
	s.SQL(t, "INSERT INTO kb_bot_devices (device_id, status) VALUES ('nobody/1', 'anything')")
	approve, nobody := record.HandChange{Device: "a/1", Status: "approved", Reason: "Suspicious activity"}, record.HandChange{Device: "nobody/1", Status: "anything"}
	changed(approve, nobody)
	check(t, s.Hands.SettleHandChange(t.Context(), record.HandChange{Device: "a/1", Status: "revoked"})) // it was changed again since
	changed(approve, nobody)
	check(t, s.Hands.SettleHandChange(t.Context(), approve))
	check(t, s.Hands.SettleHandChange(t.Context(), nobody))
	changed()
	s.SQL(t, "UPDATE kb_bot_devices SET status = 'pending' WHERE device_id = 'nobody/1'") // it is gone
	changed()
	pings()
	s.SQL(t, "UPDATE kb_bot_devices SET status = 'pending' WHERE status = 'blocked' AND device_id = 'a/1'")
	changed(record.HandChange{Device: "a/1", Status: "pending", Reason: "Suspicious activity"}) // so the copy said blocked
}

// manyDevices: a fleet is written, seen and brought over whole, however many one step
// takes at once.
func manyDevices(t *testing.T, b Backend) {
	s := opened(t, b)
	ds := make([]haechi.Device, 1203)
	for i := range ds {
		ds[i] = someDevice(fmt.Sprintf("bot/%04d", i))
	}
	check(t, s.Fleet.SaveDevices(t.Context(), ds))
	for i := range ds {
		ds[i].LastPing, ds[i].Addr = Now().Add(time.Duration(i)*time.Second), fmt.Sprintf("2001:db8::%x", i)
	}
	k := haechi.Key{ID: "k1", Secret: []byte("s"), Salt: []byte{}, Created: Now()}
	check(t, s.Devices.SaveKey(t.Context(), ds[1200].Key, &k))
	ds[1200].Keys = []haechi.KeyInfo{{ID: "k1", Created: Now(), LastUse: Now().Add(time.Hour)}}
	check(t, s.Fleet.SaveSeen(t.Context(), ds))
	got, err := s.Devices.Devices(t.Context())
	check(t, err)
	equal(t, got, ds)
	appendAll(t, s, nil)
	report, err := s.Events.Report(t.Context(), "transport", Now())
	check(t, err)
	if len(report.Rows) != 0 {
		t.Errorf("a report about nothing has %d rows", len(report.Rows))
	}
	s.SQL(t, "UPDATE kb_bot_devices SET status = 'approved' WHERE status = 'blocked'")
	changes, err := s.Hands.HandChanges(t.Context())
	check(t, err)
	if len(changes) != 1000 { // of 1203 in the copy, the first look takes so many
		t.Errorf("the copy holds %d devices that were changed", len(changes))
	}
}
