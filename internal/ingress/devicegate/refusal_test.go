package devicegate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

// with changes one field of an auth object after it was signed.
func with(name string, v any) func(map[string]any) {
	return func(a map[string]any) {
		if v == nil {
			delete(a, name)
			return
		}
		a[name] = v
	}
}

func swap(s, old, new string) string {
	if !strings.Contains(s, old) {
		panic(fmt.Sprintf("no %q in %q", old, s))
	}
	return strings.Replace(s, old, new, 1)
}

// refusals are frames of a proved device; none may reach the upstream.
func refusals(p *phone) map[string]struct {
	frame  string
	reason haechi.Reason
} {
	type r = struct {
		frame  string
		reason haechi.Reason
	}
	long := strings.Repeat("A", 2<<20)
	msg := func(edit ...func(map[string]any)) string { return p.message("r", "QQ==", edit...) }
	return map[string]r{
		"no auth":                    {line(map[string]any{"event": "message", "data": map[string]any{"room": "r"}}), haechi.ReasonAuthMissing},
		"auth is a text":             {`{"event":"message","data":{"auth":"x"}}` + "\n", haechi.ReasonAuthMissing},
		"unknown event without auth": {`{"event":"status","data":{}}` + "\n", haechi.ReasonAuthMissing},
		"no signature":               {msg(with("signature", nil)), haechi.ReasonAuthMissing},
		"no device UUID":             {msg(with("deviceUUID", nil)), haechi.ReasonAuthMissing},
		"no timestamp":               {msg(with("timestamp", nil)), haechi.ReasonAuthMissing},
		"bad signature":              {msg(with("signature", strings.Repeat("0", 64))), haechi.ReasonHMACFailed},
		"upper-case signature":       {msg(func(a map[string]any) { a["signature"] = strings.ToUpper(a["signature"].(string)) }), haechi.ReasonHMACFailed},
		"changed address":            {msg(with("ipAddress", "10.0.0.1")), haechi.ReasonHMACFailed},
		"missing address":            {msg(with("ipAddress", nil)), haechi.ReasonHMACFailed},
		"address is null":            {swap(msg(), `"192.168.0.15"`, "null"), haechi.ReasonMalformed},
		"delimiter in a field":       {msg(with("macAddress", "a|b")), haechi.ReasonMalformed},
		"escaped delimiter":          {swap(msg(), `02:00:00:00:00:00`, `a\u007cb`), haechi.ReasonMalformed},
		"upper-case twin":            {swap(msg(), `"signature"`, `"SIGNATURE":"evil","signature"`), haechi.ReasonDuplicateKey},
		"duplicate key":              {swap(msg(), `"botName"`, `"botName":"evil","botName"`), haechi.ReasonDuplicateKey},
		"duplicate by escape":        {swap(msg(), `"auth"`, `"\u0061uth":{},"auth"`), haechi.ReasonDuplicateKey},
		"foreign name in the body":   {swap(msg(), `"bot_name":"LOA.i"`, `"bot_name":"victim"`), haechi.ReasonIdentity},
		"second name in the body":    {swap(msg(), `"bot_name"`, `"botName":"victim","bot_name"`), haechi.ReasonIdentity},
		"name in other case":         {swap(msg(), `"bot_name":"LOA.i"`, `"bot_name":"loa.i"`), haechi.ReasonIdentity},
		"foreign name in auth":       {msg(with("botName", "victim")), haechi.ReasonIdentity},
		"foreign device in auth":     {msg(with("deviceID", "other")), haechi.ReasonIdentity},
		"empty device in auth":       {msg(with("deviceID", "")), haechi.ReasonIdentity},
		"body names a device":        {swap(msg(), `"room"`, `"deviceID":"other","room"`), haechi.ReasonIdentity},
		"timestamp as text":          {msg(func(a map[string]any) { a["timestamp"] = fmt.Sprint(a["timestamp"]) }), haechi.ReasonTimestamp},
		"timestamp as float":         {msg(func(a map[string]any) { a["timestamp"] = json.Number(fmt.Sprint(a["timestamp"], ".0")) }), haechi.ReasonTimestamp},
		"timestamp in seconds":       {msg(with("timestamp", 1753412789)), haechi.ReasonTimestamp},
		"second handshake":           {swap(msg(), `"event":"message"`, `"event":"handshake"`), haechi.ReasonHandshake},
		"bare second handshake":      {p.hello33(), haechi.ReasonAuthMissing},
		"event name but for case":    {swap(msg(), `"event":"message"`, `"Event":"message"`), haechi.ReasonDuplicateKey},
		"no event":                   {swap(msg(), `,"event":"message"`, ``), haechi.ReasonMalformed},
		"bot name but for case":      {swap(msg(), `"bot_name"`, `"Bot_name"`), haechi.ReasonDuplicateKey},
		"raw tail on a pong":         {swap(p.pong(), "\n", "QQ==\n"), haechi.ReasonMalformed},
		"raw tail with a brace":      {swap(msg(), "QQ==\n", "QQ==}\n"), haechi.ReasonMalformed},
		"raw tail with a space":      {swap(msg(), "QQ==\n", " QQ==\n"), haechi.ReasonMalformed},
		"second object":              {swap(msg(), "QQ==\n", "{}\n"), haechi.ReasonMalformed},
		"carriage return in a line":  {swap(msg(), "QQ==\n", "QQ\r==\n"), haechi.ReasonMalformed},
		"no JSON":                    {"hello\n", haechi.ReasonMalformed},
		"array":                      {"[]\n", haechi.ReasonMalformed},
		"invalid UTF-8":              {swap(msg(), `"r"`, "\"\xff\""), haechi.ReasonEncoding},
		"NUL":                        {swap(msg(), `"r"`, "\"\x00\""), haechi.ReasonEncoding},
		"escaped NUL":                {swap(msg(), `"r"`, `"\u0000"`), haechi.ReasonEncoding},
		"lone surrogate":             {swap(msg(), `"r"`, `"\ud800"`), haechi.ReasonEncoding},
		"2 MiB line":                 {p.message("r", long), haechi.ReasonOversize},
		"2 MiB without line end":     {long, haechi.ReasonOversize},
	}
}

