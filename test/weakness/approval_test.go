package weakness_test

import (
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/test/gateway"
)

// cleanUp is finding 4: what is left after an eviction reads as approved, so that a
// device lets itself in by connecting twice.
func cleanUp(t *testing.T, set setup) {
	s := newSite(t, set)
	me := s.stranger("LOA.i", "feedfeedfeedfeed")
	first := s.dial(s.proxy, 66, me).opened()
	first.send(first.message("!orders", first.auth()))
	if h := first.hear(briefly); h.event != silence {
		t.Fatalf("the server obeys a pending device at once: %+v", h)
	}
	second := s.dial(s.proxy, 66, me).opened()
	eventually(t, "the clean-up", soon, func() bool { return s.srv.Open(t.Context()) == 1 })
	s.obeyed(second.ask("!orders", second.auth()))
	second.bye()
	s.empty()

	check := s.quiet()
	s.refused(s.dial(s.gate, 66, me).open(), haechi.ReasonUnauthorized)
	s.refused(s.dial(s.gate, 66, me).open(), haechi.ReasonPending)
	check()
}

// refusedStay is finding 5: whatever the status, the device stays connected and
// what it says is written down.
func refusedStay(t *testing.T, set setup) {
	s := newSite(t, set)
	lines := func() int { return s.count("SELECT COUNT(*) FROM kb_chat_logs") }
	for i, status := range []haechi.DeviceStatus{haechi.Pending, haechi.DeniedDevice, haechi.Revoked, haechi.Blocked} {
		p := phone{bot: "LOA.i", device: "feed00000000000" + string(rune('0'+i))}
		s.row(p, status.String())
		p = s.keyed(p)
		if status != haechi.Pending {
			_, err := s.api.SetDeviceStatus(t.Context(), p.name(), status, "test")
			must(t, err)
		}
		before := lines()
		w := s.dial(s.proxy, 66, p).opened()
		w.send(w.message("스팸", w.auth()))
		eventually(t, "a "+status.String()+" device to be written down", soon, func() bool { return lines() == before+1 })
		if h := w.hear(briefly); h.event != silence {
			t.Errorf("a %s device does not stay: %+v", status, h)
		}
		w.bye()
		s.empty()

		check := s.quiet()
		reason := haechi.ReasonUnauthorized
		if status == haechi.Pending {
			reason = haechi.ReasonPending
		}
		w = s.dial(s.gate, 66, p)
		w.greet()
		w.send(w.message("스팸", w.auth()))
		s.refused(w.until(soon, "error"), reason)
		if h := w.hear(soon); h.event != closed { // after the second for which it is held
			t.Errorf("a %s device stays: %+v", status, h)
		}
		check()
		if n := lines(); n != before+1 {
			t.Errorf("a %s device is written down", status)
		}
	}
}

// errorsApprove is finding 6: an error that the client itself brings about approves
// it: a name that is too long for its column, or a device id that has another name.
func errorsApprove(t *testing.T, set setup) {
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	long := s.stranger(strings.Repeat("봇", 31), "feedfeedfeedfeed")
	other := s.stranger("다른봇", me.device)
	for _, who := range []phone{long, other} {
		w := s.dial(s.proxy, 66, who)
		if h := w.open(); !h.Data.Approved {
			t.Fatalf("the server does not approve %s: %+v", who.bot, h)
		}
		s.obeyed(w.ask("!orders", w.auth()))
		w.bye()
	}
	s.empty()

	check := s.quiet()
	s.refused(s.dial(s.gate, 66, long).open(), haechi.ReasonHandshake)
	s.refused(s.dial(s.gate, 66, other).open(), haechi.ReasonUnauthorized)
	check()
	s.dial(s.gate, 10, me).opened().answered("!time")
}

// noDatabase is finding 7: without a database everybody is approved.
func noDatabase(t *testing.T, maria *mariadbtest.Server, set setup) {
	s := newSite(t, set)
	s.proc.Troubled = true // it says that it cannot read the table
	me := s.approved("LOA.i", "0123456789abcdef")
	stranger := s.stranger("아무봇", "feedfeedfeedfeed")
	maria.Kill()
	w := s.dial(s.proxy, 66, stranger)
	if h := w.open(); !h.Data.Approved {
		t.Fatalf("the server does not approve: %+v", h)
	}
	s.obeyed(w.ask("!orders", w.auth()))
	w.bye()
	s.empty()

	check := s.quiet()
	s.refused(s.dial(s.gate, 66, stranger).open(), haechi.ReasonUnauthorized)
	check()
	s.dial(s.gate, 10, me).opened().answered("!time") // whose approval is known
}

// lateChange is finding 10: a change of status in the database waits until the
// device reconnects.
func lateChange(t *testing.T, set setup) {
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	w := s.dial(s.proxy, 10, me).opened()
	s.exec("UPDATE kb_bot_devices SET status = 'blocked' WHERE device_id = ?", me.device)
	s.obeyed(w.ask("!orders", w.auth()))
	w.bye()
	s.empty()

	s.exec("UPDATE kb_bot_devices SET status = 'approved' WHERE device_id = ?", me.device)
	w = s.dial(s.gate, 10, me).opened()
	w.answered("!time")
	within := time.Second
	if s.outer {
		within += time.Second // until it reads the table
		s.exec("UPDATE kb_bot_devices SET status = 'blocked' WHERE device_id = ?", me.device)
	} else {
		_, err := s.api.SetDeviceStatus(t.Context(), me.name(), haechi.Blocked, "lost phone")
		must(t, err)
	}
	began := time.Now()
	if h := w.until(soon, "messageResponse"); h.event != closed {
		t.Fatalf("the session goes on: %+v", h)
	}
	if took := time.Since(began); took > gateway.Patient(within) {
		t.Errorf("it took %s to end the session", took)
	}
	check := s.quiet()
	s.refused(s.dial(s.gate, 10, me).open(), haechi.ReasonUnauthorized)
	check()
}

// caseOfNames is finding 11: the database takes loa.i for LOA.i, and the server for
// somebody else.
func caseOfNames(t *testing.T, set setup) {
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	real := s.dial(s.proxy, 10, me).opened()
	twin := s.stranger("loa.i", me.device)
	w := s.dial(s.proxy, 66, twin)
	if h := w.open(); !h.Data.Approved {
		t.Fatalf("the server does not approve %s: %+v", twin.bot, h)
	}
	s.obeyed(w.ask("!orders", w.auth()))
	real.answered("!time") // both are there
	w.bye()
	real.bye()
	s.empty()

	real = s.dial(s.gate, 10, me).opened()
	check := s.quiet()
	s.refused(s.dial(s.gate, 66, twin).open(), haechi.ReasonUnauthorized)
	check()
	real.answered("!time")
}
