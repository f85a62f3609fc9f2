package weakness_test

import (
	"fmt"
	"testing"

	"haechi"
	"haechi/internal/brick/mariadbtest"
)

// TestFindings exploits the twelve findings, through HAProxy and through the gate.
// Those about approval are done twice: with the gate's own registry of devices, and
// with the very table that the server reads.
func TestFindings(t *testing.T) {
	maria := mariadbtest.Start(t)
	n := 0
	fresh := func(t *testing.T, outer bool) setup {
		n++
		name := fmt.Sprint("bots", n)
		set := setup{db: maria.Open(t, name)}
		if outer {
			set.dsn = fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s", maria.Port, name)
		}
		return set
	}
	t.Run("each", func(t *testing.T) {
		for _, f := range []struct {
			name  string
			outer bool
			test  func(t *testing.T, set setup)
		}{
			{"01 no auth", false, noAuth}, {"02 wrong signature", false, wrongSignature}, {"03 bare handshake", false, bareHandshake},
			{"04 clean-up", false, cleanUp}, {"05 refused devices stay", false, refusedStay},
			{"06 errors approve", false, errorsApprove}, {"06 errors approve, one table", true, errorsApprove},
			{"08 unsigned device", false, unsignedDevice}, {"09 unsigned message", false, unsignedMessage},
			{"09 unsigned message, bound", false, boundMessage},
			{"10 late change", false, lateChange}, {"10 late change, one table", true, lateChange},
			{"11 case", false, caseOfNames}, {"11 case, one table", true, caseOfNames},
			{"12 bot blocked", false, botBlocked},
		} {
			set := fresh(t, f.outer)
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				f.test(t, set)
			})
		}
	})
	for _, outer := range []bool{false, true} { // last, since it ends the database
		t.Run(fmt.Sprintf("07 no database, one table %t", outer), func(t *testing.T) {
			noDatabase(t, maria, fresh(t, outer))
			must(t, maria.Restart())
		})
	}
}

// obeyed wants the exploit to have worked through HAProxy.
func (s *site) obeyed(h heard) {
	s.t.Helper()
	if h.event != "messageResponse" {
		s.t.Fatalf("the exploit does not work through HAProxy: %+v", h)
	}
}

// refused wants the exploit to have failed through the gate, for the reason.
func (s *site) refused(h heard, reason haechi.Reason) {
	s.t.Helper()
	if h.event != "error" {
		s.t.Fatalf("the gate does not refuse it: %+v", h)
	}
	s.explained(h.Data.Ref, reason)
}

// noAuth is finding 1: a frame without auth is obeyed.
func noAuth(t *testing.T, set setup) {
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	exploit := func(to string, who phone) heard {
		w := s.dial(to, 66, who)
		if h := w.open(); h.event != "handshakeComplete" && to == s.proxy {
			return h
		}
		return w.ask("!orders", nil)
	}
	s.obeyed(exploit(s.proxy, s.stranger("아무봇", "feedfeedfeedfeed")))

	check := s.quiet()
	w := s.dial(s.gate, 66, s.stranger(me.bot, me.device)) // it names an approved device
	w.greet()
	s.refused(w.ask("!orders", nil), haechi.ReasonAuthMissing)
	check()
	w = s.dial(s.gate, 10, me).opened() // and the device itself may not either
	done := len(s.srv.Done(t.Context()))
	s.refused(w.ask("!orders", nil), haechi.ReasonAuthMissing)
	if len(s.srv.Done(t.Context())) != done {
		t.Error("the server obeyed")
	}
}

// wrongSignature is finding 2: a wrong signature is logged, and obeyed.
func wrongSignature(t *testing.T, set setup) {
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	wrong := func(w *wire) map[string]any {
		a := w.auth()
		a["signature"] = weakSignature
		return a
	}
	w := s.dial(s.proxy, 66, s.stranger(me.bot, me.device)).opened()
	s.obeyed(w.ask("!orders", wrong(w)))

	w = s.dial(s.gate, 10, me).opened()
	done := len(s.srv.Done(t.Context()))
	s.refused(w.ask("!orders", wrong(w)), haechi.ReasonHMACFailed)
	if len(s.srv.Done(t.Context())) != done {
		t.Error("the server obeyed")
	}
	check := s.quiet()
	thief := s.dial(s.gate, 66, phone{bot: me.bot, device: me.device}) // it signs with a guess
	thief.greet()
	ping := thief.until(soon, "ping", "error")
	thief.pong(ping, thief.auth())
	s.refused(thief.until(soon, "error"), haechi.ReasonHMACFailed)
	check()
}

// weakSignature has the form of one.
const weakSignature = "00000000000000000000000000000000000000000000000000000000000000ff"

// bareHandshake is finding 3: whoever names a phone takes its place, its approval
// and what is sent to it.
func bareHandshake(t *testing.T, set setup) {
	s := newSite(t, set)
	me := s.approved("LOA.i", "0123456789abcdef")
	theirs := s.stranger(me.bot, me.device)
	victim := s.dial(s.proxy, 10, me).opened()
	victim.answered("!time")
	thief := s.dial(s.proxy, 66, theirs).opened()
	if h := victim.hear(soon); h.event != closed {
		t.Fatalf("the phone keeps its place through HAProxy: %+v", h)
	}
	s.obeyed(thief.ask("!orders", nil))
	thief.bye()
	s.empty()

	victim = s.dial(s.gate, 10, me).opened()
	check := s.quiet()
	thief = s.dial(s.gate, 66, theirs)
	s.refused(thief.open(), haechi.ReasonLiveness)
	check()
	victim.answered("!time")
	if !s.srv.Announce(t.Context(), me.bot, me.device, "모두에게") {
		t.Error("the server lost the phone")
	}
	if h := victim.until(soon, "scheduleMessage"); h.Text != "모두에게" {
		t.Errorf("the phone does not hear what is sent to it: %+v", h)
	}
}
