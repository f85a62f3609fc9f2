package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"haechi"
)

// sentence is a text with places for what a finding says, cut at the places: text,
// name, text, name, …, text.
type sentence []string

var placeForm = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// sentence cuts a text. Places are {source}, {target}, {targets}, {observed},
// {threshold}, {window}, {span}, {service} and the names of the finding's facts.
func (c *compiler) sentence(field, text string) sentence {
	if strings.TrimSpace(text) == "" {
		c.Fail(field, "is required with detector")
	}
	if strings.HasSuffix(field, ".ko") && !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hangul, r) }) {
		c.Fail(field, "is not Korean")
	}
	var out sentence
	from := 0
	for _, m := range placeForm.FindAllStringSubmatchIndex(text, -1) {
		out = append(out, text[from:m[0]], text[m[2]:m[3]])
		from = m[1]
	}
	out = append(out, text[from:])
	for i := 0; i < len(out); i += 2 {
		if strings.ContainsAny(out[i], "{}") {
			c.Fail(field, "a brace stands alone; a place is written {name}, in small letters")
		}
	}
	return out
}

// Sentence explains a finding of a rule that names a detector in a language ("en" or
// "ko"). It is empty for other rules.
func (s *Set) Sentence(f *haechi.Finding, language string) string {
	i := slices.IndexFunc(s.rules, func(r *rule) bool { return r.id == f.Rule })
	if i < 0 || s.rules[i].named == nil {
		return ""
	}
	text := s.rules[i].named.sentences[0]
	if language == "ko" {
		text = s.rules[i].named.sentences[1]
	}
	var b strings.Builder
	for i, part := range text {
		if i%2 == 0 {
			b.WriteString(part)
		} else {
			b.WriteString(place(f, part))
		}
	}
	return b.String()
}

// place is what a finding says at a place; a dash if it says nothing.
func place(f *haechi.Finding, name string) string {
	for _, r := range f.Reasons {
		if r.Name == name && name != "" {
			return amountText(r.Value, r.Unit)
		}
	}
	switch name {
	case "source":
		return addressText(f)
	case "target":
		if f.Target.IsValid() {
			return prefixText(f.Target.String())
		}
	case "targets":
		return amountText(float64(f.Targets), "")
	case "observed":
		return amountText(f.Observed, "")
	case "threshold":
		return amountText(f.Threshold, "")
	case "window":
		return f.Window.String()
	case "span":
		return f.Last.Sub(f.First).Round(time.Second).String()
	case "service":
		return f.Service
	}
	return "–"
}

func addressText(f *haechi.Finding) string {
	switch {
	case f.Addr.IsValid():
		return f.Addr.String()
	case f.Client.IsValid():
		return prefixText(f.Client.String())
	}
	return "–"
}

// prefixText leaves the width of a single address out.
func prefixText(text string) string {
	if v4, ok := strings.CutSuffix(text, "/32"); ok && !strings.Contains(text, ":") {
		return v4
	}
	return strings.TrimSuffix(text, "/128")
}

func amountText(v float64, unit string) string {
	switch unit {
	case "bytes":
		for _, u := range []struct {
			name string
			size float64
		}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
			if v >= u.size {
				return fmt.Sprintf("%.1f %s", v/u.size, u.name)
			}
		}
		return fmt.Sprintf("%.0f B", v)
	case "s":
		return time.Duration(v * float64(time.Second)).Round(time.Millisecond).String()
	case "share":
		return fmt.Sprintf("%.0f %%", 100*v)
	}
	if v != float64(int64(v)) {
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	digits := strconv.FormatInt(int64(v), 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
