package scenario_test

import (
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
)

// TestRefusals is the second half of Must show 2: every fault is refused with a
// reference that `haechi why` resolves, and the bot server gets none of it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	want := map[demo.Fault]haechi.Reason{
		demo.NoAuth: haechi.ReasonAuthMissing, demo.BadSignature: haechi.ReasonHMACFailed,
		demo.UpperKey: haechi.ReasonDuplicateKey, demo.DuplicateKey: haechi.ReasonDuplicateKey,
		demo.ForeignBot: haechi.ReasonIdentity, demo.BigLine: haechi.ReasonOversize,
		demo.OldFrame: haechi.ReasonTimestamp, demo.Graft: haechi.ReasonReplay,
		demo.Replay: haechi.ReasonLiveness, // a frame that was answered once proves nobody
	}
	for i, fault := range demo.Faults() {
		if fault == demo.BareHandshake {
			continue // TestBareHandshake
		}
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			r := r.with(t)
			id := r.enrol("시험봇", "feed0000000000"+string(rune('a'+i))+"0", demo.V333)
			a, err := r.phone(id, 20+i).Misbehave(t.Context(), fault, 20*time.Second)
			must(t, err)
			if a.Answered || !a.Told {
				t.Fatalf("%+v", a)
			}
			r.explained(t, a.Ref, want[fault], id)
			r.received(t, id, a)
		})
	}
}

// explained wants `haechi why REF --json` to say everything about a refusal.
func (r *rig) explained(t *testing.T, ref string, reason haechi.Reason, id demo.Identity) haechi.Event {
	t.Helper()
	var x haechi.Explanation
	eventually(t, "the refusal to be recorded", 3*time.Second, func() bool {
		return len(askedOr(r, &x, "why", ref).Refusals) > 0
	})
	e := x.Refusals[0]
	if e.Reason != reason || string(e.Ref) != ref || e.Rule == "" || e.Verdict < haechi.Deny || e.Outcome != haechi.Failure || e.Time.IsZero() || e.Service != "bots" {
		t.Errorf("why %s says %+v, want %s", ref, e, reason)
	}
	if e.Device != id.Key() || x.Device == nil || x.Device.Key != id.Key() {
		t.Errorf("why %s does not name %s: %+v", ref, id.Key(), x)
	}
	switch reason {
	case haechi.ReasonOversize, haechi.ReasonTimestamp:
		if e.Observed <= e.Threshold || e.Threshold == 0 {
			t.Errorf("why %s: observed %v against %v", ref, e.Observed, e.Threshold)
		}
	}
	return e
}

// received counts the bytes that the server got from the device: what came before
// the fault, to the byte, and nothing of the fault.
func (r *rig) received(t *testing.T, id demo.Identity, a demo.Attempt) {
	t.Helper()
	got, lines := "", 1 // a phone proves itself first, so the server has its handshake
	for _, c := range r.bots.of(id) {
		got += c.read()
	}
	if a.Fault == demo.Replay || a.Fault == demo.Graft {
		lines = 2 // and the honest message that was captured
	}
	if n := strings.Count(got, "\n"); n != lines || !strings.HasSuffix(got, "\n") {
		t.Errorf("the server got %d lines of the device, want %d: %.500s", n, lines, got)
	}
	faulty := string(a.Sent)
	if a.Fault == demo.Replay {
		faulty += faulty // once is honest
	}
	if strings.Contains(got, faulty) {
		t.Error("the server got the fault")
	}
}

// askedOr runs a command with --json; while it fails, v stays as it is.
func askedOr[T any](r *rig, v *T, args ...string) T {
	r.t.Helper()
	if r.cli(args...).Code == 0 {
		*v = asked[T](r, args...)
	}
	return *v
}

// TestPendingDevice: a device that waits for its approval is refused, with a
// reference, and the server hears nothing of it.
func TestPendingDevice(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	id := r.pending("새봇", "00000000000000aa", demo.V333)
	p := r.phone(id, 10)
	s, err := p.Connect(t.Context())
	must(t, err)
	defer s.Close()
	must(t, s.Handshake())
	_, err = s.Until("error")
	must(t, err)
	if last := p.Counts().Last; last.Code != "UNAUTHORIZED" {
		t.Errorf("told %+v", last)
	}
	r.explained(t, p.Counts().Last.Ref, haechi.ReasonPending, id)
	if n := len(r.bots.talks()); n != 0 {
		t.Errorf("the server heard %d connections", n)
	}
	if x := asked[haechi.Explanation](r, "why", p.Counts().Last.Ref); len(x.Lift) == 0 || !strings.Contains(x.Lift[0], "devices approve") {
		t.Errorf("it is not said how to lift it: %v", x.Lift)
	}
}

// TestBareHandshake: whoever names an approved device and proves nothing neither
// gets in nor disturbs the device's own session.
func TestBareHandshake(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	id := r.enrol("LOA.i", "00000000000000bb", demo.V333)
	real := r.phone(id, 10)
	s := real.connected()
	real.chats(s, "전")
	thief := id
	thief.Secret, thief.Salt = nil, nil
	foe := r.phone(thief, 66)
	done := make(chan demo.Attempt, 1)
	go func() {
		a, err := foe.Misbehave(t.Context(), demo.BareHandshake, 20*time.Second)
		if err != nil {
			t.Error(err)
		}
		done <- a
	}()
	var a demo.Attempt
	for waiting := true; waiting; {
		real.chats(s, "!time")
		select {
		case a = <-done:
			waiting = false
		case <-time.After(200 * time.Millisecond):
		}
	}
	real.chats(s, "후")
	if c := real.Counts(); c.Connects != 1 {
		t.Errorf("the real device connected %d times", c.Connects)
	}
	if !a.Told || a.Answered {
		t.Fatalf("%+v", a)
	}
	if e := r.explained(t, a.Ref, haechi.ReasonLiveness, id); e.Assurance == haechi.Authenticated {
		t.Errorf("it is held against the device: %+v", e)
	}
	if n := len(r.bots.talks()); n != 1 {
		t.Errorf("the server heard %d connections, want the real one", n)
	}
}
