package storetest

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
)

// batchesAgain: a batch that comes again, because its answer was lost or its spool was
// not moved on, is not written again, nor is it after a restart; its number says so,
// not its content. Other runs have numbers of their own.
func batchesAgain(t *testing.T, b Backend) {
	open := b(t)
	s := open(t)
	send := func(run string, seq uint64) {
		t.Helper()
		batch := record.Batch{ID: record.BatchID{Run: run, Seq: seq}, Events: random(8, 100, Now(), time.Hour),
			Findings: []haechi.Finding{finding("r", "a/1", Now())}}
		check(t, s.Events.Append(t.Context(), &batch))
	}
	count := func(want int) {
		t.Helper()
		fs, err := s.Events.Findings(t.Context(), &record.FindingFilter{})
		check(t, err)
		if n := len(query(t, s, haechi.EventFilter{Limit: 10000})); n != want*100 || len(fs) != want {
			t.Fatalf("%d events and %d findings, want %d batches of 100 and 1", n, len(fs), want)
		}
		agree(t, s, Now())
	}
	send("one", 1)
	send("one", 1)
	count(1)
	send("one", 3) // numbers rise, and may be left out
	send("one", 3)
	send("one", 1)
	send("two", 1)
	count(3)
	send("", 0)
	send("", 0)
	count(5)
	check(t, s.Close())
	s = open(t)
	defer func() { check(t, s.Close()) }()
	send("one", 3)
	send("two", 1)
	count(5)
	send("one", 4)
	count(6)
}

// lookalikes are device keys that a database might take for one another.
func lookalikes() []string {
	return []string{"LOA.i/1", "loa.i/1", "LOA.i/1 ", "LOA.i/ 1", "LÓA.i/1", "LO\u0301A.i/1", "카/1", "\u110f\u1161/1", "ß/1", "ss/1", "%/1", "_/1", "ＬＯＡ.i/1"}
}

// exactNames: names are compared byte for byte, everywhere.
func exactNames(t *testing.T, b Backend) {
	s := opened(t, b)
	for i, key := range lookalikes() {
		d := someDevice("x/1")
		d.Key = key
		check(t, s.Devices.SaveDevice(t.Context(), &d))
		k := haechi.Key{ID: "k", Secret: haechi.Secret(key), Salt: haechi.Secret{}, Created: Now()}
		check(t, s.Devices.SaveKey(t.Context(), key, &k))
		appendAll(t, s, []haechi.Event{{Time: Now(), Kind: haechi.KindMessage, Actor: actor("203.0.113.7", key), Session: uint64(i + 1)}},
			finding("r", key, Now()))
	}
	devices, err := s.Devices.Devices(t.Context())
	check(t, err)
	if len(devices) != len(lookalikes()) {
		t.Errorf("%d devices, want %d", len(devices), len(lookalikes()))
	}
	for i, key := range lookalikes() {
		got := query(t, s, haechi.EventFilter{Device: key})
		if len(got) != 1 || got[0].Session != uint64(i+1) {
			t.Errorf("%q has %d events", key, len(got))
		}
		fs, err := s.Events.Findings(t.Context(), &record.FindingFilter{About: haechi.Scope{Kind: haechi.ScopeDevice, Value: key}})
		check(t, err)
		ks, err := s.Devices.Keys(t.Context(), key)
		check(t, err)
		if len(fs) != 1 || len(ks) != 1 || string(ks[0].Secret) != key {
			t.Errorf("%q has %d findings, %d keys", key, len(fs), len(ks))
		}
	}
	_, err = s.Eraser.EraseDevice(t.Context(), "LOA.i/1")
	check(t, err)
	check(t, s.Devices.DeleteDevice(t.Context(), "LOA.i/1"))
	devices, err = s.Devices.Devices(t.Context())
	check(t, err)
	if n := len(query(t, s, haechi.EventFilter{Limit: 100})); n != len(lookalikes())-1 || len(devices) != n {
		t.Errorf("erasing one device leaves %d events and %d devices, want %d", n, len(devices), len(lookalikes())-1)
	}
}

// awkward: text that a column cannot take as it is costs at most itself, never the
// batch: one such row would otherwise keep the spool from ever being written back.
func awkward(t *testing.T, b Backend) {
	s := opened(t, b)
	long := make([]byte, 100_000)
	for i := range long {
		long[i] = 'x'
	}
	e := haechi.Event{Time: Now(), Kind: haechi.KindRequest, Actor: actor("203.0.113.7", "a/1"), Path: "/\xff\xfe" + string(long),
		UserAgent: "a\xc3", Host: string(long), Method: string(long), Class: string(long), Rule: string(long), Text: string(long)}
	far := haechi.Event{Time: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), Kind: haechi.KindConnect, Session: 7}
	early := haechi.Event{Time: time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), Kind: haechi.KindConnect, Session: 8}
	appendAll(t, s, []haechi.Event{e, far, early})
	got := query(t, s, haechi.EventFilter{Device: "a/1"})
	if len(got) != 1 || len(got[0].Path) < 10_000 {
		t.Errorf("%d events", len(got))
	}
	if n := len(query(t, s, haechi.EventFilter{Kinds: []haechi.Kind{haechi.KindConnect}})); n != 2 {
		t.Errorf("%d events of far times, want 2", n)
	}
}
