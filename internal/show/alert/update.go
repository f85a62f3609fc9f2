package alert

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"haechi"
)

// Kind says what an update tells.
type Kind string

// The kinds.
const (
	Opened  Kind = "opened"  // an incident began
	Grew    Kind = "grew"    // it is more severe than was told
	Cleared Kind = "cleared" // it is over
	Flood   Kind = "digest"  // many incidents in one message
)

// Channel is one way to reach a person.
type Channel interface {
	// Deliver sends one update and returns once the other side has it. An error
	// that is a [*Refused] with Final set is not tried again.
	Deliver(ctx context.Context, u *Update) error
	// Name is the channel's name in logs and counters, never its address.
	Name() string
}

// Update is what is told.
type Update struct {
	Kind Kind
	Time time.Time
	// Incident is as of the update; zero for a digest.
	Incident haechi.Incident
	// Was is the severity told before, for Grew.
	Was haechi.Severity
	// Digest is set for Flood.
	Digest *Digest
}

// Digest sums up the incidents of a flood that were not told one by one.
type Digest struct {
	Since   time.Time       `json:"since"`
	Opened  uint64          `json:"opened"`
	Cleared uint64          `json:"cleared"`
	Worst   haechi.Severity `json:"worst"`
	Rules   []RuleCount     `json:"rules"`           // most first, at most 10
	Other   uint64          `json:"other,omitempty"` // opened by further rules
}

// RuleCount is how many incidents of a rule a digest stands for.
type RuleCount struct {
	Rule  string `json:"rule.id"`
	Count uint64 `json:"count"`
}

// Severity is that of the incident, or the worst of the digest.
func (u *Update) Severity() haechi.Severity {
	if u.Digest != nil {
		return u.Digest.Worst
	}
	return u.Incident.Severity
}

// Title is a few words without anything a peer chose.
func (u *Update) Title() string {
	switch u.Kind {
	case Flood:
		return fmt.Sprintf("%d more incidents", u.Digest.Opened)
	case Cleared:
		return "Over: " + u.Incident.Rule
	case Grew:
		return fmt.Sprintf("Grew from %s to %s: %s", u.Was, u.Incident.Severity, u.Incident.Rule)
	default:
		return fmt.Sprintf("Incident (%s): %s", u.Incident.Severity, u.Incident.Rule)
	}
}

// Text is the update in one line for a person. What a peer chose is cleaned of
// control characters and bounded.
func (u *Update) Text() string {
	if u.Digest != nil {
		return u.Digest.text()
	}
	in := &u.Incident
	parts := []string{clean(in.About.String())}
	if in.Service != "" {
		parts = append(parts, "service "+clean(in.Service))
	}
	parts = append(parts, fmt.Sprintf("%d findings, peak %s", in.Findings, strconv.FormatFloat(in.Peak, 'f', -1, 64)),
		"since "+in.Start.UTC().Format(time.DateTime)+" UTC")
	if !in.End.IsZero() {
		parts = append(parts, "until "+in.End.UTC().Format(time.DateTime)+" UTC")
	}
	if in.Mode == haechi.Shadow {
		parts = append(parts, "shadow: nothing was refused")
	}
	ref := cmp.Or(in.Decision, in.ID)
	return strings.Join(parts, ", ") + ". haechi why " + string(ref)
}

func (d *Digest) text() string {
	var parts []string
	for _, r := range d.Rules {
		parts = append(parts, fmt.Sprintf("%s %d", clean(r.Rule), r.Count))
	}
	if d.Other > 0 {
		parts = append(parts, fmt.Sprintf("other rules %d", d.Other))
	}
	return fmt.Sprintf("Since %s UTC: %d opened (%s), %d over, worst %s. They are in the console.",
		d.Since.UTC().Format(time.DateTime), d.Opened, strings.Join(parts, ", "), d.Cleared, d.Worst)
}

const maxShown = 200 // letters of what a peer chose

func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxShown {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// MarshalJSON writes the update as the webhook sends it.
func (u *Update) MarshalJSON() ([]byte, error) {
	out := struct {
		Kind     Kind             `json:"kind"`
		Time     time.Time        `json:"@timestamp"`
		Title    string           `json:"title"`
		Text     string           `json:"message"`
		Severity haechi.Severity  `json:"haechi.severity"`
		Incident *haechi.Incident `json:"incident,omitempty"`
		Digest   *Digest          `json:"digest,omitempty"`
	}{u.Kind, u.Time, u.Title(), u.Text(), u.Severity(), nil, u.Digest}
	if u.Digest == nil {
		out.Incident = &u.Incident
	}
	return json.Marshal(out)
}

const maxRules = 10

// tally counts a flood, bounded.
type tally struct {
	Digest
	rules map[string]uint64
}

const maxTallied = 1000 // rules told apart

func (t *tally) opened(in *haechi.Incident, now time.Time) {
	if t.Since.IsZero() {
		t.Since, t.rules = now, make(map[string]uint64)
	}
	t.Opened++
	t.Worst = max(t.Worst, in.Severity)
	if _, known := t.rules[in.Rule]; known || len(t.rules) < maxTallied {
		t.rules[in.Rule]++
	}
}

func (t *tally) cleared(now time.Time) {
	if t.Since.IsZero() {
		t.Since, t.rules = now, make(map[string]uint64)
	}
	t.Cleared++
}

// take returns the digest and starts anew; nil when there is nothing to tell.
func (t *tally) take() *Digest {
	if t.Opened+t.Digest.Cleared == 0 {
		return nil
	}
	d := t.Digest
	for rule, n := range t.rules {
		d.Rules = append(d.Rules, RuleCount{rule, n})
	}
	slices.SortFunc(d.Rules, func(a, b RuleCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Rule, b.Rule))
	})
	d.Rules = d.Rules[:min(len(d.Rules), maxRules)]
	d.Other = d.Opened
	for _, r := range d.Rules {
		d.Other -= r.Count
	}
	*t = tally{}
	return &d
}
