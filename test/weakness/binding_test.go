package weakness_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"testing"
	"time"

	"haechi"
	"haechi/client"
	"haechi/test/weakness"
)

// unsignedDevice is finding 8: approval is asked about a device id that nobody
// signed, so that a pending device borrows another's.
func unsignedDevice(t *testing.T, set setup) {
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	keep := s.dial(s.proxy, 10, me).opened() // the approved device is connected
	borrowed := func(w *wire) map[string]any {
		a := w.auth()
		a["deviceID"] = me.device
		return a
	}
	foe := s.stranger("LOA.i", "feedfeedfeedfeed")
	w := s.dial(s.proxy, 66, foe).opened()
	w.send(w.message("!orders", w.auth()))
	if h := w.hear(briefly); h.event != silence {
		t.Fatalf("the server obeys a pending device at once: %+v", h)
	}
	s.obeyed(w.ask("!orders", borrowed(w)))
	w.bye()
	keep.bye()
	s.empty()

	check := s.quiet()
	s.refused(s.dial(s.gate, 66, foe).open(), haechi.ReasonUnauthorized)
	check()
	// Nor does a device that is approved itself speak for another.
	other := s.approved("LOA.i", "aaaaaaaaaaaaaaaa")
	w = s.dial(s.gate, 66, other).opened()
	done := len(s.srv.Done(t.Context()))
	s.refused(w.ask("!orders", borrowed(w)), haechi.ReasonIdentity)
	if len(s.srv.Done(t.Context())) != done {
		t.Error("the server obeyed")
	}
}

// unsignedMessage is finding 9: a captured auth goes with any message for five
// minutes.
func unsignedMessage(t *testing.T, set setup) {
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	thief := s.stranger(me.bot, me.device)
	victim := s.dial(s.proxy, 10, me).opened()
	captured := victim.auth()
	s.obeyed(victim.ask("!time", captured))
	w := s.dial(s.proxy, 66, thief).opened()
	s.obeyed(w.ask("!orders", captured))
	w.bye()
	s.empty()

	victim = s.dial(s.gate, 10, me).opened()
	captured = victim.auth()
	s.obeyed(victim.ask("!time", captured))
	check := s.quiet()
	w = s.dial(s.gate, 66, phone{bot: me.bot, device: me.device})
	w.greet()
	w.pong(w.until(soon, "ping"), captured)
	s.refused(w.until(soon, "error"), haechi.ReasonReplay)
	check()
	victim.answered("!time")
	// What stays open without a change of the client: who sits on the way and
	// rewrites a fresh message is believed, because the message is not signed. See
	// docs/guard-your-bot-servers.md.
	s.obeyed(victim.ask("!orders", victim.auth()))
}

// boundMessage is finding 9 with a client that signs all of a frame: who rewrites it
// on its way is refused, and so is a frame without that signature.
func boundMessage(t *testing.T, set setup) {
	set.device = "binding: require\n"
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	k, err := s.api.NewDeviceKey(t.Context(), me.name())
	must(t, err)
	key := haechi.Key{ID: k.ID, Secret: haechi.Secret(k.Secret), Salt: haechi.Secret(k.Salt)}
	s.bound(key, &me)

	done := len(s.srv.Done(t.Context()))
	told := make(chan string, 16)
	c, err := client.New(client.Config{Servers: []string{s.gate},
		Protocol: client.Messengerbot{Bot: me.bot, DeviceID: me.device, Key: key, Bind: true},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return onTheWay{conn}, err
		},
		Handler: func(m client.Message) {
			var data struct {
				Ref string `json:"reference"`
			}
			if m.Event == "error" && json.Unmarshal(m.Body, &data) == nil {
				select {
				case told <- data.Ref:
				default: // the first is enough
				}
			}
		}})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- c.Run(ctx) }()
	defer func() { cancel(); <-over }()
	must(t, c.SendMessage(client.Chat("가족방", "미나", "!time")))
	select {
	case ref := <-told:
		s.explained(ref, haechi.ReasonHMACFailed)
	case <-time.After(15 * time.Second):
		t.Fatal("the rewritten message is not refused")
	}
	if all := s.srv.Done(t.Context()); len(all) != done {
		t.Errorf("the server obeyed %+v", all[done:])
	}
	if h := s.dial(s.gate, 11, me).open(); h.event != "error" {
		t.Errorf("an unbound phone comes in: %+v", h)
	}
}

// onTheWay rewrites what is said, as somebody on the path can.
type onTheWay struct{ net.Conn }

// Write implements net.Conn.
func (c onTheWay) Write(p []byte) (int, error) {
	b64 := base64.StdEncoding.EncodeToString
	q := bytes.Replace(p, []byte(b64([]byte("!time"))), []byte(b64([]byte("!orders"))), 1)
	if _, err := c.Conn.Write(q); err != nil {
		return 0, err
	}
	return len(p), nil
}

// botBlocked is finding 12: whoever sends one wrong signature has all devices of a
// bot blocked.
func botBlocked(t *testing.T, set setup) {
	set.server = weakness.Config{Kkobot: true}
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	s.row(phone{bot: "LOA.i", device: "aaaaaaaaaaaaaaaa"}, "approved")
	blocked := func() int { return s.count("SELECT COUNT(*) FROM kb_bot_devices WHERE status = 'blocked'") }
	wrong := func(w *wire) map[string]any {
		a := w.auth()
		a["signature"] = weakSignature
		return a
	}
	foe := s.stranger(me.bot, "feedfeedfeedfeed")
	w := s.dial(s.proxy, 66, foe).opened()
	w.send(w.message("안녕", wrong(w)))
	eventually(t, "the whole bot to be blocked", soon, func() bool { return blocked() == 3 })
	w.bye()
	s.empty()

	s.exec("UPDATE kb_bot_devices SET status = 'approved'")
	real := s.dial(s.gate, 10, me).opened()
	check := s.quiet()
	w = s.dial(s.gate, 66, phone{bot: me.bot, device: me.device}) // it names the approved device
	w.greet()
	w.pong(w.until(soon, "ping"), wrong(w))
	s.refused(w.until(soon, "error"), haechi.ReasonHMACFailed)
	s.refused(s.dial(s.gate, 66, foe).open(), haechi.ReasonUnauthorized)
	check()
	if n := blocked(); n != 0 {
		t.Errorf("%d devices are blocked", n)
	}
	ds, err := s.api.Devices(t.Context(), haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Approved}})
	if err != nil || len(ds) != 1 || ds[0].Key != me.name() {
		t.Errorf("the gateway holds it against the device: %+v, %v", ds, err)
	}
	if h := real.hear(briefly); h.event != silence {
		t.Errorf("the phone does not keep its session: %+v", h)
	}
}
