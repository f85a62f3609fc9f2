package signature_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"haechi"
	"haechi/internal/identity/signature"
)

type step struct {
	frame   string
	session uint64
	want    haechi.Reason
	dup     bool
}

// The table of the protocol page, section 9. All steps carry one signature.
func TestTwoLevelRule(t *testing.T) {
	for name, steps := range map[string][]step{
		"honest resend on a new connection": {{"a", 1, "", false}, {"a", 2, "", true}, {"a", 1, "", true}},
		"same millisecond, one connection":  {{"a", 1, "", false}, {"b", 1, "", false}, {"c", 1, "", false}, {"d", 1, "", false}},
		"above the allowance":               {{"a", 1, "", false}, {"b", 1, "", false}, {"c", 1, "", false}, {"d", 1, "", false}, {"e", 1, haechi.ReasonReplay, false}},
		"graft from another connection":     {{"a", 1, "", false}, {"b", 2, haechi.ReasonReplay, false}},
		"a refused graft changes nothing":   {{"a", 1, "", false}, {"b", 2, haechi.ReasonReplay, false}, {"b", 2, haechi.ReasonReplay, false}, {"b", 1, "", false}},
		"resend of a second frame":          {{"a", 1, "", false}, {"b", 1, "", false}, {"b", 2, "", true}, {"a", 2, "", true}, {"c", 2, haechi.ReasonReplay, false}},
	} {
		t.Run(name, func(t *testing.T) {
			v := signature.New(signature.Config{}, ring())
			for i, s := range steps {
				c := claim(bot, vectorKey(), vectorTime, s.session, s.frame)
				p := v.Prove(&c, vectorTime.Add(time.Duration(i)*time.Second))
				if p.Reason != s.want || p.Duplicate != s.dup || p.Reason != "" && p.Observed <= p.Threshold {
					t.Errorf("step %d: %+v, want reason %q duplicate %v", i, p, s.want, s.dup)
				}
			}
		})
	}
}

// A claim that fails must not burn the signature of the real frame.
func TestMemoryIsFilledAfterVerification(t *testing.T) {
	v := signature.New(signature.Config{Capacity: 1}, ring())
	good := claim(bot, vectorKey(), vectorTime, 1, "frame")
	forged := good
	forged.Session, forged.Frame = 2, []byte("forged")
	forged.Parts[4] = []byte("10.0.0.1")
	for range 100 {
		wantReason(t, v.Prove(&forged, vectorTime), haechi.ReasonHMACFailed)
	}
	wantReason(t, v.Prove(&good, vectorTime), "")
}

func TestMemoryFullRefusesAndRecovers(t *testing.T) {
	keys := keyring{"a/1": {vectorKey()}, "b/1": {vectorKey()}}
	v := signature.New(signature.Config{Capacity: 10, Share: 6}, keys)
	at := func(i int) time.Time { return vectorTime.Add(time.Duration(i) * time.Millisecond) }
	prove := func(device string, i int, now time.Time) haechi.Proof {
		c := claim(device, vectorKey(), now.Add(time.Duration(i)*time.Millisecond), 1, fmt.Sprint(i))
		return v.Prove(&c, now)
	}
	for i := range 6 {
		wantReason(t, prove("a/1", i, vectorTime), "")
	}
	p := prove("a/1", 6, vectorTime)
	wantReason(t, p, haechi.ReasonNonceFull)
	if p.Observed != 6 || p.Threshold != 6 {
		t.Errorf("share: observed %v threshold %v", p.Observed, p.Threshold)
	}
	for i := range 4 {
		wantReason(t, prove("b/1", i, vectorTime), "")
	}
	p = prove("b/1", 4, vectorTime)
	wantReason(t, p, haechi.ReasonNonceFull)
	if p.Threshold != 10 || stat(t, v, "replay_memory_full") != 1 || stat(t, v, "replay_share_full") != 1 {
		t.Errorf("capacity: %+v, %v", p, v.Stats())
	}
	// What is remembered stays so while the memory is full.
	c := claim("a/1", vectorKey(), at(0), 2, "other")
	wantReason(t, v.Prove(&c, vectorTime), haechi.ReasonReplay)
	// One device alone goes on later; the silent one's memory is given back too.
	later := vectorTime.Add(25 * time.Minute)
	wantReason(t, prove("a/1", 0, later), "")
	if held := stat(t, v, "replay_memory_held"); held != 1 {
		t.Errorf("%d frames held after all but one ended", held)
	}
}

