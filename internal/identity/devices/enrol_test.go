package devices_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

func newCode(t *testing.T, r *devices.Registry, spec haechi.EnrolCode) haechi.NewCode {
	t.Helper()
	if spec.Service == "" {
		spec.Service = "bots"
	}
	if spec.Until.IsZero() {
		spec.Until = start.Add(time.Hour)
	}
	c, err := r.DraftCode(spec, "kim", start)
	if err == nil {
		err = r.AddCode(t.Context(), c.EnrolCode, start)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCodeIsShownOnceAndKeptAsAHash(t *testing.T) {
	s := newStore()
	r := open(t, devices.Config{}, s)
	c := newCode(t, r, haechi.EnrolCode{Label: "3층", Uses: 2})
	if len(c.Code) <= 64 || !strings.HasPrefix(c.Code, "HC1-"+c.ID+"-") || strings.Trim(c.Code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-") != "" {
		t.Errorf("the code %q of %q", c.Code, c.ID)
	}
	sum := sha256.Sum256([]byte(c.Code))
	if kept := s.codes[c.ID]; string(kept.Hash) != string(sum[:]) || kept.By != "kim" || kept.Uses != 2 {
		t.Errorf("kept %+v", kept)
	}
	if text := fmt.Sprintf("%+v %#v", s.codes, r.EnrolCodes()); strings.Contains(text, c.Code) || strings.Contains(text, string(sum[:])) {
		t.Error("the registry prints the code or its hash")
	}
	if other := newCode(t, r, haechi.EnrolCode{}); other.Code == c.Code || other.ID == c.ID || other.Uses != 1 {
		t.Error("two codes are alike, or one is not for one device")
	}
}

func TestCodesAreBounded(t *testing.T) {
	r := open(t, devices.Config{}, newStore())
	for name, spec := range map[string]haechi.EnrolCode{
		"no service":   {Until: start.Add(time.Hour)},
		"over":         {Service: "bots", Until: start},
		"too long":     {Service: "bots", Until: start.Add(31 * 24 * time.Hour)},
		"too many":     {Service: "bots", Until: start.Add(time.Hour), Uses: 101},
		"control text": {Service: "bots", Until: start.Add(time.Hour), Label: "a\x1b[2J"},
		"slash":        {Service: "bots", Until: start.Add(time.Hour), Bot: "a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.DraftCode(spec, "kim", start)
			wantKind(t, err, haechi.Invalid)
		})
	}
	first := newCode(t, r, haechi.EnrolCode{})
	for range devices.MaxOpenCodes - 1 {
		newCode(t, r, haechi.EnrolCode{})
	}
	_, err := r.DraftCode(haechi.EnrolCode{Service: "bots", Until: start.Add(time.Hour)}, "kim", start)
	wantKind(t, err, haechi.Exhausted)
	if _, err := r.EndCode(t.Context(), first.ID, "lee", start); err != nil {
		t.Fatal(err)
	}
	wantKind(t, r.AddCode(t.Context(), newCode(t, r, haechi.EnrolCode{}).EnrolCode, start), haechi.Exhausted)
	_, err = r.ReopenCode(t.Context(), first.ID, start)
	wantKind(t, err, haechi.Exhausted)
	if n := len(r.Enrolling("bots", "a/1", addr("192.0.2.1"), start)); n != devices.MaxOpenCodes {
		t.Errorf("%d codes are tried", n)
	}
}

func TestEnrol(t *testing.T) {
	s := newStore()
	var told []string
	r := open(t, devices.Config{OnChange: func(before, after haechi.Device) {
		told = append(told, fmt.Sprint(before.Key != "", after.Status))
	}}, s)
	c := newCode(t, r, haechi.EnrolCode{Label: "3층 창고", Bot: "LOA.i"})
	d := loaDevice()
	d.UUID = "89abcdef01234567"
	keys := r.Enrolling("bots", loa, addr("192.0.2.7"), start)
	if len(keys) != 1 || keys[0].ID != c.ID || len(keys[0].Salt) != 0 {
		t.Fatalf("tried: %+v", keys)
	}
	_, after, err := r.Enrol(t.Context(), c.ID, d, start)
	if err != nil || after.Status != haechi.Approved || after.By != "code:"+c.ID || after.Label != "3층 창고" || after.UUID != d.UUID {
		t.Fatalf("%+v, %v", after, err)
	}
	in := r.Keys(loa, start)
	if len(in) != 1 || in[0].ID != c.ID || in[0].Code != c.ID || string(in[0].Secret) != string(keys[0].Secret) {
		t.Errorf("in force: %q", ids(in))
	}
	if len(told) != 1 || told[0] != "false approved" {
		t.Errorf("told %q", told)
	}
	if r.Enrolling("bots", "LOA.i/other", addr("192.0.2.7"), start) != nil {
		t.Error("a code for one device is tried again")
	}
	_, _, err = r.Enrol(t.Context(), c.ID, device("LOA.i", "other", "192.0.2.7"), start)
	wantKind(t, err, haechi.Conflict)
	again := open(t, devices.Config{}, s)
	if got, ok := again.Lookup(loa); !ok || got.Status != haechi.Approved || len(again.Keys(loa, start)) != 1 || again.EnrolCodes()[0].Used != 1 {
		t.Error("the enrolment does not survive a restart")
	}
}

// A code counts for its service and bot, until it ends, and for who is unknown or
// waits, not for who was turned away.
func TestWhoMayBringACode(t *testing.T) {
	turned := []haechi.Device{with(device("a", "denied", ""), haechi.DeniedDevice), with(device("a", "revoked", ""), haechi.Revoked),
		with(device("a", "blocked", ""), haechi.Blocked), with(device("a", "approved", ""), haechi.Approved)}
	r := open(t, devices.Config{}, newStore(append(turned, with(device("a", "pending", ""), haechi.Pending))...))
	c := newCode(t, r, haechi.EnrolCode{Bot: "a", Uses: 100})
	for _, q := range []struct {
		service, device string
		after           time.Duration
		want            bool
	}{
		{"bots", "a/unknown", 0, true},
		{"bots", "a/pending", 0, true},
		{"bots", "A/unknown", 0, false},
		{"shop", "a/unknown2", 0, false},
		{"bots", "a/denied", 0, false},
		{"bots", "a/revoked", 0, false},
		{"bots", "a/blocked", 0, false},
		{"bots", "a/approved", 0, false},
		{"bots", "nonsense", 0, false},
		{"bots", "a/unknown", time.Hour - 1, true},
		{"bots", "a/unknown", time.Hour, false},
	} {
		if got := r.Enrolling(q.service, q.device, addr("192.0.2.1"), start.Add(q.after)) != nil; got != q.want {
			t.Errorf("%s at %s after %v: %v, want %v", q.device, q.service, q.after, got, q.want)
		}
	}
	for _, d := range turned {
		_, _, err := r.Enrol(t.Context(), c.ID, d, start)
		wantKind(t, err, haechi.Conflict)
	}
	if _, err := r.EndCode(t.Context(), c.ID, "kim", start); err != nil {
		t.Fatal(err)
	}
	if r.Enrolling("bots", "a/fresh", addr("192.0.2.1"), start) != nil {
		t.Error("an ended code is tried")
	}
	_, err := r.EndCode(t.Context(), c.ID, "kim", start)
	wantKind(t, err, haechi.Conflict)
	if got, err := r.ReopenCode(t.Context(), c.ID, start); err != nil || !got.Open(start) {
		t.Errorf("%+v, %v", got, err)
	}
}

// One device guesses at most once in 30 seconds, whether it has a place in the
// queue or not.
func TestGuessesAreSpaced(t *testing.T) {
	r := open(t, devices.Config{PendingCap: 1}, newStore())
	newCode(t, r, haechi.EnrolCode{})
	if _, err := r.Register(device("waits", "1", "192.0.2.1"), start); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"waits/1", "refused/1"} {
		tries := 0
		for i := range 120 {
			if r.Enrolling("bots", key, addr("192.0.2.1"), start.Add(time.Duration(i)*time.Second)) != nil {
				tries++
			}
		}
		if tries != 4 {
			t.Errorf("%s was tried %d times in two minutes, want 4", key, tries)
		}
	}
}

