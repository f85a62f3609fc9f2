package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// TestLifeOfADevice follows a device from its first call to its end, operated by
// the command line.
func TestLifeOfADevice(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { pending: 3, hold: 5s }"})
	id := demo.Identity{Bot: "새봇", Serial: "1111", Shape: demo.V333}
	if got := r.phone(id, 10).refused(t); got.Code != "UNAUTHORIZED" {
		t.Errorf("an unknown device is told %+v", got)
	}
	if ds := asked[[]haechi.Device](r, "devices", "--status", "pending"); len(ds) != 1 || ds[0].Key != id.Key() || ds[0].Addr != r.addr(10).String() || ds[0].Version != "3.3.3" {
		t.Fatalf("pending are %+v", ds)
	}
	k := asked[haechi.NewKey](r, "devices", "key", id.Key())
	id.Secret, id.Salt = haechi.Secret(k.Secret), haechi.Secret(k.Salt)
	r.phone(id, 10).refused(t) // a key is no approval

	p := r.phone(id, 10)
	p.lives() // held, until the approval lets it come back
	eventually(t, "the phone to wait", 5*time.Second, func() bool { return p.Counts().Errors > 0 })
	r.ok("devices", "approve", id.Key())
	eventually(t, "the approved phone to come in by itself", 6*time.Second, func() bool { return p.Counts().Opened > 0 })

	r.cuts(t, id, "block", "lost phone")
	r.explained(t, r.phone(id, 11).refused(t).Ref, haechi.ReasonUnauthorized, id)
	var last haechi.AuditEntry // beside what the gate itself wrote of the first session
	for _, e := range slices.Backward(asked[[]haechi.AuditEntry](r, "audit", "--limit", "5")) {
		if e.Action == "device.status" {
			last = e
		}
	}
	if last.Action != "device.status" || last.Subject != id.Key() || last.Before != "approved" || last.After != "blocked" || last.Reason != "lost phone" || last.Via != "cli" || last.By == "" {
		t.Errorf("audited %+v", last)
	}
	r.ok("audit", "undo", fmt.Sprint(last.Seq))
	r.cuts(t, id, "revoke", "left the company")
	r.ok("devices", "approve", id.Key())
	r.phone(id, 12).connected().Close()
	r.ok("devices", "deny", id.Key(), "--reason", "never again")
	r.phone(id, 12).refused(t)
	r.audited(t, id)
}

// cuts takes the approval from a device that converses. Its session must be over
// by the time the command is.
func (r *rig) cuts(t *testing.T, id demo.Identity, verb, reason string) {
	t.Helper()
	p := r.phone(id, 11)
	s := p.connected()
	p.chats(s, "있어요?")
	over := make(chan time.Time, 1)
	go func() {
		_, err := s.Until("")
		if err != nil {
			over <- time.Now()
		}
	}()
	began := time.Now()
	r.ok("devices", verb, id.Key(), "--reason", reason)
	select {
	case at := <-over:
		t.Logf("%s took %s to cut", verb, at.Sub(began))
	case <-time.After(gateway.Patient(time.Second)):
		t.Errorf("%s did not cut the session", verb)
	}
	n := len(r.bots.of(id))
	r.phone(id, 11).refused(t)
	if len(r.bots.of(id)) != n {
		t.Errorf("after %s the server heard it again", verb)
	}
}

// audited wants every change in the chain, in order, and the chain intact.
func (r *rig) audited(t *testing.T, id demo.Identity) {
	t.Helper()
	var did []string
	entries := asked[[]haechi.AuditEntry](r, "audit", "--limit", "100")
	slices.Reverse(entries)
	for _, e := range entries {
		if e.Subject == id.Key() && e.Action != "device.pin" { // of the first session; written a little later
			did = append(did, strings.TrimSpace(e.Action+" "+e.After))
		}
	}
	want := []string{"device.key", "device.status approved", "device.status blocked", "device.status approved",
		"device.status revoked", "device.status approved", "device.status denied"}
	if !slices.Equal(did, want) {
		t.Errorf("audited %q, want %q", did, want)
	}
	if n := asked[map[string]uint64](r, "audit", "verify")["entries"]; n != uint64(len(entries)) {
		t.Errorf("%d entries verified of %d", n, len(entries))
	}
}

// TestPendingIsBounded: nobody fills the registry by inventing devices.
func TestPendingIsBounded(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { pending: 3, hold: 1s }"})
	var last demo.Refusal
	for i := range 6 {
		last = r.phone(demo.Identity{Bot: "떼", Serial: fmt.Sprint(i)}, 10+i).refused(t)
	}
	if ds := asked[[]haechi.Device](r, "devices"); len(ds) != 3 {
		t.Errorf("%d devices are registered, want 3", len(ds))
	}
	var x haechi.Explanation
	eventually(t, "the refusal to be recorded", 3*time.Second, func() bool {
		return len(askedOr(r, &x, "why", last.Ref).Refusals) > 0
	})
	if x.Refusals[0].Reason != haechi.ReasonPendingFull {
		t.Errorf("refused for %s", x.Refusals[0].Reason)
	}
}

// TestKeyRotation: two keys are valid at once, a third retires the oldest, and a
// key can be ended at once.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 1s }"})
	first := r.enrol("열쇠봇", "2222", demo.V333)
	second := r.key(first)
	for i, id := range []demo.Identity{first, second, first} {
		p := r.phone(id, 10)
		p.chats(p.connected(), fmt.Sprint("열쇠 ", i))
	}
	third := r.key(first)
	if got := r.phone(first, 11).refused(t); got.Code != "AUTH_FAILED" {
		t.Errorf("the oldest key: %+v", got)
	}
	for _, id := range []demo.Identity{second, third} {
		r.phone(id, 10).connected()
	}
	live := r.phone(third, 10)
	s := live.connected()
	keys := asked[[]haechi.Device](r, "devices")[0].Keys
	if len(keys) != 2 {
		t.Fatalf("it has keys %+v", keys)
	}
	newest := slices.MaxFunc(keys, func(a, b haechi.KeyInfo) int { return a.Created.Compare(b.Created) })
	r.ok("devices", "retire", third.Key(), newest.ID)
	if talk(s, "아직?") == nil {
		t.Error("a session goes on with a key that was ended")
	}
	if got := r.phone(third, 12).refused(t); got.Code != "AUTH_FAILED" {
		t.Errorf("the ended key: %+v", got)
	}
	r.phone(second, 10).connected()
	if out := r.proc.Err.String() + r.ok("devices", "--json"); strings.Contains(out, string(third.Secret)) || strings.Contains(out, string(third.Salt)) {
		t.Error("a secret was shown again")
	}
}