func TestFramesOfAProvedDeviceAreRefused(t *testing.T) {
	for name, tt := range refusals(newPhone()) {
		t.Run(name, func(t *testing.T) {
			w, p := newWorld(), newPhone()
			d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
			p.at = start.Add(-1000 * 1e6) // other timestamps than the frame's
			hello := p.hello33()
			d.feed(hello + p.pong())
			d.feed(tt.frame)
			d.feed(newPhone().message("r", "Qg=="))
			if d.forward.String() != hello {
				t.Errorf("forwarded more than the handshake: %.200q", d.forward.String()[len(hello):])
			}
			refusedWith(t, d, w, tt.reason)
		})
	}
}

// refusedWith checks that the refusal can be explained from what the peer was
// told and what was recorded.
func refusedWith(t *testing.T, d *driver, w *world, reason haechi.Reason) {
	t.Helper()
	var last haechi.Event
	for _, e := range w.events {
		if e.Outcome == haechi.Failure {
			last = e
		}
	}
	if last.Reason != reason || last.Rule != "gate/"+string(reason) || last.Verdict != haechi.Deny {
		t.Fatalf("event reason %q rule %q verdict %v, want reason %q", last.Reason, last.Rule, last.Verdict, reason)
	}
	if _, err := haechi.ParseReference(string(last.Ref)); err != nil {
		t.Errorf("reference %q: %v", last.Ref, err)
	}
	lines := strings.Split(strings.TrimSpace(d.sent.String()), "\n")
	var f struct {
		Event string
		Data  struct{ Code, Message, Reference string }
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &f); err != nil || f.Event != "error" ||
		f.Data.Reference != string(last.Ref) || f.Data.Code == "" || f.Data.Message == "" {
		t.Errorf("told %q (%v), reference %q", lines[len(lines)-1], err, last.Ref)
	}
	if e := d.m.Ending(); e.Reason != reason || e.Ref != last.Ref {
		t.Errorf("ending %+v", e)
	}
}

