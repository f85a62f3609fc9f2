package httpgate

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"haechi"
)

const (
	maxReport      = 64 << 10 // bytes of one POST
	maxViolations  = 20       // of one POST
	maxReportText  = 200      // bytes of each text in it
	maxDistinct    = 512      // different violations a minute and gate
	reportsForgets = time.Minute
)

// violation is what a browser blocked, or would have. Everything in it is whatever
// the client chose to write.
type violation struct {
	directive, blocked, source string
	document                   string // path
	line                       int
	reportOnly                 bool
}

// reported are the violations of the present minute: equal ones are told once, since
// a page with one mistake makes every visitor report it.
type reported struct {
	mu    sync.Mutex
	since time.Time
	seen  map[violation]struct{}
}

// fresh reports whether a violation is to be told.
func (r *reported) fresh(v violation, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil || now.Sub(r.since) >= reportsForgets {
		r.since, r.seen = now, make(map[violation]struct{})
	}
	_, known := r.seen[v]
	if known || len(r.seen) >= maxDistinct {
		return false
	}
	r.seen[v] = struct{}{}
	return true
}

// isReport reports whether the request is a browser's about this site's policy.
func (x *exchange) isReport() bool {
	p := x.site.protection
	return p != nil && p.csp != nil && x.in.path == ReportPath
}

// collect takes a browser's report. It leads to no finding: anybody can write one.
func (x *exchange) collect() {
	if x.in.method != http.MethodPost {
		x.refuse(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonMalformed, Rule: RuleMethod}, http.StatusMethodNotAllowed)
		return
	}
	r := x.r
	if r.ContentLength != 0 {
		r = x.guardBody(r)
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxReport+1))
	if err == nil && len(raw) > maxReport {
		err = errors.New("too long")
	}
	list, perr := violations(raw)
	if err != nil || perr != nil {
		x.refuse(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonMalformed, Rule: RuleReport}, http.StatusBadRequest)
		return
	}
	for _, v := range list {
		x.tell(v)
	}
	x.WriteHeader(http.StatusNoContent)
}

func (x *exchange) tell(v violation) {
	now := x.g.deps.Now()
	if !x.g.reported.fresh(v, now) {
		x.g.counts.reportsDropped.Add(1)
		return
	}
	text := "blocked " + v.blocked
	if v.source != "" {
		text += " in " + v.source + ":" + strconv.Itoa(v.line)
	}
	e := haechi.Event{Time: now.UTC(), Kind: haechi.KindSystem, Service: x.site.service, Actor: x.actor, Session: x.c.session,
		Reason: haechi.ReasonCSP, Rule: "csp/" + v.directive, Shadow: v.reportOnly, Host: plainHost(x.in.host), Path: v.document,
		Severity: haechi.Low, Text: text}
	x.g.deps.Sink.Emit(&e)
}

// report is one entry in either of the forms that browsers send: report-uri (CSP2)
// and report-to (Reporting API).
type report struct {
	Legacy *legacyReport `json:"csp-report"`
	Type   string        `json:"type"`
	Body   struct {
		Document    string `json:"documentURL"`
		Directive   string `json:"effectiveDirective"`
		Blocked     string `json:"blockedURL"`
		Source      string `json:"sourceFile"`
		Line        int    `json:"lineNumber"`
		Disposition string `json:"disposition"`
	} `json:"body"`
}

type legacyReport struct {
	Document    string `json:"document-uri"`
	Directive   string `json:"effective-directive"`
	Violated    string `json:"violated-directive"`
	Blocked     string `json:"blocked-uri"`
	Source      string `json:"source-file"`
	Line        int    `json:"line-number"`
	Disposition string `json:"disposition"`
}

// violations reads a POST's body. Reports of other types are passed over.
func violations(raw []byte) ([]violation, error) {
	var list []report
	if err := json.Unmarshal(raw, &list); err != nil {
		var one report
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, err
		}
		list = []report{one}
	}
	var out []violation
	for _, r := range list[:min(len(list), maxViolations)] {
		if l := r.Legacy; l != nil {
			directive := l.Directive
			if directive == "" {
				directive, _, _ = strings.Cut(l.Violated, " ")
			}
			out = append(out, newViolation(directive, l.Document, l.Blocked, l.Source, l.Line, l.Disposition))
		} else if b := r.Body; r.Type == "csp-violation" {
			out = append(out, newViolation(b.Directive, b.Document, b.Blocked, b.Source, b.Line, b.Disposition))
		}
	}
	return out, nil
}

func newViolation(directive, document, blocked, source string, line int, disposition string) violation {
	v := violation{directive: directiveName(directive), blocked: bare(blocked), source: bare(source), line: max(line, 0),
		reportOnly: disposition == "report"}
	if u, err := url.Parse(document); err == nil {
		v.document = tidy(u.Path)
	}
	return v
}

// directiveName keeps a rule's name to the letters that directives have.
func directiveName(s string) string {
	if s == "" || len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return "other"
	}
	return s
}

// bare is a URL without what may be private: user, query and fragment. A keyword
// such as inline or eval stays as it is.
func bare(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "?"
	}
	if u.Scheme == "data" || u.Opaque != "" {
		return tidy(u.Scheme)
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return tidy(u.String())
}

// tidy takes what acts on a terminal out of a text and bounds it.
func tidy(s string) string {
	return bounded(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s), maxReportText)
}
