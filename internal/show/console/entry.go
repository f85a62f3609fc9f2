package console

import (
	"strconv"
	"strings"
	"time"

	"haechi"
)

// maxPart bounds one peer-chosen part of a line, in bytes.
const maxPart = 200

// entry words one event.
func (c *Console) entry(lang string, e *haechi.Event) entry {
	t := c.deps.Texts
	return entry{
		At: e.Time.UTC().Format(time.RFC3339Nano), Time: e.Time.In(c.cfg.Zone).Format("15:04:05"),
		Severity: e.Severity.String(), Label: t.Text(lang, "severity."+e.Severity.String()),
		Failed: e.Outcome == haechi.Failure || (e.Verdict >= haechi.Challenge && !e.Shadow),
		Kind:   t.Text(lang, "kind."+e.Kind.String()), Service: e.Service,
		Who: who(&e.Actor), What: c.what(lang, e), Ref: string(e.Ref), Count: e.N(),
	}
}

// who names the actor by the most that is known of it.
func who(a *haechi.Actor) string {
	var parts []string
	for _, p := range []string{a.User, a.Device} {
		if p != "" {
			parts = append(parts, clean(p))
		}
	}
	if a.Addr.IsValid() {
		parts = append(parts, a.Addr.String())
	}
	return strings.Join(parts, " · ")
}

// what says what happened in one line.
func (c *Console) what(lang string, e *haechi.Event) string {
	t := c.deps.Texts
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, clean(s))
		}
	}
	if e.Verdict != haechi.Pass {
		word := t.Text(lang, "action."+e.Verdict.String())
		if e.Shadow {
			word += " (" + t.Text(lang, "mode.shadow") + ")"
		}
		add(word)
	}
	if e.Reason != "" {
		add(t.Or(lang, "reason."+string(e.Reason), string(e.Reason)))
	}
	add(strings.TrimSpace(e.Method + " " + e.Path))
	if e.Status != 0 {
		add(strconv.Itoa(e.Status))
	}
	if e.Frame != "message" || e.Kind != haechi.KindMessage {
		add(e.Frame)
	}
	add(e.Room)
	add(c.remark(lang, e))
	if e.Threshold > 0 {
		add(t.Text(lang, "live.observed", amount(e.Observed), amount(e.Threshold)))
	}
	return strings.Join(parts, " · ")
}

// remark is the event's own text; an incident's is worded in the person's language.
func (c *Console) remark(lang string, e *haechi.Event) string {
	title := c.cfg.RuleTitle(e.Rule, lang)
	if e.Kind != haechi.KindSystem || title == "" {
		return e.Text
	}
	if state := "live." + strings.ReplaceAll(e.Text, " ", "_"); c.deps.Texts.Has(state) {
		return title + " · " + c.deps.Texts.Text(lang, state)
	}
	return title + " · " + e.Text
}

// clean bounds a part and replaces control and direction-changing characters,
// which could make a line look like another.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "�")
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x2028, r == 0x2029:
			return '�'
		}
		return r
	}, s)
	if len(s) > maxPart {
		s = strings.ToValidUTF8(s[:maxPart], "") + "…"
	}
	return s
}