func TestFailedEnrolmentChangesNothing(t *testing.T) {
	s := newStore()
	r := open(t, devices.Config{}, s)
	c := newCode(t, r, haechi.EnrolCode{})
	if _, err := r.Register(loaDevice(), start); err != nil {
		t.Fatal(err)
	}
	s.set(func(s *store) { s.fail = errDisk })
	if _, _, err := r.Enrol(t.Context(), c.ID, loaDevice(), start); err == nil {
		t.Fatal("no error")
	}
	if d, _ := r.Lookup(loa); d.Status != haechi.Pending || r.Keys(loa, start) != nil || r.EnrolCodes()[0].Used != 0 {
		t.Errorf("%v, used %d", d.Status, r.EnrolCodes()[0].Used)
	}
	s.set(func(s *store) { s.fail = nil })
	if _, d, err := r.Enrol(t.Context(), c.ID, loaDevice(), start); err != nil || d.Status != haechi.Approved {
		t.Errorf("%+v, %v", d, err)
	}
	for _, counter := range r.Stats() {
		if counter.Name == "devices.pending" && counter.Value != 0 || counter.Name == "devices.enrolled" && counter.Value != 1 {
			t.Errorf("%s is %d", counter.Name, counter.Value)
		}
	}
}

// A full queue does not keep out who brings a code.
func TestCodeGoesPastTheQueue(t *testing.T) {
	r := open(t, devices.Config{PendingCap: 1}, newStore())
	c := newCode(t, r, haechi.EnrolCode{})
	if _, err := r.Register(device("waits", "1", "192.0.2.1"), start); err != nil {
		t.Fatal(err)
	}
	_, err := r.Register(loaDevice(), start)
	wantKind(t, err, haechi.Exhausted)
	if r.Enrolling("bots", loa, addr("192.0.2.7"), start) == nil {
		t.Fatal("no code is tried")
	}
	if _, d, err := r.Enrol(t.Context(), c.ID, loaDevice(), start); err != nil || d.Status != haechi.Approved {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestOldCodesAreForgotten(t *testing.T) {
	s := newStore()
	running(t, devices.Config{FlushEvery: time.Hour, Probe: time.Hour}, s, func(r *devices.Registry) {
		for _, life := range []time.Duration{time.Hour, 20 * 24 * time.Hour} {
			c, err := r.DraftCode(haechi.EnrolCode{Service: "bots", Until: time.Now().Add(life)}, "kim", time.Now())
			if err == nil {
				err = r.AddCode(t.Context(), c.EnrolCode, time.Now())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		pass(31 * 24 * time.Hour)
		if n := len(r.EnrolCodes()); n != 1 || len(s.codes) != 1 {
			t.Errorf("%d codes are listed, %d stored", n, len(s.codes))
		}
	})
}

// Who is governed by an outer registry is let in there alone.
func TestCodesDoNotOverruleAnOuterRegistry(t *testing.T) {
	src := &source{}
	r, o := governed(t, devices.Config{}, newStore(), src)
	poll(t, o)
	c := newCode(t, r, haechi.EnrolCode{})
	if r.Enrolling("bots", loa, addr("192.0.2.7"), start) != nil {
		t.Error("a code is tried at a governed service")
	}
	if _, err := r.At("bots").Register(loaDevice(), start); err != nil {
		t.Fatal(err)
	}
	_, _, err := r.Enrol(t.Context(), c.ID, loaDevice(), start)
	wantKind(t, err, haechi.Conflict)
}
