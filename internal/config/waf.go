package config

import (
	"slices"
	"strings"

	"haechi"
)

func defaultWAF() rawWAF {
	return rawWAF{Mode: "off", Paranoia: 1, Threshold: 5, Body: mib, Oversized: "refuse", Compressed: "refuse", OnError: "refuse",
		Engine: "fast", Sample: 1000, Extra: "on", Context: "shadow", Responses: "off", OutScore: 4, OutBody: 64 * kib}
}

// WAF is what is judged of requests with their bodies.
type WAF struct {
	WAFPolicy
	Body                   int
	Partial, Inflate, Open bool
	UTF8, Extra            bool
	Context                haechi.Mode // of what parameters usually hold
	ContextScore           int         // 0: never enough by itself
	Fast                   bool
	Sample                 int // one in so many; 0: none
	Answers                WAFAnswers
	Applications           []WAFApplication
	Before, Rules          []string // files
	Routes                 []WAFRoute
	Exceptions             []haechi.Exception
}

// WAFPolicy is how strictly.
type WAFPolicy struct {
	Mode                haechi.Mode
	Paranoia, Threshold int
}

// WAFAnswers is how the answers of the server behind are judged.
type WAFAnswers struct {
	Mode            haechi.Mode
	Threshold, Body int
}

// WAFApplication is an application that is served at a path.
type WAFApplication struct{ Name, Path string }

// WAFRoute is a path with a policy of its own.
type WAFRoute struct {
	Path string
	WAFPolicy
	Answers haechi.Mode
}

func compileWAF(service string, w *rawWAF) WAF {
	out := WAF{WAFPolicy: WAFPolicy{mode(w.Mode), w.Paranoia, w.Threshold}, Body: int(w.Body), Partial: w.Oversized == "partial",
		Inflate: w.Compressed == "inflate", Open: w.OnError == "pass", UTF8: w.UTF8, Extra: w.Extra == "on", Context: mode(w.Context), ContextScore: w.Score,
		Fast: w.Engine == "fast", Sample: w.Sample, Answers: WAFAnswers{mode(w.Responses), w.OutScore, int(w.OutBody)}, Before: slices.Clone(w.Before), Rules: slices.Clone(w.Rules)}
	if w.Runs != "" {
		out.Applications = append(out.Applications, WAFApplication{w.Runs, "/"})
	}
	for _, r := range w.Routes {
		if r.Runs != "" {
			out.Applications = append(out.Applications, WAFApplication{r.Runs, r.Path})
		}
		p := out.WAFPolicy
		if r.Mode != "" {
			p.Mode = mode(r.Mode)
		}
		if r.Paranoia > 0 {
			p.Paranoia = r.Paranoia
		}
		if r.Threshold > 0 {
			p.Threshold = r.Threshold
		}
		answers := out.Answers.Mode
		if r.Responses != "" {
			answers = mode(r.Responses)
		}
		out.Routes = append(out.Routes, WAFRoute{r.Path, p, answers})
	}
	for _, x := range w.Exceptions {
		out.Exceptions = append(out.Exceptions, haechi.Exception{Service: service, Rule: x.Rule, Path: x.Path, Where: x.Variable,
			Owner: x.Owner, Reason: x.Reason, Expires: x.Expires.day()})
	}
	return out
}

func (v *validator) waf(key string, w *rawWAF) {
	seen := map[string]bool{}
	for i, r := range w.Routes {
		at := index(key+".routes", i) + ".path"
		switch {
		case !haechi.PlainPath(r.Path):
			v.wrongAt(at, "write the beginning of a path, for example /admin", "%s is no path that every server reads alike", at)
		case seen[strings.TrimSuffix(r.Path, "/")]:
			v.wrongAt(at, "leave one of them out", "the path %s is there twice", quoted(r.Path))
		}
		seen[strings.TrimSuffix(r.Path, "/")] = true
	}
	for i, x := range w.Exceptions {
		at := index(key+".exceptions", i)
		if !haechi.PlainPath(x.Path) {
			v.wrongAt(at+".path", "write the path that haechi why shows, for example /search", "%s is no path that every server reads alike", at+".path")
		}
		if x.Variable == "" {
			v.wrongAt(at+".variable", "write the variable that haechi why shows, for example ARGS:q", "%s.variable is missing", at)
		}
		if strings.TrimSpace(x.Owner) == "" {
			v.wrongAt(at+".owner", "name who answers for it", "%s.owner is missing", at)
		}
		if x.Rule == 0 {
			v.wrongAt(at+".rule", "write the rule that haechi why shows, for example 942100", "%s.rule is missing", at)
		}
		if x.Expires == "" {
			v.wrongAt(at+".expires", "write a day, for example 2027-06-30: an exception that never ends is never looked at again", "%s.expires is missing", at)
		}
	}
}