// Neither a clock that leaps ahead and comes back, nor one set back, opens the
// window again for what was seen.
func TestClockSteps(t *testing.T) {
	for name, step := range map[string]time.Duration{"ahead": 26 * time.Hour, "back": -26 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			v := signature.New(signature.Config{}, ring())
			c := claim(bot, vectorKey(), vectorTime, 1, "frame")
			wantReason(t, v.Prove(&c, vectorTime), "")
			for i := range 8 { // a device with the same wrong clock
				wrong := vectorTime.Add(step + time.Duration(i)*4*time.Minute)
				o := claim(bot, vectorKey(), wrong, 1, "other")
				v.Prove(&o, wrong)
			}
			graft := c
			graft.Session, graft.Frame = 2, []byte("graft")
			if p := v.Prove(&graft, vectorTime); p.Reason == "" {
				t.Errorf("graft passed after the clock came back: %+v", p)
			}
		})
	}
}

// The promise of the package, for any order of frames, connections, devices and
// clocks that also go backwards: a signature passes with another frame only on
// the connection that first used it, and only so many times; the very same frame
// never passes twice.
func TestNoSequenceReplays(t *testing.T) {
	type first struct {
		session uint64
		frames  map[string]bool
	}
	rapid.Check(t, func(t *rapid.T) {
		k := vectorKey()
		keys := keyring{"a/1": {k}, "b/1": {k}}
		reuse := rapid.IntRange(-1, 3).Draw(t, "reuse")
		v := signature.New(signature.Config{Window: 2 * time.Second, Reuse: reuse,
			Capacity: rapid.IntRange(4, 60).Draw(t, "capacity")}, keys)
		allowed := map[int]int{-1: 0, 0: 3, 1: 1, 2: 2, 3: 3}[reuse]
		passed := map[string]*first{}
		now := vectorTime
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-1500, 3000).Draw(t, "ms")) * time.Millisecond)
			device := rapid.SampledFrom([]string{"a/1", "b/1"}).Draw(t, "device")
			ts := vectorTime.Add(time.Duration(rapid.IntRange(-8, 40).Draw(t, "ts")) * 500 * time.Millisecond)
			frame := rapid.SampledFrom([]string{"u", "v", "w", "x", "y"}).Draw(t, "frame")
			session := rapid.Uint64Range(1, 3).Draw(t, "session")
			c := claim(device, k, ts, session, frame)
			p := v.Prove(&c, now)
			id := device + string(c.Signature)
			f := passed[id]
			switch {
			case p.Reason != "":
				continue
			case p.Duplicate:
				if f == nil || !f.frames[frame] {
					t.Fatalf("duplicate of a frame that never passed")
				}
			case f == nil:
				passed[id] = &first{session, map[string]bool{frame: true}}
			case f.frames[frame]:
				t.Fatalf("the same frame passed twice")
			case f.session != session:
				t.Fatalf("graft from connection %d passed on %d", f.session, session)
			case len(f.frames) > allowed:
				t.Fatalf("%d further frames passed, allowed %d", len(f.frames), allowed)
			default:
				f.frames[frame] = true
			}
		}
	})
}

// With a clock that only moves on, an honest resend within the window is always
// a duplicate and never an offence.
func TestHonestResendIsDuplicate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := signature.New(signature.Config{}, ring())
		now := vectorTime
		sent := map[int]haechi.Claim{}
		for i := range rapid.IntRange(1, 60).Draw(t, "frames") {
			now = now.Add(time.Duration(rapid.IntRange(1, 100_000).Draw(t, "ms")) * time.Millisecond)
			c := claim(bot, vectorKey(), now, uint64(i), fmt.Sprint("frame", i))
			if p := v.Prove(&c, now); p.Reason != "" || p.Duplicate {
				t.Fatalf("new frame: %+v", p)
			}
			sent[i] = c
			again := rapid.IntRange(0, i).Draw(t, "again")
			r := sent[again]
			r.Session = 1000 + uint64(i)
			p := v.Prove(&r, now)
			if -p.Skew > 300*time.Second {
				if p.Reason != haechi.ReasonTimestamp {
					t.Fatalf("resend %v late: %+v", -p.Skew, p)
				}
			} else if p.Reason != "" || !p.Duplicate {
				t.Fatalf("honest resend %v late: %+v", -p.Skew, p)
			}
		}
	})
}

func TestOlderThanTheQueueIsCounted(t *testing.T) {
	v := signature.New(signature.Config{}, ring())
	for i, back := range []time.Duration{0, 35 * time.Second, 36 * time.Second} {
		c := claim(bot, vectorKey(), vectorTime.Add(-back), 1, fmt.Sprint(i))
		wantReason(t, v.Prove(&c, vectorTime), "")
	}
	if n := stat(t, v, "older_than_queue"); n != 1 {
		t.Errorf("%d frames counted as older than the client's queue, want 1", n)
	}
}
