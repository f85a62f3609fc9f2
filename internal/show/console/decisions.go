package console

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"haechi"
)

type decisionsPage struct {
	Decisions []haechi.Decision
	All       bool
	Now       time.Time
	Actions   []haechi.Action
}

type decisionPage struct {
	haechi.Decision
	Now time.Time
	Why haechi.Explanation
}

func (c *Console) decisions(w http.ResponseWriter, r *http.Request) {
	now := c.cfg.Now()
	p := decisionsPage{All: r.URL.Query().Get("all") == "true", Now: now,
		Actions: []haechi.Action{haechi.Watch, haechi.Throttle, haechi.Challenge, haechi.Deny, haechi.Drop}}
	f := haechi.DecisionFilter{Limit: maxRows, OpenAt: now}
	if p.All {
		f.OpenAt = time.Time{}
	}
	var err error
	if p.Decisions, err = c.deps.Decisions.Decisions(r.Context(), f); err != nil {
		c.problem(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "decisions", p)
}

func (c *Console) decision(w http.ResponseWriter, r *http.Request) {
	id, err := haechi.ParseReference(r.URL.Query().Get("id"))
	if err != nil {
		c.problem(w, r, err)
		return
	}
	all, err := c.deps.Decisions.Decisions(r.Context(), haechi.DecisionFilter{ID: id, Limit: 1})
	if err == nil && len(all) == 0 {
		err = &haechi.Error{Kind: haechi.NotFound, Op: c.text(r, "error.open"), Msg: c.text(r, "decisions.none_such")}
	}
	if err != nil {
		c.problem(w, r, err)
		return
	}
	p := decisionPage{Decision: all[0], Now: c.cfg.Now()}
	if p.Why, err = c.deps.Explainer.Why(r.Context(), string(id)); err != nil && haechi.KindOf(err) != haechi.NotFound {
		c.problem(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "decision", &p)
}

func decisionPath(id haechi.Reference) string {
	return "/decisions/item?id=" + url.QueryEscape(string(id))
}

func (c *Console) addDecision(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	d, err := c.decisionForm(r, op)
	if err == nil {
		d, err = c.deps.Decisions.AddDecision(r.Context(), op, d)
	}
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "decisions.added", d.Scope.String()), decisionPath(d.ID))
}

// decisionForm reads the form for a new decision.
func (c *Console) decisionForm(r *http.Request, op haechi.Operator) (d haechi.Decision, err error) {
	now := c.cfg.Now()
	d = haechi.Decision{Origin: haechi.OriginOperator, By: op.Name, From: now, Mode: haechi.Enforce,
		Service: strings.TrimSpace(r.PostFormValue("service"))}
	if d.Scope, err = formScope(r.PostFormValue("scope")); err != nil {
		return d, err
	}
	if d.Action, err = haechi.ParseAction(r.PostFormValue("action")); err != nil {
		return d, err
	}
	if r.PostFormValue("mode") == haechi.Shadow.String() {
		d.Mode = haechi.Shadow
	}
	if text := r.PostFormValue("for"); text != "" {
		length, err := time.ParseDuration(text)
		if err != nil || length <= 0 {
			return d, &haechi.Error{Kind: haechi.Invalid, Op: c.text(r, "decisions.add"), Msg: c.text(r, "decisions.bad_length")}
		}
		d.Until = now.Add(length)
	}
	d.Reason, err = c.reason(r, true)
	return d, err
}

// formScope reads a scope, or a bare address or prefix as people type it.
func formScope(text string) (haechi.Scope, error) {
	text = strings.TrimSpace(text)
	if _, err := netip.ParseAddr(text); err == nil {
		return haechi.ParseScope("ip:" + text)
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return haechi.ParseScope("prefix:" + text)
	}
	s, err := haechi.ParseScope(text)
	if err == nil && s.Kind == haechi.ScopeNone {
		err = &haechi.Error{Kind: haechi.Invalid, Op: "parse scope", Msg: "it is empty",
			Hint: "write kind:value, for example ip:203.0.113.7 or device:bot/id"}
	}
	return s, err
}

func (c *Console) liftDecision(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	id, err := haechi.ParseReference(r.PostFormValue("id"))
	if err != nil {
		c.problem(w, r, err)
		return
	}
	reason, err := c.reason(r, true)
	if err == nil {
		_, err = c.deps.Decisions.LiftDecision(r.Context(), op, id, reason)
	}
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "decisions.lifted", string(id)), decisionPath(id))
}
