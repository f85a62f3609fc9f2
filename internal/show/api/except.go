package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"haechi"
)

// ExceptRequest asks for the exceptions with which a recorded request would pass.
type ExceptRequest struct {
	Ref    string `json:"ref"`
	Owner  string `json:"owner,omitempty"` // empty: who asks
	Reason string `json:"reason,omitempty"`
	For    string `json:"for"` // a duration such as "2160h"
}

// ExceptEndRequest ends an exception early.
type ExceptEndRequest struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

func (h *handler) exceptions(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	return list(h.Excepter.Exceptions(r.Context()))
}

// previewSpan is how far back a preview looks unless it is told.
const previewSpan = 7 * 24 * time.Hour

// since reads that parameter; without it, it is a week ago.
func (h *handler) since(q url.Values) (time.Time, error) {
	at, err := instant(q, "since")
	if err == nil && at.IsZero() {
		at = h.Now().Add(-previewSpan)
	}
	return at, err
}

func (h *handler) previewException(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r, "ref", "since"); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	ref, err := haechi.ParseReference(q.Get("ref"))
	if err != nil {
		return nil, err
	}
	since, err := h.since(q)
	if err != nil {
		return nil, err
	}
	return value(h.Excepter.PreviewException(r.Context(), ref, since))
}

func (h *handler) proposeExceptions(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r, "since"); err != nil {
		return nil, err
	}
	since, err := h.since(r.URL.Query())
	if err != nil {
		return nil, err
	}
	return list(h.Excepter.ProposeExceptions(r.Context(), since))
}

func (h *handler) addException(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[ExceptRequest](r)
	if err != nil {
		return nil, err
	}
	ref, err := haechi.ParseReference(q.Ref)
	if err != nil {
		return nil, err
	}
	for _, text := range []string{q.Owner, q.Reason} {
		if err := oneLine(text); err != nil {
			return nil, err
		}
	}
	length, err := lasting(q.For)
	if err != nil {
		return nil, err
	}
	order := haechi.ExceptionOrder{Ref: ref, Owner: q.Owner, Reason: q.Reason, Until: h.Now().Add(length)}
	return list(h.Excepter.AddException(r.Context(), op, order))
}

func (h *handler) endException(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[ExceptEndRequest](r)
	if err != nil {
		return nil, err
	}
	if q.ID == "" || len(q.ID) > maxText {
		return nil, invalid("the exception's id is missing", `add "id"; haechi waf exceptions lists them`)
	}
	if err := needReason(q.Reason); err != nil {
		return nil, err
	}
	return value(h.Excepter.EndException(r.Context(), op, q.ID, q.Reason))
}

// Exceptions fetches the exceptions from the WAF that are in force.
func (c *Client) Exceptions(ctx context.Context) ([]haechi.Exception, error) {
	return getList[haechi.Exception](ctx, c, "waf/exceptions", nil)
}

// PreviewException says with which exceptions a recorded request would pass, and what
// they would have changed since then.
func (c *Client) PreviewException(ctx context.Context, ref string, since time.Time) (haechi.ExceptionPreview, error) {
	q := url.Values{"ref": {ref}}
	setTime(q, "since", since)
	return get[haechi.ExceptionPreview](ctx, c, "waf/preview", q)
}

// ProposeExceptions fetches exceptions for what people and known clients trigger.
func (c *Client) ProposeExceptions(ctx context.Context, since time.Time) ([]haechi.ExceptionProposal, error) {
	q := url.Values{}
	setTime(q, "since", since)
	return getList[haechi.ExceptionProposal](ctx, c, "waf/proposals", q)
}

// AddException makes the exceptions with which a recorded request would pass.
func (c *Client) AddException(ctx context.Context, q ExceptRequest) ([]haechi.Exception, error) {
	l, err := post[items[haechi.Exception]](ctx, c, "waf/exceptions", q)
	return l.Items, err
}

// EndException ends an exception early.
func (c *Client) EndException(ctx context.Context, id, reason string) (haechi.Exception, error) {
	return post[haechi.Exception](ctx, c, "waf/exceptions/end", ExceptEndRequest{id, reason})
}
