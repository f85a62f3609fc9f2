package browser

import (
	"net/http"
	"strings"
	"testing"
)

// login tries a name and a password on the login page.
func (b *tab) login(name, word string) (status int) {
	b.t.Helper()
	b.see("/login")
	b.fill("[name=name]", name)
	b.fill("[name=password]", word)
	return b.press("#login-form button.primary")
}

func TestLogin(t *testing.T) {
	g := start(t)
	first := g.started.LoginLink
	if !strings.HasPrefix(first, "https://127.0.0.1:") {
		t.Fatalf("login link %q", first)
	}
	b := g.open()
	b.see("/devices")
	if b.url() != "/login?next=%2Fdevices" {
		t.Errorf("without a session /devices leads to %s", b.url())
	}

	b.see(first)
	b.fill("[name=name]", operator)
	b.fill("[name=password]", password)
	b.fill("[name=again]", password+"!")
	if status := b.press("#first-form button.primary"); status != http.StatusUnprocessableEntity {
		t.Errorf("two passwords that differ: status %d", status)
	}
	b.refused(http.StatusUnprocessableEntity)
	b.fill("[name=password]", password)
	b.fill("[name=again]", password)
	if status := b.press("#first-form button.primary"); status != http.StatusOK || b.text("h1") != "Overview" {
		t.Fatalf("the first login shows %q with status %d", b.text("h1"), status)
	}
	if b.text(".user") != operator {
		t.Errorf("logged in as %q", b.text(".user"))
	}

	other := g.open()
	other.see(first)
	if !strings.Contains(other.text("main"), "used up") || other.has("#first-form") {
		t.Errorf("the link is still good: %s", other.text("main"))
	}
	other.refused(http.StatusForbidden)

	if b.press(".logout button"); b.url() != "/login" {
		t.Errorf("after logging out: %s", b.url())
	}
	b.see("/devices")
	if b.has(".side") || !strings.HasPrefix(b.url(), "/login") {
		t.Errorf("after logging out a page still opens: %s", b.url())
	}
	if status := b.login(operator, password); status != http.StatusOK || b.url() != "/" {
		t.Errorf("logging in again leads to %s with status %d", b.url(), status)
	}
}

func TestWrongPasswords(t *testing.T) {
	g := start(t)
	g.enter()
	b := g.open()
	for range 5 {
		if status := b.login(operator, "wrong horse battery"); status != http.StatusForbidden {
			t.Errorf("a wrong password: status %d", status)
		}
		if b.has(".side") || !strings.Contains(b.text("[role=alert]"), "wrong") || !b.has("[role=alert] .ref") {
			t.Errorf("a wrong password shows %q", b.text("main"))
		}
		b.refused(http.StatusForbidden)
	}
	if status := b.login(operator, password); status != http.StatusTooManyRequests || b.has(".side") {
		t.Errorf("the right password after five failures: status %d", status)
	}
	if !strings.Contains(b.text("[role=alert]"), "Too many") {
		t.Errorf("the limit shows %q", b.text("[role=alert]"))
	}
	b.refused(http.StatusTooManyRequests)
}
