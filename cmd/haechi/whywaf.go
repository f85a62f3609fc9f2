package main

import (
	"fmt"
	"strconv"
	"strings"

	"haechi"
	"haechi/internal/inspect/waf"
)

// hits lists what the WAF found in a request, and what would let it pass.
func (e *explainer) hits(v *haechi.Event) {
	h, err := haechi.ParseHits(v.Hits)
	if err != nil || len(h.List) == 0 {
		return
	}
	message := messages()
	score, _ := h.Counts()
	e.line("  " + e.t("explain.hits", score, h.Threshold))
	for i := range h.List {
		one := &h.List[i]
		switch {
		case one.Excepted:
			e.line("    " + e.t("explain.hit_excepted", one.Rule, one.Where))
		case one.Denies:
			e.line("    " + e.t("explain.hit_denies", one.Rule, one.Where, message(one.Rule)))
		default:
			e.line("    " + e.t("explain.hit", one.Rule, one.Score, one.Where, one.Shape, message(one.Rule)))
		}
		e.usual(one)
	}
	if h.Omitted > 0 {
		e.line("    " + e.t("explain.hits_more", h.Omitted, h.OmittedScore))
	}
	minimal := h.Minimal()
	if v.Reason != haechi.ReasonWAF && v.Reason != haechi.ReasonLeak || len(minimal) == 0 {
		return
	}
	e.line("  " + e.t("explain.exception", v.Service, string(v.Ref)))
	for i := range minimal {
		e.line(fmt.Sprintf("    - { rule: %d, path: %s, variable: %s, owner: , expires:  }", minimal[i].Rule, strconv.Quote(v.Path), strconv.Quote(minimal[i].Where)))
	}
}

// usual says what the parameter of a hit usually held, if that is what the hit is about.
func (e *explainer) usual(h *haechi.Hit) {
	u := &h.Usual
	if u.Kinds == "" {
		return
	}
	e.line("      " + e.t("explain.usual", strings.TrimPrefix(h.Where, "ARGS:"), u.Kinds, u.Requests, u.Networks, u.Days, u.Longest, u.Length, h.Shape))
	if u.Known {
		e.line("      " + e.t("explain.usual_known"))
	}
}

// messages are those of the shipped rules; a rule of the operator's own has none here.
func messages() func(id int) string {
	known, err := waf.Shipped()
	return func(id int) string {
		if err != nil {
			return ""
		}
		r, _ := known(id)
		return r.Message
	}
}
