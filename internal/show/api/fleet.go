package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"haechi"
)

// UnusedRequest retires unused devices. Count is how many the operator saw in the
// list and confirms.
type UnusedRequest struct {
	For     string `json:"for"` // a duration such as "2160h"
	Never   bool   `json:"never,omitempty"`
	Service string `json:"service,omitempty"`
	Count   int    `json:"count"`
	Reason  string `json:"reason"`
}

// PinRequest binds a device to the identity that it has to sign; an empty one means
// that its next proved session binds it anew.
type PinRequest struct {
	Device string `json:"device"`
	UUID   string `json:"uuid,omitempty"`
	Reason string `json:"reason"`
}

// CodeRequest asks for an enrolment code. Uses of 0 means one device.
type CodeRequest struct {
	Service string `json:"service"`
	Bot     string `json:"bot,omitempty"`
	Label   string `json:"label,omitempty"`
	Uses    int    `json:"uses,omitempty"`
	For     string `json:"for"` // a duration such as "1h"
}

// CodeEndRequest ends an enrolment code early.
type CodeEndRequest struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

func (h *handler) history(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r, "device", "limit"); err != nil {
		return nil, err
	}
	n, err := limit(r.URL.Query())
	if err != nil {
		return nil, err
	}
	key := r.URL.Query().Get("device")
	if err := device(key); err != nil {
		return nil, err
	}
	return list(h.Fleet.DeviceHistory(r.Context(), key, n))
}

func (h *handler) unused(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r, "for", "never", "service"); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	never, err := flag(q, "never")
	if err != nil {
		return nil, err
	}
	length, err := lasting(q.Get("for"))
	if err != nil {
		return nil, err
	}
	return list(h.Fleet.UnusedDevices(r.Context(), haechi.UnusedFilter{For: length, Never: never, Service: q.Get("service")}))
}

func lasting(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, invalid("for is no positive duration", `write it as "30m" or "2160h"`)
	}
	return d, nil
}

func (h *handler) retireUnused(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[UnusedRequest](r)
	if err != nil {
		return nil, err
	}
	if err := needReason(q.Reason); err != nil {
		return nil, err
	}
	length, err := lasting(q.For)
	if err != nil {
		return nil, err
	}
	return value(h.Fleet.RetireUnused(r.Context(), op, haechi.UnusedFilter{For: length, Never: q.Never, Service: q.Service}, q.Count, q.Reason))
}

func (h *handler) keyReport(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r, "old"); err != nil {
		return nil, err
	}
	old, err := flag(r.URL.Query(), "old")
	if err != nil {
		return nil, err
	}
	return value(h.Fleet.KeyReport(r.Context(), old))
}

func (h *handler) pin(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[PinRequest](r)
	if err != nil {
		return nil, err
	}
	if err := device(q.Device); err != nil {
		return nil, err
	}
	if err := needReason(q.Reason); err != nil {
		return nil, err
	}
	return value(h.Fleet.PinDevice(r.Context(), op, q.Device, q.UUID, q.Reason))
}

func (h *handler) codes(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	return list(h.Enrolment.EnrolCodes(r.Context()))
}

func (h *handler) newCode(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[CodeRequest](r)
	if err != nil {
		return nil, err
	}
	if err := oneLine(q.Label); err != nil {
		return nil, err
	}
	length, err := lasting(q.For)
	if err != nil {
		return nil, err
	}
	spec := haechi.EnrolCode{Service: q.Service, Bot: q.Bot, Label: q.Label, Uses: q.Uses}
	return value(h.Enrolment.NewEnrolCode(r.Context(), op, spec, length))
}

func (h *handler) endCode(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[CodeEndRequest](r)
	if err != nil {
		return nil, err
	}
	if q.ID == "" || len(q.ID) > maxText {
		return nil, invalid("the code's id is missing", `add "id"; haechi devices code lists them`)
	}
	if err := needReason(q.Reason); err != nil {
		return nil, err
	}
	return value(h.Enrolment.EndEnrolCode(r.Context(), op, q.ID, q.Reason))
}

// DeviceHistory fetches the audit entries about a device, newest first.
func (c *Client) DeviceHistory(ctx context.Context, key string, limit int) ([]haechi.AuditEntry, error) {
	q := limited(limit)
	q.Set("device", key)
	return getList[haechi.AuditEntry](ctx, c, "devices/history", q)
}

// UnusedDevices fetches approved devices that are not used, longest first.
func (c *Client) UnusedDevices(ctx context.Context, f haechi.UnusedFilter) ([]haechi.Device, error) {
	q := url.Values{"for": {f.For.String()}}
	if f.Never {
		q.Set("never", "true")
	}
	set(q, "service", f.Service)
	return getList[haechi.Device](ctx, c, "devices/unused", q)
}

// RetireUnused revokes them, if there are as many as count.
func (c *Client) RetireUnused(ctx context.Context, f haechi.UnusedFilter, count int, reason string) (haechi.Bulk, error) {
	return post[haechi.Bulk](ctx, c, "devices/unused/retire", UnusedRequest{f.For.String(), f.Never, f.Service, count, reason})
}

// KeyReport says which device signs with which key.
func (c *Client) KeyReport(ctx context.Context, old bool) (haechi.KeyReport, error) {
	q := url.Values{}
	if old {
		q.Set("old", "true")
	}
	return get[haechi.KeyReport](ctx, c, "devices/keys", q)
}

// PinDevice binds a device to the identity that it has to sign.
func (c *Client) PinDevice(ctx context.Context, key, uuid, reason string) (haechi.Device, error) {
	return post[haechi.Device](ctx, c, "devices/pin", PinRequest{key, uuid, reason})
}

// EnrolCodes fetches the enrolment codes, those made last first.
func (c *Client) EnrolCodes(ctx context.Context) ([]haechi.EnrolCode, error) {
	return getList[haechi.EnrolCode](ctx, c, "devices/codes", nil)
}

// NewEnrolCode makes a code; the answer is the only time it is shown.
func (c *Client) NewEnrolCode(ctx context.Context, q CodeRequest) (haechi.NewCode, error) {
	return post[haechi.NewCode](ctx, c, "devices/codes", q)
}

// EndEnrolCode ends a code early.
func (c *Client) EndEnrolCode(ctx context.Context, id, reason string) (haechi.EnrolCode, error) {
	return post[haechi.EnrolCode](ctx, c, "devices/codes/end", CodeEndRequest{id, reason})
}
