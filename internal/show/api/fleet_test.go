package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/show/api"
)

func (c *control) DeviceHistory(_ context.Context, key string, limit int) ([]haechi.AuditEntry, error) {
	c.called = fmt.Sprint("history ", key, " ", limit)
	return []haechi.AuditEntry{{Seq: 7, Subject: key}}, c.fail
}

func (c *control) UnusedDevices(_ context.Context, f haechi.UnusedFilter) ([]haechi.Device, error) {
	c.called = fmt.Sprint("unused ", f)
	return []haechi.Device{{Key: "bot/1"}}, c.fail
}

func (c *control) RetireUnused(_ context.Context, op haechi.Operator, f haechi.UnusedFilter, count int, reason string) (haechi.Bulk, error) {
	c.note(fmt.Sprint("retire unused ", f, " ", count, " ", reason), op)
	return haechi.Bulk{Entry: 9, Devices: []string{"bot/1"}}, c.fail
}

func (c *control) KeyReport(_ context.Context, old bool) (haechi.KeyReport, error) {
	c.called = fmt.Sprint("keys ", old)
	return haechi.KeyReport{InUse: 3, Keys: []haechi.KeyUse{{Device: "bot/1", State: haechi.KeyInUse, KeyInfo: haechi.KeyInfo{ID: "k1"}}}}, c.fail
}

func (c *control) PinDevice(_ context.Context, op haechi.Operator, key, id, reason string) (haechi.Device, error) {
	c.note("pin "+key+" "+id+" "+reason, op)
	return haechi.Device{Key: key, UUID: id}, c.fail
}

func (c *control) EnrolCodes(context.Context) ([]haechi.EnrolCode, error) {
	return []haechi.EnrolCode{{ID: "AAAAA", Hash: haechi.Secret("hash")}}, c.fail
}

func (c *control) NewEnrolCode(_ context.Context, op haechi.Operator, spec haechi.EnrolCode, lasts time.Duration) (haechi.NewCode, error) {
	c.note(fmt.Sprint("code ", spec.Service, " ", spec.Bot, " ", spec.Label, " ", spec.Uses, " ", lasts), op)
	spec.ID = "AAAAA"
	return haechi.NewCode{EnrolCode: spec, Code: "HC1-AAAAA-once"}, c.fail
}

func (c *control) EndEnrolCode(_ context.Context, op haechi.Operator, id, reason string) (haechi.EnrolCode, error) {
	c.note("end "+id+" "+reason, op)
	return haechi.EnrolCode{ID: id}, c.fail
}

func TestFleet(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	asked := func(want string) {
		t.Helper()
		if r.control.called != want {
			t.Errorf("asked %q, want %q", r.control.called, want)
		}
	}
	f := haechi.UnusedFilter{For: 90 * 24 * time.Hour, Never: true, Service: "bots"}
	entries, err := r.client.DeviceHistory(ctx, "bot & co/1", 5)
	check(t, err, len(entries) == 1)
	asked("history bot & co/1 5")
	unused, err := r.client.UnusedDevices(ctx, f)
	check(t, err, len(unused) == 1)
	asked(fmt.Sprint("unused ", f))
	bulk, err := r.client.RetireUnused(ctx, f, 1, "monthly")
	check(t, err, bulk.Entry == 9 && len(bulk.Devices) == 1)
	asked(fmt.Sprint("retire unused ", f, " 1 monthly"))
	keys, err := r.client.KeyReport(ctx, true)
	check(t, err, keys.InUse == 3 && keys.Keys[0].State == haechi.KeyInUse && keys.Keys[0].ID == "k1")
	asked("keys true")
	d, err := r.client.PinDevice(ctx, "bot/1", "aaaa", "new phone")
	check(t, err, d.UUID == "aaaa")
	asked("pin bot/1 aaaa new phone")
	code, err := r.client.NewEnrolCode(ctx, api.CodeRequest{Service: "bots", Bot: "도매까봇", Label: "3층", Uses: 5, For: "1h"})
	check(t, err, code.Code == "HC1-AAAAA-once" && code.ID == "AAAAA")
	asked("code bots 도매까봇 3층 5 1h0m0s")
	codes, err := r.client.EnrolCodes(ctx)
	check(t, err, len(codes) == 1 && codes[0].ID == "AAAAA")
	_, err = r.client.EndEnrolCode(ctx, "AAAAA", "lost")
	check(t, err, true)
	asked("end AAAAA lost")
	if r.control.op.Name != "minji" {
		t.Errorf("asked in the name of %+v", r.control.op)
	}
}

// What is kept of a code signs like it, so no answer holds it.
func TestCodesAnswerWithoutTheirHash(t *testing.T) {
	r := newRig(t)
	if body := r.do(http.MethodGet, "/api/v1/devices/codes", "").Body.String(); strings.Contains(body, "hash") || strings.Contains(body, "aGFzaA") {
		t.Errorf("answered %s", body)
	}
}

func TestFleetRefusesWhatItCannotRead(t *testing.T) {
	r := newRig(t)
	for _, q := range [][3]string{
		{http.MethodGet, "/api/v1/devices/history?device=nonsense", ""},
		{http.MethodGet, "/api/v1/devices/unused", ""},
		{http.MethodGet, "/api/v1/devices/unused?for=-1h", ""},
		{http.MethodGet, "/api/v1/devices/unused?for=1h&days=3", ""},
		{http.MethodGet, "/api/v1/devices/keys?old=maybe", ""},
		{http.MethodPost, "/api/v1/devices/unused/retire", `{"for":"1h","count":1}`},
		{http.MethodPost, "/api/v1/devices/unused/retire", `{"for":"soon","count":1,"reason":"x"}`},
		{http.MethodPost, "/api/v1/devices/pin", `{"device":"bot/1","uuid":"a"}`},
		{http.MethodPost, "/api/v1/devices/pin", `{"device":"bot","uuid":"a","reason":"x"}`},
		{http.MethodPost, "/api/v1/devices/codes", `{"service":"bots"}`},
		{http.MethodPost, "/api/v1/devices/codes", `{"service":"bots","for":"1h","label":"a\nb"}`},
		{http.MethodPost, "/api/v1/devices/codes/end", `{"reason":"x"}`},
		{http.MethodPost, "/api/v1/devices/codes/end", `{"id":"AAAAA"}`},
	} {
		if w := r.do(q[0], q[1], q[2]); w.Code != http.StatusBadRequest {
			t.Errorf("%s %s %s: status %d", q[0], q[1], q[2], w.Code)
		}
	}
}
