package api_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"haechi"
	"haechi/internal/show/api"
)

func (c *control) Exceptions(context.Context) ([]haechi.Exception, error) {
	return []haechi.Exception{{ID: "7K29Q-XM4TC", Rule: 942100}}, c.fail
}

func (c *control) PreviewException(_ context.Context, ref haechi.Reference, since time.Time) (haechi.ExceptionPreview, error) {
	c.note(fmt.Sprint("preview ", ref, " ", since.Format(time.DateOnly)), c.op)
	return haechi.ExceptionPreview{Since: since, Passed: 3}, c.fail
}

func (c *control) ProposeExceptions(_ context.Context, since time.Time) ([]haechi.ExceptionProposal, error) {
	c.note("propose "+since.Format(time.DateOnly), c.op)
	return []haechi.ExceptionProposal{{Exception: haechi.Exception{Rule: 942100}, Requests: 7}}, c.fail
}

func (c *control) AddException(_ context.Context, op haechi.Operator, o haechi.ExceptionOrder) ([]haechi.Exception, error) {
	c.note(fmt.Sprint("except ", o.Ref, " ", o.Owner, " ", o.Reason, " ", o.Until.After(time.Now())), op)
	return []haechi.Exception{{ID: "7K29Q-XM4TC", Expires: o.Until}}, c.fail
}

func (c *control) EndException(_ context.Context, op haechi.Operator, id, reason string) (haechi.Exception, error) {
	c.note("end "+id+" "+reason, op)
	return haechi.Exception{ID: id}, c.fail
}

func TestExceptions(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	asked := func(want string) {
		t.Helper()
		if r.control.called != want {
			t.Errorf("asked %q, want %q", r.control.called, want)
		}
	}
	week := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	all, err := r.client.Exceptions(ctx)
	check(t, err, len(all) == 1 && all[0].Rule == 942100)
	p, err := r.client.PreviewException(ctx, "7K29Q-XM4TC", week)
	check(t, err, p.Passed == 3)
	asked("preview 7K29Q-XM4TC 2026-11-22")
	proposed, err := r.client.ProposeExceptions(ctx, week)
	check(t, err, len(proposed) == 1 && proposed[0].Requests == 7)
	asked("propose 2026-11-22")
	made, err := r.client.AddException(ctx, api.ExceptRequest{Ref: "7K29Q-XM4TC", Owner: "lee", Reason: "shoes", For: "876000h"})
	check(t, err, len(made) == 1)
	asked("except 7K29Q-XM4TC lee shoes true")
	_, err = r.client.EndException(ctx, "7K29Q-XM4TC", "gone")
	check(t, err, true)
	asked("end 7K29Q-XM4TC gone")
	if r.control.op.Name != "minji" {
		t.Errorf("asked in the name of %+v", r.control.op)
	}
	for _, q := range [][3]string{
		{http.MethodGet, "/api/v1/waf/preview?ref=x", ""},
		{http.MethodGet, "/api/v1/waf/preview?ref=7K29Q-XM4TC&since=soon", ""},
		{http.MethodGet, "/api/v1/waf/proposals?since=soon", ""},
		{http.MethodPost, "/api/v1/waf/exceptions", `{"ref":"x","for":"1h"}`},
		{http.MethodPost, "/api/v1/waf/exceptions", `{"ref":"7K29Q-XM4TC"}`},
		{http.MethodPost, "/api/v1/waf/exceptions", `{"ref":"7K29Q-XM4TC","for":"1h","owner":"a\nb"}`},
		{http.MethodPost, "/api/v1/waf/exceptions/end", `{"id":"7K29Q-XM4TC"}`},
		{http.MethodPost, "/api/v1/waf/exceptions/end", `{"reason":"x"}`},
	} {
		if w := r.do(q[0], q[1], q[2]); w.Code != http.StatusBadRequest {
			t.Errorf("%s %s %s: status %d", q[0], q[1], q[2], w.Code)
		}
	}
}
