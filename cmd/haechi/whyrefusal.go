package main

import (
	"net"
	"strings"
	"time"

	"haechi"
)

// refusals are equal refusals: the newest, and how many there were in all.
type refusals struct {
	haechi.Event
	times uint64
}

// group puts equal refusals together, in the order of the newest of each. The end of
// a connection that was refused is no refusal of its own.
func group(all []haechi.Event) []*refusals {
	type same struct {
		kind                  haechi.Kind
		service, rule, device string
		reason                haechi.Reason
		ref                   haechi.Reference
		verdict               haechi.Action
		shadow                bool
	}
	at, refused := map[same]*refusals{}, map[haechi.Reference]bool{}
	for i := range all {
		if e := &all[i]; e.Ref != "" && e.Kind != haechi.KindClose {
			refused[e.Ref] = true
		}
	}
	var out []*refusals
	for i := range all {
		e := &all[i]
		if e.Kind == haechi.KindClose && refused[e.Ref] {
			continue
		}
		key := same{e.Kind, e.Service, e.Rule, e.Device, e.Reason, e.Ref, e.Verdict, e.Shadow}
		g := at[key]
		if g == nil {
			g = &refusals{Event: *e}
			at[key], out = g, append(out, g)
		}
		g.times += e.N()
	}
	return out
}

// refusal says what was refused, by what, who it was, where it was stopped and what
// would end it.
func (e *explainer) refusal(g *refusals) {
	e.line("")
	e.say(sentence(&g.Event), e.when(g.Time), e.reason(&g.Event))
	often := ""
	if g.times > 1 {
		often = e.t("explain.times", g.times, e.when(g.Time))
	}
	e.facts(
		fact{"explain.reference", string(g.Ref)},
		fact{"explain.by", e.judge(&g.Event)},
		fact{"explain.measured", e.counted(&g.Event)},
		fact{"explain.who", e.who(&g.Event)},
		fact{"explain.what", e.did(&g.Event)},
		fact{"explain.often", often},
		fact{"explain.where", e.where(&g.Event)},
		fact{"explain.advice", e.remedy(&g.Event)},
	)
	e.hits(&g.Event)
}

// sentence is the key of the sentence that tells the event.
func sentence(e *haechi.Event) string {
	switch {
	case e.Shadow:
		return "explain.shadow"
	case e.Verdict == haechi.Pass && e.Kind != haechi.KindClose:
		return "explain.failed"
	case e.Verdict == haechi.Throttle:
		return "explain.slowed"
	}
	switch e.Kind {
	case haechi.KindConnect, haechi.KindHandshake, haechi.KindAuth, haechi.KindMessage, haechi.KindRequest, haechi.KindAnswer, haechi.KindClose:
		return "explain." + e.Kind.String()
	}
	return "explain.other"
}

// judge names what refused: a limit, a list, a decision or a fixed rule.
func (e *explainer) judge(v *haechi.Event) string {
	switch {
	case v.Rule == "":
		return ""
	case v.Reason == haechi.ReasonDecision:
		return e.t("explain.by_decision", v.Ref)
	case v.Reason == haechi.ReasonAccess:
		return e.t("explain.by_access", v.Service)
	case v.Reason == haechi.ReasonListed:
		return e.t("explain.by_list", strings.TrimPrefix(v.Rule, "list/"))
	case strings.HasPrefix(v.Rule, "limit/"):
		return e.t("explain.by_limit", v.Rule, v.Service)
	}
	return e.t("explain.by_gate", v.Rule)
}

// counted is the measure of a refusal; that of a decision stands with the decision.
func (e *explainer) counted(v *haechi.Event) string {
	if v.Reason == haechi.ReasonDecision {
		return ""
	}
	return e.measure(v.Observed, v.Threshold, e.within(v.Window))
}

// measure is what was observed against what limit, "" when nothing was counted.
func (e *explainer) measure(observed, threshold float64, window string) string {
	switch {
	case observed == 0 && threshold == 0:
		return ""
	case window == "":
		return e.t("explain.against", number(observed), number(threshold))
	}
	return e.t("explain.within", number(observed), number(threshold), window)
}

func (e *explainer) within(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return e.length(d)
}

// who is the address and the device, and how sure either is.
func (e *explainer) who(v *haechi.Event) string {
	if v.Device == "" {
		if !v.Addr.IsValid() {
			return ""
		}
		return v.Addr.String() + " (" + e.word("assurance", v.Assurance) + ")"
	}
	sure := e.word("assurance", v.Assurance)
	if v.Assurance != haechi.Authenticated {
		sure = e.t("cli.claimed")
	}
	return e.t("cli.as", v.Addr, v.Device) + " (" + sure + ")"
}

// did is the request or the frame.
func (e *explainer) did(v *haechi.Event) string {
	switch {
	case v.Method != "":
		out := v.Method + " " + v.Host + v.Path
		if v.Status > 0 {
			out = e.t("explain.answered", out, v.Status)
		}
		if v.UserAgent != "" {
			out = e.t("explain.agent", out, v.UserAgent)
		}
		return out
	case v.Kind == haechi.KindSystem && v.Host != "": // of a page, not of a request for it
		return v.Host + v.Path + ": " + v.Text
	case v.Frame != "":
		out := e.t("explain.frame", v.Frame)
		if v.Room != "" {
			out = e.t("explain.in_room", out, v.Room)
		}
		return out
	case v.LocalPort > 0:
		return net.JoinHostPort(v.Service, count(int(v.LocalPort)))
	}
	return v.Text
}

// where is the point at which it was stopped.
func (e *explainer) where(v *haechi.Event) string {
	if v.Verdict == haechi.Pass || v.Shadow {
		return ""
	}
	switch v.Kind {
	case haechi.KindConnect:
		return e.t("explain.at_accept")
	case haechi.KindHandshake, haechi.KindAuth, haechi.KindMessage:
		return e.t("explain.at_device")
	case haechi.KindAnswer:
		return e.t("explain.at_answer")
	case haechi.KindRequest:
		if v.Reason == haechi.ReasonLeak {
			return e.t("explain.at_answer")
		}
		return e.t("explain.at_http")
	case haechi.KindClose:
		return e.t("explain.at_session")
	}
	return e.t("explain.at_gateway")
}

func (e *explainer) remedy(v *haechi.Event) string {
	switch {
	case v.Reason == "":
		return ""
	case loginFailed(v):
		return e.t("explain.login_advice")
	}
	return e.texts.Or(e.lang, "remedy."+string(v.Reason), "")
}