func TestHandshakesAreRefused(t *testing.T) {
	p := newPhone()
	h33 := func(old, new string) string { return swap(p.hello33(), old, new) }
	tests := map[string]struct {
		in     string
		reason haechi.Reason
	}{
		"no device":            {h33(`"deviceID":"0123456789abcdef",`, ""), haechi.ReasonHandshake},
		"empty name":           {h33(`"LOA.i"`, `""`), haechi.ReasonHandshake},
		"empty version":        {h33(`"3.3.3"`, `""`), haechi.ReasonHandshake},
		"name is a number":     {h33(`"LOA.i"`, `7`), haechi.ReasonHandshake},
		"name of 31":           {h33(`"LOA.i"`, `"`+strings.Repeat("도", 31)+`"`), haechi.ReasonHandshake},
		"device of 101":        {h33(serial, strings.Repeat("a", 101)), haechi.ReasonHandshake},
		"version of 21":        {h33("3.3.3", strings.Repeat("3", 21)), haechi.ReasonHandshake},
		"slash in the device":  {h33(serial, "a/b"), haechi.ReasonHandshake},
		"delimiter in name":    {h33("LOA.i", "a|b"), haechi.ReasonHandshake},
		"control in name":      {h33("LOA.i", `a\nb`), haechi.ReasonHandshake},
		"raw tail":             {h33("\n", "QQ==\n"), haechi.ReasonHandshake},
		"both shapes":          {h33(`"event"`, `"botName":"other","event"`), haechi.ReasonHandshake},
		"old shape with data":  {swap(p.hello32(), `"botName"`, `"data":{},"botName"`), haechi.ReasonHandshake},
		"not a frame":          {`{"hello":"world"}` + "\n", haechi.ReasonHandshake},
		"event is a number":    {`{"event":1,"botName":"a"}` + "\n", haechi.ReasonHandshake},
		"HTTP":                 {"GET / HTTP/1.1\r\n", haechi.ReasonMalformed},
		"early without auth":   {`{"event":"message","data":{}}` + "\n", haechi.ReasonAuthMissing},
		"early broken":         {"{\n", haechi.ReasonMalformed},
		"duplicate key":        {h33(`"botName"`, `"BotName":"x","botName"`), haechi.ReasonDuplicateKey},
		"2 MiB line":           {strings.Repeat("A", 2<<20) + "\n", haechi.ReasonOversize},
		"51 early frames":      {strings.Repeat(p.message("r", ""), 51), haechi.ReasonEarlyOverflow},
		"early frames too big": {strings.Repeat(p.message("r", strings.Repeat("A", 1<<19)), 2), haechi.ReasonEarlyOverflow},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
			d.feed(tt.in).feed(p.hello33() + p.pong())
			if d.forward.Len() > 0 || !d.done {
				t.Errorf("done %t, forwarded %.100q", d.done, d.forward.String())
			}
			refusedWith(t, d, w, tt.reason)
		})
	}
}

func TestLongestNamesPass(t *testing.T) {
	w := newWorld()
	p := &phone{bot: strings.Repeat("도", 30), id: strings.Repeat("a", 100), at: start}
	w.set(haechi.DeviceKey(p.bot, p.id), haechi.Approved)
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(p.hello33() + p.pong() + p.message("r", ""))
	if !strings.Contains(d.forward.String(), `"message"`) {
		t.Errorf("ended with %+v", d.m.Ending())
	}
}

func TestDevicesThatAreNotApprovedAreHeld(t *testing.T) {
	for s, why := range map[haechi.DeviceStatus]haechi.Reason{haechi.Pending: haechi.ReasonPending, haechi.DeniedDevice: haechi.ReasonUnauthorized,
		haechi.Revoked: haechi.ReasonUnauthorized, haechi.Blocked: haechi.ReasonUnauthorized} {
		t.Run(s.String(), func(t *testing.T) {
			w, p := newWorld(), newPhone()
			w.set(device, s)
			d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
			d.feed(p.hello33() + p.pong())
			if d.forward.Len() > 0 || len(d.ops) != 2 || d.ops[1] != "hold 1m0s" {
				t.Errorf("ops %v, forwarded %q", d.ops, d.forward.String())
			}
			refusedWith(t, d, w, why)
		})
	}
}

