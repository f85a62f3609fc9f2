package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/qr"
)

// day is the unit in which the page about unused devices counts.
const day = 24 * time.Hour

type unusedPage struct {
	Devices []haechi.Device
	Days    int
	Never   bool
	Service string
}

// unused lists devices that nobody uses, and how they would be retired.
func (c *Console) unused(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, err := c.unusedFilter(r, q)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	p := unusedPage{Days: int(f.For / day), Never: f.Never, Service: f.Service}
	p.Devices, err = c.deps.Fleet.UnusedDevices(r.Context(), f)
	answer(c, w, r, "unused", p, err)
}

// unusedFilter reads days (30 if there are none), never and service.
func (c *Console) unusedFilter(r *http.Request, q url.Values) (f haechi.UnusedFilter, err error) {
	days := 30
	if text := q.Get("days"); text != "" {
		if days, err = strconv.Atoi(text); err != nil || days < 1 || days > 3650 {
			return f, &haechi.Error{Kind: haechi.Invalid, Op: c.text(r, "unused.title"), Msg: c.text(r, "unused.bad_days")}
		}
	}
	return haechi.UnusedFilter{For: time.Duration(days) * day, Never: q.Get("never") == "true", Service: strings.TrimSpace(q.Get("service"))}, nil
}

// retireUnused retires what the page showed, if it is still as many.
func (c *Console) retireUnused(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	if err := r.ParseForm(); err != nil {
		c.problem(w, r, &haechi.Error{Kind: haechi.Invalid, Op: c.text(r, "unused.title"), Err: err})
		return
	}
	f, err := c.unusedFilter(r, r.PostForm)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	reason, err := c.reason(r, true)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	n, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue("count")))
	if err != nil {
		c.problem(w, r, &haechi.Error{Kind: haechi.Invalid, Op: c.text(r, "unused.title"), Msg: c.text(r, "unused.bad_count")})
		return
	}
	done, err := c.deps.Fleet.RetireUnused(r.Context(), op, f, n, reason)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "unused.done", len(done.Devices), done.Entry), "/audit")
}

type keysPage struct {
	haechi.KeyReport
	Old bool
}

func (c *Console) keys(w http.ResponseWriter, r *http.Request) {
	p := keysPage{Old: r.URL.Query().Get("all") != "true"}
	var err error
	p.KeyReport, err = c.deps.Fleet.KeyReport(r.Context(), p.Old)
	answer(c, w, r, "keys", p, err)
}

func (c *Console) pinDevice(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	key, id := r.PostFormValue("key"), strings.TrimSpace(r.PostFormValue("uuid"))
	reason, err := c.reason(r, true)
	if err == nil {
		_, err = c.deps.Fleet.PinDevice(r.Context(), op, key, id, reason)
	}
	if err != nil {
		c.problem(w, r, err)
		return
	}
	notice := c.text(r, "devices.pinned", id)
	if id == "" {
		notice = c.text(r, "devices.unpinned")
	}
	c.done(w, r, notice, devicePath(key))
}

type codesPage struct {
	Codes []haechi.EnrolCode
	Now   time.Time
	New   *shownCode // just made: shown this once
}

// shownCode is a fresh code with the drawing of it.
type shownCode struct {
	haechi.NewCode
	Size int    // of the drawing, in modules
	Path string // of its dark ones
}

func (c *Console) codes(w http.ResponseWriter, r *http.Request) { c.showCodes(w, r, nil) }

func (c *Console) showCodes(w http.ResponseWriter, r *http.Request, made *shownCode) {
	p := codesPage{Now: c.cfg.Now(), New: made}
	var err error
	p.Codes, err = c.deps.Enrolment.EnrolCodes(r.Context())
	answer(c, w, r, "codes", p, err)
}

// newCode answers with the page itself, not a redirect: the code is shown once and
// kept nowhere.
func (c *Console) newCode(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	uses, err := strconv.Atoi(r.PostFormValue("uses"))
	lasts, err2 := time.ParseDuration(r.PostFormValue("for"))
	if err != nil || err2 != nil || uses < 1 || lasts <= 0 {
		c.problem(w, r, &haechi.Error{Kind: haechi.Invalid, Op: c.text(r, "codes.make"), Msg: c.text(r, "codes.bad")})
		return
	}
	trimmed := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	spec := haechi.EnrolCode{Service: trimmed("service"), Bot: trimmed("bot"), Label: trimmed("label"), Uses: uses}
	made, err := c.deps.Enrolment.NewEnrolCode(r.Context(), op, spec, lasts)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	shown := &shownCode{NewCode: made}
	if drawn, err := qr.Encode(made.Code); err == nil { // else the text does
		shown.Size, shown.Path = drawn.Size(), drawn.Path()
	}
	c.showCodes(w, r, shown)
}

func (c *Console) endCode(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	id := r.PostFormValue("id")
	reason, err := c.reason(r, true)
	if err == nil {
		_, err = c.deps.Enrolment.EndEnrolCode(r.Context(), op, id, reason)
	}
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "codes.ended_now", id), "/devices/codes")
}
