package browser

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/operate/demo"
)

// TestDeviceFromHelloToTalk takes a device that nobody knows from its first hello
// to its first message, as an operator does: it waits, gets a key that is shown
// once, and is approved.
func TestDeviceFromHelloToTalk(t *testing.T) {
	g := start(t)
	b := g.enter()
	id := device(7)
	stranger := g.connectRefused(id, 7)
	stranger.Close()

	b.see("/")
	b.press("#card-pending")
	if b.url() != "/devices?status=pending" || !strings.Contains(b.text(".waiting"), id.Key()) {
		t.Fatalf("%s shows %q", b.url(), b.text("main"))
	}
	b.press(".waiting td.name a")
	b.press(`form[action="/devices/key"] button`)
	secret, salt := b.text("#key-secret"), b.text("#key-salt")
	if len(secret) < 20 || len(salt) < 8 {
		t.Fatalf("the new key is %q with salt %q", secret, salt)
	}
	page := "/devices/item?key=" + url.QueryEscape(id.Key())
	b.see(page)
	if strings.Contains(eval[string](b, "document.documentElement.outerHTML"), secret) {
		t.Error("the key is shown a second time")
	}
	b.fill("#approve-form [name=reason]", "our own phone")
	if status := b.press("#approve-form button.primary"); status != http.StatusOK || !b.has(".status-approved") || b.url() != page {
		t.Errorf("approving leads to %s with status %d: %s", b.url(), status, b.text("main"))
	}

	b.see("/audit")
	if got := b.text("tbody tr:first-child"); !strings.Contains(got, "device.status") || !strings.Contains(got, "our own phone") ||
		!strings.Contains(got, "pending → approved") || !strings.Contains(got, operator) {
		t.Errorf("the audit log's last entry is %q", got)
	}
	entry := b.text("tbody tr:first-child td:first-child")
	id.Secret, id.Salt = haechi.Secret(secret), haechi.Secret(salt)
	phone := g.talk(id, 7, "달빛 찻집")
	g.eventually("the approved phone converses", func() bool { return phone.Counts().Replies > 0 })
	g.undo(b, id, phone, entry)
}

// connectRefused makes a connection that the gateway ends.
func (g *gateway) connectRefused(id demo.Identity, n int) *demo.Session {
	g.t.Helper()
	s, err := g.phone(id, n).Connect(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	if err := s.Open(); err == nil {
		g.t.Error("a stranger got in")
	}
	return s
}

// undo takes the approval back from the audit page, which cuts the phone.
func (g *gateway) undo(b *tab, id demo.Identity, phone *demo.Phone, entry string) {
	g.t.Helper()
	b.see("/audit")
	b.press(`form[action="/audit/undo"] button[value="` + entry + `"]`)
	if !strings.Contains(b.text(".notice"), "is undone") || !strings.Contains(b.text("tbody tr:first-child"), "approved → pending") {
		g.t.Errorf("undoing shows %q", b.text("main"))
	}
	g.eventually("the phone is cut", func() bool { return g.server.Counts().Live == 0 })
	b.press(`form[action="/audit/verify"] button`)
	if !strings.Contains(b.text(".notice"), "whole") {
		g.t.Errorf("verifying shows %q", b.text(".notice"))
	}
	if at := phone.Counts().Errors; at == 0 {
		g.t.Logf("the phone was cut without an error frame")
	}
	b.see("/devices/item?key=" + url.QueryEscape(id.Key()))
	if !b.has(".status-pending") {
		g.t.Errorf("after undoing: %s", b.text("h1"))
	}
}

// TestDecisionAndWhy follows a refusal by a rule from its reference to the
// explanation, lifts the decision with a reason, and rules again as an operator.
func TestDecisionAndWhy(t *testing.T) {
	g := start(t, "http/login-failures: { mode: enforce }")
	b := g.enter()
	g.brute(1)
	ref := g.turnedAway(1)

	b.see("/")
	b.fill("#top-q", ref)
	b.press(".search button")
	main := b.text("main")
	for _, want := range []string{ref, "Logins keep failing from one address", "ip:127.40.0.1", "threshold 10", "haechi decisions lift " + ref, "Evidence"} {
		if !strings.Contains(main, want) {
			t.Errorf("the explanation lacks %q:\n%s", want, main)
		}
	}
	b.see("/decisions")
	if got := b.text("tbody"); !strings.Contains(got, ref) || !strings.Contains(got, "127.40.0.1") {
		t.Errorf("in force: %q", got)
	}
	b.press(`tbody a.ref`)
	b.do(pressOnly("#lift-form button"))
	if !b.has("#lift-form [name=reason]:invalid") {
		t.Error("lifting asks for no reason")
	}
	b.fill("#lift-form [name=reason]", "it was our own test")
	b.press("#lift-form button")
	if !strings.Contains(b.text(".notice"), "is lifted") || !strings.Contains(b.text("main"), "it was our own test") || b.has("#lift-form") {
		t.Errorf("lifting shows %q", b.text("main"))
	}
	if status := g.visitor(1, "").Get(t.Context(), "/"); status != http.StatusOK {
		t.Errorf("after lifting, the shop answers with %d", status)
	}
	g.ruleAsOperator(b)
}

// ruleAsOperator refuses an address by hand, and cannot refuse a protected one.
func (g *gateway) ruleAsOperator(b *tab) {
	g.t.Helper()
	b.decide("127.40.0.9")
	if !strings.Contains(b.text(".notice"), "ip:127.40.0.9") {
		g.t.Errorf("deciding shows %q", b.text("main"))
	}
	if status := g.visitor(9, "").Get(g.t.Context(), "/"); status == http.StatusOK {
		g.t.Error("the refused address still gets in")
	}
	b.decide("127.0.0.1")
	if !b.has(".alerting") {
		g.t.Errorf("the gateway's own address could be refused: %s", b.text("main"))
	}
	b.refused(http.StatusForbidden)
}

// decide fills in the form for a new decision.
func (b *tab) decide(scope string) {
	b.t.Helper()
	b.see("/decisions")
	b.do(pressOnly("details summary"))
	b.fill("#decision-form [name=scope]", scope)
	b.fill("#decision-form [name=reason]", "by hand")
	b.press("#decision-form button.danger")
}

// turnedAway is the reference of a refusal by decision.
func (g *gateway) turnedAway(n int) (ref string) {
	g.t.Helper()
	v := g.visitor(n, "python-requests/2.32")
	g.eventually("the guesser is turned away", func() bool { return v.Get(g.t.Context(), "/") != http.StatusOK })
	g.eventually("its refusal is recorded", func() bool {
		events, err := g.app.Control().Events(g.t.Context(), haechi.EventFilter{Failures: true, Limit: 100})
		if err != nil {
			g.t.Fatal(err)
		}
		for _, e := range events {
			if e.Reason == haechi.ReasonDecision {
				ref = string(e.Ref)
			}
		}
		return ref != ""
	})
	return ref
}
