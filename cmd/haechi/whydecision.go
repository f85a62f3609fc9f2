package main

import (
	"strings"

	"haechi"
)

// decision says what was decided, by whom, on what, until when, and whether it is
// found where it is enforced.
func (e *explainer) decision(d *haechi.Decision) {
	e.line("")
	does := e.t("explain.does_" + d.Action.String())
	switch {
	case d.Mode == haechi.Shadow:
		e.say("explain.ruled_shadow", d.ID, d.Scope, e.t("explain.would_"+d.Action.String()))
	case d.Service != "":
		e.say("explain.ruled_service", d.ID, d.Scope, does, d.Service)
	default:
		e.say("explain.ruled", d.ID, d.Scope, does)
	}
	e.facts(
		fact{"explain.by", e.decider(d)},
		fact{"explain.reason_label", remark(d)},
		fact{"explain.measured", e.measure(d.Observed, d.Threshold, e.within(d.Window))},
		fact{"explain.ends", e.until(d)},
		fact{"explain.state", e.stateOf(d)},
		fact{"explain.where", e.point(d)},
	)
}

// remark is the decision's reason, unless it only repeats what is measured.
func remark(d *haechi.Decision) string {
	if d.Origin == haechi.OriginRule && strings.HasPrefix(d.Reason, d.Rule+": ") {
		return ""
	}
	return d.Reason
}

func (e *explainer) point(d *haechi.Decision) string {
	if !d.Applies(e.now) {
		return ""
	}
	return e.t("explain.at_all")
}

func (e *explainer) decider(d *haechi.Decision) string {
	switch {
	case d.Origin == haechi.OriginOperator:
		return e.t("explain.by_operator", d.By)
	case d.Origin == haechi.OriginRule:
		return e.t("explain.by_rule", d.Rule, e.title(d.Rule, d.Rule))
	}
	return e.t("explain.by_origin", e.word("origin", d.Origin), d.Rule)
}

func (e *explainer) until(d *haechi.Decision) string {
	out := e.t("explain.until_lifted", e.when(d.From))
	if !d.Until.IsZero() {
		end := e.when(d.Until)
		if left := d.Until.Sub(e.now); left > 0 && d.LiftedAt.IsZero() {
			end += " (" + e.t("time.in", e.length(left)) + ")"
		}
		out = e.t("explain.from_until", e.when(d.From), end)
	}
	if d.Repeat > 0 {
		out = e.t("explain.repeated", out, d.Repeat)
	}
	return out
}

func (e *explainer) stateOf(d *haechi.Decision) string {
	switch {
	case !d.LiftedAt.IsZero():
		return e.t("explain.lifted", e.when(d.LiftedAt), d.LiftedBy, d.LiftReason)
	case !d.Open(e.now):
		return e.t("explain.over")
	case d.Mode == haechi.Shadow:
		return e.t("explain.watching")
	case e.held[d.ID]:
		return e.t("explain.held")
	}
	return e.t("explain.not_held")
}

// finding says which rule fired, on what count, and shows its evidence.
func (e *explainer) finding(f *haechi.Finding) {
	e.line("")
	key := "explain.found"
	if f.Mode == haechi.Shadow {
		key = "explain.found_shadow"
	}
	e.say(key, f.Rule, e.when(f.Time), e.title(f.Rule, f.Rule))
	if text := e.sentence(f); text != "" {
		e.line("  " + text)
	}
	severity := e.word("severity", f.Severity)
	if f.Technique != "" {
		severity = e.t("explain.technique", severity, f.Technique)
	}
	spoofable := ""
	if f.Spoofable {
		spoofable = e.t("explain.spoofable")
	}
	e.facts(
		fact{"explain.reference", string(f.Ref) + ", " + e.t("explain.version", f.Version)},
		fact{"explain.who", f.About.String()},
		fact{"explain.measured", e.measure(f.Observed, f.Threshold, e.within(f.Window))},
		fact{"explain.span_label", e.t("explain.span", e.when(f.First), e.when(f.Last))},
		fact{"explain.severity", severity},
		fact{"explain.state", spoofable},
	)
	if len(f.Evidence) > 0 {
		e.line("  " + e.t("explain.evidence") + ":")
	}
	for i := range f.Evidence {
		e.line("    " + e.event(&f.Evidence[i]))
	}
}
