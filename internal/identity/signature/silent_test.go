package signature_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"haechi"
	"haechi/internal/identity/signature"
)

// For any order of frames, connections, keys, rests and clocks that also go backwards, a
// verifier that rests now and then answers as one that never does.
func TestARestChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		other := vectorKey()
		other.ID, other.Secret = "k2", haechi.Secret("another secret of the device")
		keys := keyring{"a/1": {vectorKey(), other}, "b/1": {vectorKey()}, "c/1": {other}}
		cfg := signature.Config{Window: 2 * time.Second, Capacity: rapid.IntRange(4, 60).Draw(t, "capacity")}
		awake, rests := signature.New(cfg, keys), signature.New(cfg, keys)
		now := vectorTime
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-1500, 3000).Draw(t, "ms")) * time.Millisecond)
			device := rapid.SampledFrom([]string{"a/1", "b/1", "c/1"}).Draw(t, "device")
			if rapid.IntRange(0, 2).Draw(t, "rest") == 0 {
				sa, oka := awake.TakeClock(device)
				sb, okb := rests.TakeClock(device)
				if sa != sb || oka != okb {
					t.Fatalf("the clock is %v %v after a rest, %v %v without", sb, okb, sa, oka)
				}
				rests.Rest(now.Add(time.Minute))
			}
			k := rapid.SampledFrom(keys[device]).Draw(t, "key")
			ts := vectorTime.Add(time.Duration(rapid.IntRange(-8, 40).Draw(t, "ts")) * 500 * time.Millisecond)
			c := claim(device, k, ts, rapid.Uint64Range(1, 3).Draw(t, "session"), rapid.SampledFrom([]string{"u", "v", "w"}).Draw(t, "frame"))
			if rapid.IntRange(0, 5).Draw(t, "forged") == 0 {
				c.Signature = []byte("00" + string(c.Signature[2:]))
			}
			if a, b := awake.Prove(&c, now), rests.Prove(&c, now); a != b {
				t.Fatalf("%+v after a rest, %+v without", b, a)
			}
			if a, b := awake.LastUse(device, k.ID), rests.LastUse(device, k.ID); !a.Equal(b) {
				t.Fatalf("last used %v after a rest, %v without", b, a)
			}
			for i, s := range awake.Stats() {
				if r := rests.Stats()[i]; r != s {
					t.Fatalf("%+v after a rest, %+v without", r, s)
				}
			}
		}
	})
}

// A device that proved one frame is held as a silent one, and what was proved is refused
// from another connection still.
func TestSilentDevices(t *testing.T) {
	v := signature.New(signature.Config{}, ring())
	c := claim(bot, vectorKey(), vectorTime, 1, "frame")
	wantReason(t, v.Prove(&c, vectorTime), "")
	v.Rest(vectorTime.Add(time.Minute))
	if n := v.Silent(); n != 0 {
		t.Fatalf("%d silent devices while nobody has asked for the clock", n)
	}
	v.TakeClock(bot)
	for range 3 {
		v.Rest(vectorTime.Add(time.Minute))
		if n := v.Silent(); n != 1 {
			t.Fatalf("%d silent devices", n)
		}
		if got := v.LastUse(bot, vectorKey().ID); !got.Equal(vectorTime) {
			t.Errorf("last used %v", got)
		}
		graft := c
		graft.Session, graft.Frame = 2, []byte("graft")
		wantReason(t, v.Prove(&graft, vectorTime.Add(time.Second)), haechi.ReasonReplay)
		if n := v.Silent(); n != 0 {
			t.Fatalf("%d silent devices after one spoke", n)
		}
	}
}
