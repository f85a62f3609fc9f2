package control

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"haechi"
)

const (
	// exceptSubject begins the subject of an entry about an exception.
	exceptSubject = "exception:"
	// maxHitEvents bounds how many recorded requests with hits are looked at.
	maxHitEvents = 10_000
	// maxException bounds how long an exception may last.
	maxException = 366 * 24 * time.Hour
)

// Exceptions lists the exceptions from the WAF that are in force; those of the
// configuration have no ID.
func (c *Control) Exceptions(context.Context) ([]haechi.Exception, error) {
	now := c.d.Now()
	return slices.DeleteFunc(slices.Clone(c.d.Except.Exceptions()), func(x haechi.Exception) bool { return !now.Before(x.Expires) }), nil
}

// PreviewException says with which exceptions, the fewest, the recorded request of the
// reference would pass, and what else they would have changed since then. Nothing is
// changed. Errors are of kind NotFound, and Conflict where no exception helps.
func (c *Control) PreviewException(ctx context.Context, ref haechi.Reference, since time.Time) (haechi.ExceptionPreview, error) {
	drafts, err := c.drafts(ctx, haechi.ExceptionOrder{Ref: ref, Until: c.d.Now().Add(maxException)})
	if err != nil {
		return haechi.ExceptionPreview{}, err
	}
	return c.previewOf(ctx, drafts, since)
}

func (c *Control) previewOf(ctx context.Context, drafts []haechi.Exception, since time.Time) (haechi.ExceptionPreview, error) {
	found, cut, err := c.withHits(ctx, since)
	if err != nil {
		return haechi.ExceptionPreview{}, err
	}
	p := preview(found, drafts, c.d.Except.Exceptions(), c.d.Now())
	p.Since, p.Cut = since, cut
	return p, nil
}

// withHits reads the recorded requests and answers in which the WAF found something,
// newest first.
func (c *Control) withHits(ctx context.Context, since time.Time) (found []haechi.Event, cut bool, err error) {
	found, err = c.d.Past.Events(ctx, &haechi.EventFilter{Since: since, Kinds: []haechi.Kind{haechi.KindRequest, haechi.KindAnswer}, Hits: true, Limit: maxHitEvents})
	return found, len(found) == maxHitEvents, err
}

// AddException makes the exceptions with which the recorded request of the order would
// pass. They count from the next request on. Errors are those of PreviewException, and of
// kind Invalid.
func (c *Control) AddException(ctx context.Context, op haechi.Operator, order haechi.ExceptionOrder) ([]haechi.Exception, error) {
	now := c.d.Now()
	if !order.Until.After(now) || order.Until.After(now.Add(maxException)) {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "add an exception", Msg: "it has to end within a year", Hint: "say for how long, for example --for 90d"}
	}
	if order.Owner = strings.TrimSpace(order.Owner); order.Owner == "" {
		order.Owner = op.Name
	}
	drafts, err := c.drafts(ctx, order)
	if err != nil {
		return nil, err
	}
	for i := range drafts {
		drafts[i].By, drafts[i].Created = op.Name, now.UTC()
		if err := c.except(ctx, op, drafts[i], order.Reason); err != nil {
			return drafts[:i], err
		}
	}
	return drafts, nil
}

func (c *Control) except(ctx context.Context, op haechi.Operator, x haechi.Exception, reason string) error {
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	entry := haechi.AuditEntry{Action: ActionExcept, Subject: exceptSubject + x.ID, After: string(text), Reason: reason}
	return c.audited(ctx, op, entry, func(ctx context.Context) error { return c.d.Except.AddException(ctx, x, c.d.Now()) })
}

// drafts are the exceptions for the newest recorded request with the reference that the
// WAF refused, or would have.
func (c *Control) drafts(ctx context.Context, order haechi.ExceptionOrder) ([]haechi.Exception, error) {
	found, err := c.d.Past.Events(ctx, &haechi.EventFilter{Ref: order.Ref, Kinds: []haechi.Kind{haechi.KindRequest, haechi.KindAnswer}, Hits: true, Limit: 10})
	if err != nil {
		return nil, err
	}
	if order.Ref == "" || len(found) == 0 {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "add an exception", Msg: "no request with this reference is recorded in which the WAF found something",
			Hint: "take the reference of a refusal by the WAF; haechi why explains it"}
	}
	e := &found[max(0, slices.IndexFunc(found, func(e haechi.Event) bool { return e.Kind == haechi.KindAnswer }))] // the request may have hits too
	h, err := haechi.ParseHits(e.Hits)
	if err != nil {
		return nil, err
	}
	h.Except(c.d.Except.Exceptions(), e.Service, e.Path, c.d.Now())
	minimal := h.Minimal()
	if len(minimal) == 0 {
		return nil, nothingHelps(&h)
	}
	if !haechi.PlainPath(e.Path) {
		return nil, &haechi.Error{Kind: haechi.Conflict, Op: "add an exception", Msg: "the request's path is none that every server reads alike", Hint: "no exception is made for such a path"}
	}
	out := make([]haechi.Exception, 0, len(minimal))
	for _, hit := range minimal {
		x := haechi.Exception{Service: e.Service, Rule: hit.Rule, Path: e.Path, Where: hit.Where, Owner: order.Owner, Reason: strings.TrimSpace(order.Reason), Expires: order.Until.UTC()}
		x.ID = exceptionID(&x)
		out = append(out, x)
	}
	return out, nil
}

