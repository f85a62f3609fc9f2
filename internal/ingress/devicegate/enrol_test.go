package devicegate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

const code = "HC1-AAAAA-ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-6789-ABCD-EFGH-JKMN-PQRS-TVWX"

// coded is a phone that has the code in place of its key, and no salt.
func coded(p *phone) func(map[string]any) {
	return func(a map[string]any) {
		a["signature"] = signWith([]byte(code), nil, fmt.Sprintf("MessengerBotR|%s|%s|02:00:00:00:00:00|192.168.0.15|%v", p.bot, p.id, a["timestamp"]))
	}
}

// openCode has two open codes, of which the phone's is the second.
func openCode() *world {
	w := newWorld()
	w.devices = map[string]haechi.DeviceStatus{}
	w.codes = []haechi.Key{{ID: "BBBBB", Secret: []byte("another")}, {ID: "AAAAA", Secret: []byte(code)}}
	return w
}

func TestPhoneWithACodeIsLetIn(t *testing.T) {
	for name, status := range map[string]*haechi.DeviceStatus{"unknown": nil, "pending": new(haechi.DeviceStatus)} {
		t.Run(name, func(t *testing.T) {
			w, p := openCode(), newPhone()
			if status != nil {
				w.devices[device] = *status
			}
			d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
			hello := p.hello33()
			d.feed(hello)
			if !strings.HasPrefix(d.sent.String(), `{"event":"ping"`) || d.forward.Len() != 0 {
				t.Fatalf("sent %q, forwarded %q", d.sent.String(), d.forward.String())
			}
			d.feed(p.pong(coded(p)))
			if d.forward.String() != hello || len(w.enrolled) != 1 {
				t.Fatalf("forwarded %q, enrolled %+v", d.forward.String(), w.enrolled)
			}
			if e := w.enrolled[0]; e.Key != device || e.By != "AAAAA" || e.Service != "bots" || e.UUID != serial || e.ClientType != "MessengerBotR" {
				t.Errorf("enrolled as %+v", e)
			}
			d.feed(p.pong()) // with the key that the registry knows it by now
			if n := len(w.find(haechi.KindMessage)); n != 1 || d.done {
				t.Errorf("%d frames after it, ended %v", n, d.done)
			}
		})
	}
}

// Without a code a device gets what it would have got, and honest ones that wait
// are no attackers; only who was unknown and signed wrongly may have guessed.
func TestPhoneWithoutACode(t *testing.T) {
	pending := haechi.Pending
	for name, c := range map[string]struct {
		status *haechi.DeviceStatus
		full   bool
		answer func(p *phone) string // empty: none in time
		want   haechi.Reason
	}{
		"unknown, wrong key":  {nil, false, func(p *phone) string { return p.pong() }, haechi.ReasonHMACFailed},
		"unknown, no answer":  {nil, false, nil, haechi.ReasonUnauthorized},
		"unknown, queue full": {nil, true, func(p *phone) string { return p.pong() }, haechi.ReasonPendingFull},
		"waits, wrong key":    {&pending, false, func(p *phone) string { return p.pong() }, haechi.ReasonPending},
		"waits, no answer":    {&pending, false, nil, haechi.ReasonPending},
		"waits, no signature": {&pending, false, func(*phone) string { return `{"event":"pong","data":{}}` + "\n" }, haechi.ReasonPending},
		"waits, malformed":    {&pending, false, func(*phone) string { return "{\n" }, haechi.ReasonMalformed},
		"waits, other device": {&pending, false, func(p *phone) string {
			return p.pong(coded(p), func(a map[string]any) { a["deviceID"] = "other" })
		}, haechi.ReasonIdentity},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := openCode(), newPhone()
			if w.full = c.full; c.status != nil {
				w.devices[device] = *c.status
			}
			d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
			d.feed(p.hello33())
			if c.answer != nil {
				d.feed(c.answer(p))
			} else {
				d.at(11 * time.Second)
			}
			if got := d.m.Ending(); got.Reason != c.want || d.forward.Len() > 0 || len(w.enrolled) > 0 {
				t.Errorf("ended with %q, want %q; forwarded %q", got.Reason, c.want, d.forward.String())
			}
		})
	}
}

