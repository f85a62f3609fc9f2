package waf

import (
	"bufio"
	"io/fs"
	"strconv"
	"strings"

	"haechi"
)

// known is what is read of a rule from its text.
type known struct {
	haechi.HitRule
	// adds is what one match adds to the anomaly score, 0 if none; level is the link
	// of the rule's chain that adds it, 0 for the rule itself.
	adds, level int
	denies      bool
	links       int
	phase       int      // 1 to 5
	texts       []string // of the rule and its links, where the reader keeps them
}

// The scores that rules add to: of requests, and of answers.
const (
	inbound  = "setvar:'tx.inbound_anomaly_score_pl"
	outbound = "setvar:'tx.outbound_anomaly_score_pl"
)

// index reads the rules of a ruleset. Coraza's own view of them has no links of
// chains, and most scores are added by a link.
func index(r Ruleset) (map[int]*known, error) {
	rd := reader{all: map[int]*known{}, score: inbound}
	rd.text(r.Directives())
	names, err := fs.Glob(r.Files(), "@owasp_crs/*.conf")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(r.Files(), name)
		if err != nil {
			return nil, err
		}
		rd.text(string(text))
	}
	return rd.all, nil
}

// reader notes rules as they come. The links of a chain have no id and follow their rule.
type reader struct {
	all   map[int]*known
	last  *known
	score string // which of the scores is meant
	keeps bool   // the texts of the rules
}

// text splits SecLang into directives: a backslash at the end of a line continues it.
func (rd *reader) text(text string) {
	var whole strings.Builder
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "#") {
			continue
		}
		part, more := strings.CutSuffix(line, `\`)
		whole.WriteString(part)
		if more {
			continue
		}
		rd.directive(whole.String())
		whole.Reset()
	}
}

func (rd *reader) directive(raw string) {
	switch name, _, _ := strings.Cut(raw, " "); name {
	case "SecRule", "SecAction":
	case "SecMarker":
		rd.last = nil
		return
	default:
		return
	}
	if id, ok := ruleID(raw); ok {
		rd.last = &known{HitRule: haechi.HitRule{ID: id, Message: action(raw, "msg"), Severity: severity(raw), Paranoia: paranoia(raw)},
			denies: denies(raw) && !evaluates(id), phase: phase(raw)}
		rd.all[id] = rd.last
	} else if rd.last == nil {
		return
	} else {
		rd.last.links++
	}
	if rd.keeps {
		rd.last.texts = append(rd.last.texts, raw)
	}
	if adds(raw, rd.score) {
		rd.last.adds, rd.last.level = points(rd.last.Severity), rd.last.links
	}
}

// ruleID is the number after "id:", where an action begins.
func ruleID(raw string) (int, bool) {
	for _, before := range []string{`"`, ",", " ", "\t"} {
		if _, rest, ok := strings.Cut(raw, before+"id:"); ok {
			rest = strings.TrimPrefix(rest, "'")
			end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
			id, err := strconv.Atoi(rest[:max(end, 0)])
			return id, err == nil
		}
	}
	return 0, false
}

// adds reports whether the rule or link adds to that score of a paranoia level.
func adds(raw, score string) bool { return strings.Contains(strings.ToLower(raw), score) }

// phase is that in which the rule is asked; 2 is SecLang's own.
func phase(raw string) int {
	switch p := action(raw, "phase"); p {
	case "1", "3", "4", "5":
		return int(p[0] - '0')
	case "response":
		return 4
	case "logging":
		return 5
	}
	return 2
}

// points are the Core Rule Set's own for each severity.
func points(s haechi.Severity) int {
	switch s {
	case haechi.Critical:
		return 5
	case haechi.High:
		return 4
	case haechi.Medium:
		return 3
	case haechi.Low:
		return 2
	}
	return 0
}

// severity maps SecLang's to the house's.
func severity(raw string) haechi.Severity {
	switch strings.ToUpper(action(raw, "severity")) {
	case "EMERGENCY", "ALERT", "CRITICAL", "0", "1", "2":
		return haechi.Critical
	case "ERROR", "3":
		return haechi.High
	case "WARNING", "4":
		return haechi.Medium
	case "NOTICE", "5":
		return haechi.Low
	}
	return haechi.Info
}

// evaluates reports whether the rule is one of those that compare the score with the
// threshold, which is done here.
func evaluates(id int) bool {
	return id >= 949000 && id < 950000 || id >= 959000 && id < 960000 || id >= 980000 && id < 981000
}

func paranoia(raw string) int {
	_, rest, ok := strings.Cut(raw, "paranoia-level/")
	if !ok || rest == "" || rest[0] < '1' || rest[0] > '4' {
		return 0
	}
	return int(rest[0] - '0')
}

// denies reports whether the rule's actions refuse by themselves.
func denies(raw string) bool {
	for _, word := range []string{"deny", "drop"} {
		for _, form := range []string{"," + word + ",", "," + word + `"`, `"` + word + ","} {
			if strings.Contains(raw, form) {
				return true
			}
		}
	}
	return false
}

// action is the value of an action of a rule.
func action(raw, name string) string {
	_, rest, ok := strings.Cut(raw, name+":")
	if !ok {
		return ""
	}
	end := `,"`
	if quoted, ok := strings.CutPrefix(rest, "'"); ok {
		rest, end = quoted, "'"
	}
	if i := strings.IndexAny(rest, end); i >= 0 {
		rest = rest[:i]
	}
	return rest
}
