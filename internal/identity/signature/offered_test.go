package signature_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/signature"
)

// A secret longer than 64 bytes signs as its SHA-256 does: that is how enrolment
// codes are checked by their hash.
func TestHashOfALongSecretStandsForIt(t *testing.T) {
	code := strings.Repeat("ABCD-", 15)
	sum := sha256.Sum256([]byte(code))
	c := claim(bot, key("", code, ""), vectorTime, 1, "frame")
	c.Keys = []haechi.Key{key("code:A", string(sum[:]), "")}
	if p := signature.New(signature.Config{}, keyring{}).Prove(&c, vectorTime); p.Reason != "" || p.KeyID != "code:A" {
		t.Errorf("%+v", p)
	}
}

func TestOfferedKeys(t *testing.T) {
	offered := []haechi.Key{key("code:A", "a", ""), key("code:B", "b", ""), key("code:C", "c", "")}
	v := signature.New(signature.Config{}, ring())
	prove := func(secret, frame string, session uint64) haechi.Proof {
		c := claim(bot, key("", secret, ""), vectorTime, session, frame)
		c.Keys = offered
		return v.Prove(&c, vectorTime)
	}
	if p := prove("b", "frame", 1); p.Reason != "" || p.KeyID != "code:B" {
		t.Errorf("%+v", p)
	}
	wantReason(t, prove("b", "another", 2), haechi.ReasonReplay)
	wantReason(t, prove("x", "frame", 1), haechi.ReasonHMACFailed)
	own := claim(bot, vectorKey(), vectorTime, 1, "frame") // the device's own key does not count beside them
	own.Keys = offered
	wantReason(t, v.Prove(&own, vectorTime), haechi.ReasonHMACFailed)
	own.Keys = []haechi.Key{}
	wantReason(t, v.Prove(&own, vectorTime), haechi.ReasonNoKey)

	// The enrolled device goes on with the same secret under its own id, and what was
	// seen stays seen.
	after := signature.New(signature.Config{}, keyring{bot: {key("k1", "b", "")}})
	c := claim(bot, key("", "b", ""), vectorTime, 1, "frame")
	c.Keys = offered
	if p := after.Prove(&c, vectorTime); p.Reason != "" {
		t.Fatalf("%+v", p)
	}
	c = claim(bot, key("", "b", ""), vectorTime, 2, "grafted")
	wantReason(t, after.Prove(&c, vectorTime), haechi.ReasonReplay)
}

// Names that anybody may invent leave nothing behind.
func TestFailedOffersKeepNothing(t *testing.T) {
	v := signature.New(signature.Config{}, keyring{})
	c := claim("invented/1", key("", "x", ""), vectorTime, 1, "frame")
	c.Keys = []haechi.Key{key("code:A", "a", "")}
	wantReason(t, v.Prove(&c, vectorTime), haechi.ReasonHMACFailed)
	if v.Knows("invented/1") {
		t.Error("an invented device is remembered")
	}
}

func TestClockSkewIsTakenOnce(t *testing.T) {
	v := signature.New(signature.Config{}, ring())
	prove := func(skew time.Duration) {
		c := claim(bot, vectorKey(), vectorTime.Add(skew), 1, skew.String())
		v.Prove(&c, vectorTime)
	}
	if _, ok := v.TakeClock(bot); ok {
		t.Error("a clock nobody has heard of")
	}
	for _, s := range []time.Duration{-31 * time.Second, 2 * time.Second, time.Second, 20 * time.Minute} {
		prove(s)
	}
	forged := claim(bot, key("k1", "wrong", ""), vectorTime.Add(time.Hour), 1, "forged")
	v.Prove(&forged, vectorTime)
	want := haechi.ClockSkew{Last: 20 * time.Minute, Min: -31 * time.Second, Max: 20 * time.Minute, At: vectorTime.UTC()}
	if s, ok := v.TakeClock(bot); !ok || s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	if s, ok := v.TakeClock(bot); ok {
		t.Errorf("taken twice: %+v", s)
	}
}