func TestCodesAreForWhoIsNotTurnedAway(t *testing.T) {
	for _, s := range []haechi.DeviceStatus{haechi.DeniedDevice, haechi.Revoked, haechi.Blocked} {
		w, p := openCode(), newPhone()
		w.devices[device] = s
		d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
		d.feed(p.hello33()).feed(p.pong(coded(p)))
		if d.m.Ending().Reason != haechi.ReasonUnauthorized || len(w.enrolled) > 0 || strings.Contains(d.sent.String(), "ping") {
			t.Errorf("%v: %q, sent %q", s, d.m.Ending().Reason, d.sent.String())
		}
	}
	w, p := openCode(), newPhone()
	w.codes = nil
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	if d.feed(p.hello33()); d.m.Ending().Reason != haechi.ReasonUnauthorized {
		t.Errorf("without an open code: %q", d.m.Ending().Reason)
	}
	// The key of HMAC-SHA512 cannot stand in for its hash.
	other := profile(t, "messengerbot")
	scheme := *other.Sign.Scheme
	scheme.Hash = haechi.SHA512
	other.Sign.Scheme = &scheme
	w = openCode()
	d = drive(w.gate(t, devicegate.Config{Profile: other}, devicegate.Deps{}), w, 1)
	if d.feed(p.hello33()); d.m.Ending().Reason != haechi.ReasonUnauthorized {
		t.Errorf("with another hash: %q", d.m.Ending().Reason)
	}
}

// Between the proof and the server behind lies the durable approval.
func TestFailedEnrolmentReachesNobody(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want haechi.Reason
	}{
		"used up meanwhile": {&haechi.Error{Kind: haechi.Conflict, Op: "enrol"}, haechi.ReasonUnauthorized},
		"disk full":         {&haechi.Error{Kind: haechi.Unavailable, Op: "enrol"}, haechi.ReasonInternal},
	} {
		w, p := openCode(), newPhone()
		w.refuses = c.err
		d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
		d.feed(p.hello33() + p.message("방", "")).feed(p.pong(coded(p)))
		if d.m.Ending().Reason != c.want || d.forward.Len() > 0 {
			t.Errorf("%s: %q, forwarded %q", name, d.m.Ending().Reason, d.forward.String())
		}
	}
}

func TestPinnedIdentity(t *testing.T) {
	swap := func(p *phone, id string) string { // a frame that signs another identity with the right key
		return p.pong(func(a map[string]any) {
			a["deviceUUID"] = id
			a["signature"] = sign(fmt.Sprintf("MessengerBotR|%s|%s|02:00:00:00:00:00|192.168.0.15|%v", p.bot, id, a["timestamp"]))
		})
	}
	for name, c := range map[string]struct {
		mode   haechi.PinMode
		pinned string
		frames func(p *phone) []string
		want   haechi.Reason
	}{
		"first proof":             {haechi.PinFirst, "", func(p *phone) []string { return []string{swap(p, "aaaa"), swap(p, "aaaa")} }, ""},
		"as before":               {haechi.PinFirst, "aaaa", func(p *phone) []string { return []string{swap(p, "aaaa")} }, ""},
		"another":                 {haechi.PinFirst, "aaaa", func(p *phone) []string { return []string{swap(p, "bbbb")} }, haechi.ReasonIdentity},
		"another in mid-session":  {haechi.PinFirst, "", func(p *phone) []string { return []string{swap(p, "aaaa"), swap(p, "bbbb")} }, haechi.ReasonIdentity},
		"equal":                   {haechi.PinEqual, "", func(p *phone) []string { return []string{swap(p, serial)} }, ""},
		"not equal":               {haechi.PinEqual, "", func(p *phone) []string { return []string{swap(p, "aaaa")} }, haechi.ReasonIdentity},
		"off":                     {haechi.PinOff, "aaaa", func(p *phone) []string { return []string{swap(p, "bbbb"), swap(p, "cccc")} }, ""},
		"another, wrongly signed": {haechi.PinFirst, "aaaa", func(p *phone) []string { return []string{p.pong(func(a map[string]any) { a["deviceUUID"] = "bbbb" })} }, haechi.ReasonHMACFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := newWorld(), newPhone()
			w.pins = map[string]string{device: c.pinned}
			d := drive(w.gate(t, devicegate.Config{Pin: c.mode}, devicegate.Deps{}), w, 1)
			d.feed(p.hello33())
			for _, f := range c.frames(p) {
				d.feed(f)
			}
			if got := d.m.Ending().Reason; got != c.want {
				t.Errorf("ended with %q, want %q", got, c.want)
			}
			if c.want == haechi.ReasonHMACFailed && w.pins[device] != "aaaa" {
				t.Error("a forged frame changed the pin")
			}
		})
	}
}
