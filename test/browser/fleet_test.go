package browser

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
)

// TestEnrolmentCode makes a code in the browser, gives it to a phone that nobody
// registered, and finds the phone approved.
func TestEnrolmentCode(t *testing.T) {
	g := start(t)
	b := g.enter()
	b.see("/devices")
	b.press(`.tabs a[href="/devices/codes"]`)
	b.fill("#code-form [name=service]", "bots")
	b.fill("#code-form [name=label]", "3F counter")
	if status := b.press("#code-form button.primary"); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, b.text("main"))
	}
	code := b.text("#code-text")
	if len(code) != 74 || !strings.HasPrefix(code, "HC1-") {
		t.Fatalf("the code is %q", code)
	}
	// The drawing is on the page, square, and as large as a camera wants it.
	if w := eval[float64](b, `document.querySelector("#code-qr").getBoundingClientRect().width`); w < 200 {
		t.Errorf("the drawing is %v pixels wide", w)
	}
	if dark := eval[float64](b, `document.querySelector("#code-qr path").getBBox().width`); dark != 33 {
		t.Errorf("the dark modules are %v wide, want 33", dark)
	}
	b.see("/devices/codes")
	if html := eval[string](b, "document.documentElement.outerHTML"); strings.Contains(html, code) || b.has("#code-qr") {
		t.Error("the code is shown a second time")
	}

	id := demo.Identity{Bot: "코드봇", Serial: "c0dec0dec0dec0de", Secret: haechi.Secret(code), Salt: haechi.Secret{}}
	phone := g.talk(id, 8, "달빛 찻집")
	g.eventually("the phone with the code converses", func() bool { return phone.Counts().Replies > 0 })
	b.see("/devices/codes")
	if row := b.text("tbody"); !strings.Contains(row, "used up") || !strings.Contains(row, "1 / 1") {
		t.Errorf("the list says %q", row)
	}
	b.see("/devices/item?key=" + "%EC%BD%94%EB%93%9C%EB%B4%87%2Fc0dec0dec0dec0de")
	main := b.text("main")
	for _, want := range []string{"approved", "3F counter", "c0dec0dec0dec0de", "device.enrol", "from an enrolment code"} {
		if !strings.Contains(main, want) {
			t.Errorf("the device's page lacks %q", want)
		}
	}
}

// TestRetireUnused starts a hundred days ago, finds three phones unused today,
// revokes them all after typing their number, and takes it back with one click.
func TestRetireUnused(t *testing.T) {
	var behind atomic.Int64
	behind.Store(int64(100 * 24 * time.Hour))
	g := startBy(t, func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) })
	for n := range 3 {
		g.enrol(device(20+n), true)
	}
	behind.Store(0)
	link, err := g.app.Control().LoginLink(t.Context(), haechi.Operator{Name: "clerk", Via: "cli"})
	if err != nil {
		t.Fatal(err)
	}
	g.started.LoginLink = link
	b := g.enter()
	b.see("/devices")
	b.press(`.tabs a[href="/devices/unused"]`)
	b.fill("#unused-form [name=days]", "90")
	b.press("#unused-form button")
	if n := eval[int](b, `document.querySelectorAll("tbody tr").length`); n != 3 {
		t.Fatalf("%d devices are unused: %s", n, b.text("main"))
	}
	b.fill("#retire-form [name=reason]", "monthly clean-up")
	b.fill("#retire-form [name=count]", "2")
	if status := b.press("#retire-form button"); status != http.StatusConflict {
		t.Errorf("a wrong number leads to status %d: %s", status, b.text("main"))
	}
	b.refused(http.StatusConflict)
	if list, err := g.app.Control().Devices(t.Context(), haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Approved}}); err != nil || len(list) != 3 {
		t.Fatalf("%d approved, %v", len(list), err)
	}
	b.see("/devices/unused?days=90")
	b.fill("#retire-form [name=reason]", "monthly clean-up")
	b.fill("#retire-form [name=count]", "3")
	if status := b.press("#retire-form button"); status != http.StatusOK || b.url() != "/audit" || !strings.Contains(b.text(".notice"), "takes back the whole") {
		t.Fatalf("it leads to %s with status %d: %s", b.url(), status, b.text("main"))
	}
	revoked := func() int {
		list, err := g.app.Control().Devices(t.Context(), haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Revoked}})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if n := revoked(); n != 3 {
		t.Errorf("%d are revoked", n)
	}
	// The whole has one entry, below those of the three.
	b.press(`tbody tr:nth-child(4) form[action="/audit/undo"] button`)
	if !strings.Contains(b.text(".notice"), "is undone") || revoked() != 0 {
		t.Errorf("undoing leaves %d revoked: %s", revoked(), b.text(".notice"))
	}
}
