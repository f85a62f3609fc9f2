package app

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
)

// fixed always answers alike.
type fixed haechi.Verdict

func (f fixed) Inspect(*haechi.Request, time.Time) haechi.Verdict { return haechi.Verdict(f) }

func TestTheStrongestVerdictAnswers(t *testing.T) {
	pass := fixed{}
	slow := fixed{Action: haechi.Throttle, Delay: time.Second, Rule: "decision"}
	slower := fixed{Action: haechi.Throttle, Delay: 2 * time.Second, Rule: "limit"}
	deny := fixed{Action: haechi.Deny, Rule: "access"}
	shadow := fixed{Action: haechi.Deny, Rule: "shadow", Shadow: true}
	for name, test := range map[string]struct {
		in   chain
		want string
	}{
		"nobody speaks":                   {chain{pass, pass}, ""},
		"a throttle hides no refusal":     {chain{slow, deny}, "access"},
		"a shadow hides no refusal":       {chain{shadow, deny}, "access"},
		"a shadow hides no throttle":      {chain{shadow, slow}, "decision"},
		"a throttle hides a shadow":       {chain{slow, shadow}, "decision"},
		"the first refusal answers":       {chain{deny, fixed{Action: haechi.Deny, Rule: "other"}}, "access"},
		"the longer of two waits answers": {chain{slow, slower}, "limit"},
		"only a shadow speaks":            {chain{pass, shadow}, "shadow"},
	} {
		r := haechi.Request{Kind: haechi.KindRequest, Actor: &haechi.Actor{Addr: netip.MustParseAddr("192.0.2.7")}}
		if got := test.in.Inspect(&r, time.Unix(0, 0)); got.Rule != test.want {
			t.Errorf("%s: %q answers, want %q", name, got.Rule, test.want)
		}
		r.Actor.Allowed = true
		if got := test.in.Inspect(&r, time.Unix(0, 0)); got.Action != haechi.Pass {
			t.Errorf("%s: an allowed actor gets %v", name, got.Action)
		}
	}
}