func TestUnknownDevices(t *testing.T) {
	w, p := newWorld(), newPhone()
	p.id = "fedcba9876543210"
	g := w.gate(t, devicegate.Config{}, devicegate.Deps{})
	refusedWith(t, drive(g, w, 1).feed(p.hello32()), w, haechi.ReasonUnauthorized)
	if s, ok := w.devices[bot+"/"+p.id]; !ok || s != haechi.Pending {
		t.Error("not registered as pending")
	}
	w.full, p.id = true, "0000"
	refusedWith(t, drive(g, w, 2).feed(p.hello32()), w, haechi.ReasonPendingFull)
}

func TestReplayOnAnotherConnection(t *testing.T) {
	w, p := newWorld(), newPhone()
	g := w.gate(t, devicegate.Config{}, devicegate.Deps{})
	captured := p.message("r", "QQ==")
	drive(g, w, 1).feed(p.hello33() + p.pong() + captured)
	d := drive(g, w, 2)
	d.feed(p.hello33() + p.pong())
	d.feed(swap(captured, "QQ==", "Qg==")) // the same auth on another text
	if strings.Contains(d.forward.String(), "Qg==") {
		t.Error("forwarded")
	}
	refusedWith(t, d, w, haechi.ReasonReplay)
}

func TestSameMillisecondOnOneConnectionPasses(t *testing.T) {
	w, p := newWorld(), newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(p.hello33() + p.pong())
	msg := p.message("r", "QQ==")
	d.feed(msg + swap(msg, "QQ==", "Qg=="))
	if !strings.Contains(d.forward.String(), "Qg==") {
		t.Errorf("refused: %+v", d.m.Ending())
	}
}

func TestRefusedInsteadOfAProof(t *testing.T) {
	for name, tt := range map[string]struct {
		in     string
		reason haechi.Reason
	}{
		"no JSON":        {"pong\n", haechi.ReasonMalformed},
		"no auth":        {`{"event":"pong","data":{}}` + "\n", haechi.ReasonAuthMissing},
		"forged":         {newPhone().pong(with("signature", strings.Repeat("0", 64))), haechi.ReasonHMACFailed},
		"another bot":    {(&phone{bot: "other", id: serial, at: start}).pong(), haechi.ReasonIdentity},
		"another device": {(&phone{bot: bot, id: "other", at: start}).pong(), haechi.ReasonIdentity},
		"too many":       {strings.Repeat(newPhone().message("r", ""), 51), haechi.ReasonEarlyOverflow},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := newWorld(), newPhone()
			d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
			d.feed(p.hello33()).feed(tt.in).feed(p.pong())
			if d.forward.Len() > 0 {
				t.Errorf("forwarded %q", d.forward.String())
			}
			for _, e := range w.events {
				if e.Assurance == haechi.Authenticated {
					t.Errorf("authenticated by %+v", e)
				}
			}
			refusedWith(t, d, w, tt.reason)
		})
	}
}

func TestHeldDeviceThatFloodsIsClosed(t *testing.T) {
	w, p := newWorld(), newPhone()
	w.set(device, haechi.Blocked)
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(p.hello33()).feed(strings.Repeat("A", 1<<20))
	if d.done {
		t.Fatal("closed too early")
	}
	if d.feed("A"); !d.done {
		t.Error("still held")
	}
}

// TestATLSHelloIsNotAwaited: it may hold no line end, and the port speaks plain text.
func TestATLSHelloIsNotAwaited(t *testing.T) {
	w := newWorld()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed("\x16\x03\x01\x02\x00\x01")
	if e := d.m.Ending(); !d.done || e.Reason != haechi.ReasonMalformed || e.Rule != "gate/malformed" || e.Ref == "" {
		t.Errorf("ops %v, ending %+v", d.ops, e)
	}
}
