package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"haechi"
)

const (
	maxReason = 500 // bytes
	maxRows   = 500
)

type devicesPage struct {
	Pending, Others []haechi.Device
	Filter          string
	Statuses        []haechi.DeviceStatus
}

type devicePage struct {
	haechi.Device
	Now    time.Time
	New    *haechi.NewKey // just made: shown this once
	Events []haechi.Event
	// History is who changed what about it, newest first.
	History []haechi.AuditEntry
	Can     map[string]bool // the statuses that it may be moved to
}

func (c *Console) devices(w http.ResponseWriter, r *http.Request) {
	f := haechi.DeviceFilter{Limit: maxRows}
	p := devicesPage{Filter: r.URL.Query().Get("status")}
	if s, err := haechi.ParseDeviceStatus(p.Filter); err == nil {
		f.Statuses = []haechi.DeviceStatus{s}
	} else {
		p.Filter = ""
	}
	all, err := c.deps.Devices.Devices(r.Context(), f)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	for _, d := range all {
		if d.Status == haechi.Pending {
			p.Pending = append(p.Pending, d)
		} else {
			p.Others = append(p.Others, d)
		}
	}
	for s := haechi.Pending; s <= haechi.Blocked; s++ {
		p.Statuses = append(p.Statuses, s)
	}
	c.render(w, r, http.StatusOK, "devices", p)
}

func (c *Console) device(w http.ResponseWriter, r *http.Request) {
	c.showDevice(w, r, r.URL.Query().Get("key"), nil)
}

// showDevice shows one device; made is a key that was just created.
func (c *Console) showDevice(w http.ResponseWriter, r *http.Request, key string, made *haechi.NewKey) {
	all, err := c.deps.Devices.Devices(r.Context(), haechi.DeviceFilter{Key: key})
	if err != nil {
		c.problem(w, r, err)
		return
	}
	i := slices.IndexFunc(all, func(d haechi.Device) bool { return d.Key == key })
	if i < 0 {
		c.problem(w, r, &haechi.Error{Kind: haechi.NotFound, Op: c.text(r, "error.open"), Msg: c.text(r, "devices.none_such")})
		return
	}
	p := devicePage{Device: all[i], Now: c.cfg.Now(), New: made, Can: moves(&all[i])}
	if p.Events, err = c.deps.Watcher.Events(r.Context(), haechi.EventFilter{Device: key, Limit: 20}); err != nil {
		c.problem(w, r, err)
		return
	}
	if p.History, err = c.deps.Fleet.DeviceHistory(r.Context(), key, 50); err != nil {
		c.problem(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "device", p)
}

// moves are the changes that the page offers for a device. One that is governed
// elsewhere is approved there; here something against it can be taken back.
func moves(d *haechi.Device) map[string]bool {
	s := d.Status
	if d.Source != "" {
		none := d.Veto == haechi.Pending
		return map[string]bool{"approved": !none, "denied": none && s != haechi.Approved, "revoked": none && s == haechi.Approved, "blocked": d.Veto != haechi.Blocked}
	}
	return map[string]bool{
		"approved": s != haechi.Approved,
		"denied":   s == haechi.Pending,
		"revoked":  s == haechi.Approved,
		"blocked":  s != haechi.Blocked,
	}
}

func devicePath(key string) string { return "/devices/item?key=" + url.QueryEscape(key) }

func (c *Console) setDeviceStatus(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	key := r.PostFormValue("key")
	s, err := haechi.ParseDeviceStatus(r.PostFormValue("status"))
	if err != nil {
		c.problem(w, r, err)
		return
	}
	reason, err := c.reason(r, s != haechi.Approved)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	d, err := c.deps.Devices.SetDeviceStatus(r.Context(), op, key, s, reason)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "devices.changed", key, c.text(r, "status."+d.Status.String())), devicePath(key))
}

func (c *Console) addDevice(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	key := strings.TrimSpace(r.PostFormValue("key"))
	if _, _, ok := haechi.SplitDeviceKey(key); !ok || len(key) > maxReason || clean(key) != key {
		c.problem(w, r, &haechi.Error{Kind: haechi.Invalid, Op: c.text(r, "devices.add"), Msg: c.text(r, "devices.add_bad")})
		return
	}
	d, err := c.deps.Devices.AddDevice(r.Context(), op, strings.TrimSpace(r.PostFormValue("service")), key)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "devices.added", d.Key), devicePath(d.Key))
}

// newDeviceKey answers with the page itself, not a redirect: the secret is shown
// once and kept nowhere, so there is nothing to redirect to.
func (c *Console) newDeviceKey(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	key := r.PostFormValue("key")
	made, err := c.deps.Devices.NewDeviceKey(r.Context(), op, key)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.showDevice(w, r, key, &made)
}

func (c *Console) retireDeviceKey(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	key, id := r.PostFormValue("key"), r.PostFormValue("id")
	if err := c.deps.Devices.RetireDeviceKey(r.Context(), op, key, id); err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "devices.key_retired", id), devicePath(key))
}

// reason is the reason of a form: one line, and present where it must be.
func (c *Console) reason(r *http.Request, must bool) (string, error) {
	text := strings.TrimSpace(r.PostFormValue("reason"))
	bad := len(text) > maxReason || strings.ContainsFunc(text, unicode.IsControl)
	if bad || (must && text == "") {
		return "", &haechi.Error{Kind: haechi.Invalid, Op: c.text(r, "error.change"),
			Msg: c.text(r, "error.reason"), Hint: c.text(r, "error.reason_hint")}
	}
	return text, nil
}
