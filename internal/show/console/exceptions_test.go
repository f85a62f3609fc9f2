package console_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
)

func (c *control) Exceptions(context.Context) ([]haechi.Exception, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]haechi.Exception{{Service: "shop", Rule: 942100, Path: "/fixed", Where: "ARGS:q", Owner: "kim", Expires: c.now.Add(time.Hour)}}, c.excepted...), c.fail
}

func (c *control) PreviewException(_ context.Context, ref haechi.Reference, since time.Time) (haechi.ExceptionPreview, error) {
	effect := haechi.ExceptionEffect{Time: c.now, Service: "shop", Path: "/" + evil, Client: netip.MustParsePrefix("203.0.113.7/32"), Ref: ref, Before: 5, Threshold: 5, Passes: true, Count: 3}
	draft := haechi.Exception{ID: "7K29Q-XM4TC", Service: "shop", Rule: 942100, Path: "/" + evil, Where: "ARGS:" + evil}
	return haechi.ExceptionPreview{Exceptions: []haechi.Exception{draft}, Since: since, Examined: 9, Changed: 3, Passed: 3, Clients: 1, Effects: []haechi.ExceptionEffect{effect}}, c.fail
}

func (c *control) ProposeExceptions(context.Context, time.Time) ([]haechi.ExceptionProposal, error) {
	return []haechi.ExceptionProposal{{Exception: haechi.Exception{Service: "shop", Rule: 942100, Path: "/" + evil, Where: "ARGS:q"}, Requests: 7, Clients: 3, Ref: "7K29Q-XM4TC"}}, c.fail
}

func (c *control) AddException(_ context.Context, op haechi.Operator, o haechi.ExceptionOrder) ([]haechi.Exception, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := haechi.Exception{ID: string(o.Ref), Service: "shop", Rule: 942100, Path: "/a", Where: "ARGS:q", Owner: o.Owner, Reason: o.Reason, By: op.Name, Created: c.now, Expires: o.Until}
	c.excepted = append(c.excepted, x)
	return []haechi.Exception{x}, c.fail
}

func (c *control) EndException(_ context.Context, _ haechi.Operator, id, reason string) (haechi.Exception, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, x := range c.excepted {
		if x.ID == id {
			c.excepted = append(c.excepted[:i], c.excepted[i+1:]...)
			x.Reason = reason
			return x, c.fail
		}
	}
	return haechi.Exception{}, &haechi.Error{Kind: haechi.NotFound, Op: "end the exception"}
}

// TestExceptions: a preview shows what would change, and the form makes and ends one.
func TestExceptions(t *testing.T) {
	r := newRig(t)
	r.enroll()
	shown := r.get("/waf?ref=7K29Q-XM4TC")
	want(t, shown, http.StatusOK)
	if !strings.Contains(shown.body, `id="waf-preview"`) || strings.Contains(shown.body, "<img src=x") {
		t.Error("no preview, or markup of a peer's")
	}
	want(t, r.get("/waf?ref=nonsense"), http.StatusBadRequest)
	for _, bad := range [][]string{{"ref", "nonsense", "days", "30"}, {"ref", "7K29Q-XM4TC", "days", "0"}, {"ref", "7K29Q-XM4TC", "days", "366"}, {"ref", "7K29Q-XM4TC"}} {
		want(t, r.post("/waf", bad...), http.StatusBadRequest)
	}
	want(t, r.post("/waf", "ref", "7K29Q-XM4TC", "days", "30", "owner", " lee ", "reason", "shoes"), http.StatusSeeOther)
	if x := r.control.excepted; len(x) != 1 || x[0].Owner != "lee" || x[0].By != "minji" || x[0].Reason != "shoes" {
		t.Errorf("made %+v", x)
	}
	want(t, r.post("/waf/end", "id", "7K29Q-XM4TC"), http.StatusBadRequest)
	want(t, r.post("/waf/end", "id", "7K29Q-XM4TC", "reason", "gone"), http.StatusSeeOther)
	want(t, r.post("/waf/end", "id", "7K29Q-XM4TC", "reason", "gone"), http.StatusNotFound)
}