func nothingHelps(h *haechi.Hits) error {
	e := &haechi.Error{Kind: haechi.Conflict, Op: "add an exception", Msg: "no exception would let this request pass",
		Hint: "raise the threshold of the route, or lower its paranoia"}
	if !h.Refuse() {
		e.Msg, e.Hint = "the request passes as it is", "haechi waf exceptions lists the exceptions"
	}
	return e
}

// exceptionID is the same for the same service, rule, path and variable, so that making
// one again renews it.
func exceptionID(x *haechi.Exception) string {
	return string(haechi.NewReference(x.Service+"\x00"+x.Path+"\x00"+x.Where, strconv.Itoa(x.Rule), time.Time{}))
}

// EndException ends an exception that an operator made. Errors are of kind NotFound.
func (c *Control) EndException(ctx context.Context, op haechi.Operator, id, reason string) (haechi.Exception, error) {
	all := c.d.Except.Exceptions()
	i := slices.IndexFunc(all, func(x haechi.Exception) bool { return x.ID == id })
	if id == "" || i < 0 {
		return haechi.Exception{}, &haechi.Error{Kind: haechi.NotFound, Op: "end the exception", Msg: "no exception has this id",
			Hint: "haechi waf exceptions lists them; those of the configuration are ended there"}
	}
	text, err := json.Marshal(all[i])
	if err != nil {
		return haechi.Exception{}, err
	}
	var ended haechi.Exception
	entry := haechi.AuditEntry{Action: ActionExceptEnd, Subject: exceptSubject + id, Before: string(text), Reason: strings.TrimSpace(reason)}
	err = c.audited(ctx, op, entry, func(ctx context.Context) (err error) {
		ended, err = c.d.Except.EndException(ctx, id)
		return err
	})
	return ended, err
}

func (c *Control) undoException(ctx context.Context, op haechi.Operator, e *haechi.AuditEntry, reason string) error {
	if e.Action == ActionExcept {
		_, err := c.EndException(ctx, op, strings.TrimPrefix(e.Subject, exceptSubject), reason)
		return err
	}
	var x haechi.Exception
	if err := json.Unmarshal([]byte(e.Before), &x); err != nil {
		return err
	}
	if !x.Expires.After(c.d.Now()) {
		return &haechi.Error{Kind: haechi.Conflict, Op: "undo", Msg: "the exception would have ended by now", Hint: "haechi waf except makes a new one"}
	}
	return c.except(ctx, op, x, reason)
}

// preview applies exceptions to recorded hits as the WAF does to live ones, and tells what
// changes against the record. With exceptions to add it tells what those change; without,
// what the standing ones do and those do no longer that have ended.
func preview(found []haechi.Event, add, standing []haechi.Exception, now time.Time) haechi.ExceptionPreview {
	p := haechi.ExceptionPreview{Exceptions: add, Examined: len(found), Effects: []haechi.ExceptionEffect{}}
	clients := map[netip.Prefix]bool{}
	for i := range found {
		effect, ok := effectOf(&found[i], add, standing, now)
		if !ok {
			continue
		}
		p.Changed += effect.Count
		if effect.Refused {
			p.Refused += effect.Count
		}
		if effect.Passes {
			p.Passed += effect.Count
			clients[effect.Client] = true
		}
		if len(p.Effects) < haechi.MaxEffects {
			p.Effects = append(p.Effects, effect)
		}
	}
	p.Clients = len(clients)
	return p
}

// effectOf judges one recorded request again; ok is false if nothing changes.
func effectOf(e *haechi.Event, add, standing []haechi.Exception, now time.Time) (haechi.ExceptionEffect, bool) {
	then, err := haechi.ParseHits(e.Hits)
	if err != nil {
		return haechi.ExceptionEffect{}, false
	}
	today := then
	today.List = slices.Clone(then.List)
	today.Except(slices.Concat(add, standing), e.Service, e.Path, now)
	changed := false
	for i := range today.List {
		if len(add) > 0 { // what was excepted then stays so
			today.List[i].Excepted = today.List[i].Excepted || then.List[i].Excepted
		}
		changed = changed || today.List[i].Excepted != then.List[i].Excepted
	}
	out := haechi.ExceptionEffect{Time: e.Time, Service: e.Service, Path: e.Path, Client: e.Client, Ref: e.Ref, Threshold: then.Threshold,
		Passes: then.Refuse() && !today.Refuse(), Refused: !then.Refuse() && today.Refuse(), Count: e.N()}
	out.Before, _ = then.Counts()
	out.After, _ = today.Counts()
	return out, changed
}
