package app

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/applications"
	"haechi/internal/inspect/waf/exceptions"
)

// maxRuleFile bounds a file of SecLang rules, in bytes.
const maxRuleFile = 4 << 20

// newWaf loads the rules of all services that have a WAF. To the exceptions of the
// configuration come those that operators made, asked for each request with hits. Engines come from the cache,
// which afterwards holds those of this configuration and of the one that runs.
func newWaf(cfg *config.Config, e *engines, usual waf.Context, made func() []haechi.Exception) (*waf.Waf, map[ruling]bool, error) {
	used := map[ruling]bool{}
	out := waf.Config{Services: map[string]waf.Service{}, Context: usual}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if s.Kind != kindHTTP {
			continue
		}
		ready, err := wafService(&s.WAF)
		if err != nil {
			return nil, nil, err
		}
		ready.Engine = func(r waf.Ruleset) (waf.Engine, error) {
			which := ruling{rules: r, fast: s.WAF.Fast}
			if s.WAF.Fast {
				which.sample = uint64(s.WAF.Sample)
			}
			used[which] = true
			return e.of(which)
		}
		ready.Answers.Engine = func(r waf.Ruleset) (waf.AnswerEngine, error) {
			which := ruling{rules: answerRules(r), fast: s.WAF.Fast, answers: true}
			used[which] = true
			return e.ofAnswers(which)
		}
		out.Services[s.Name] = ready
	}
	fixed := fixedExceptions(cfg)
	out.Exceptions = func() []haechi.Exception { return slices.Concat(fixed, made()) }
	w, err := waf.New(out)
	return w, used, err
}

// fixedExceptions are those of the configuration.
func fixedExceptions(cfg *config.Config) (out []haechi.Exception) {
	for i := range cfg.Services {
		if s := &cfg.Services[i]; s.Kind == kindHTTP {
			out = append(out, s.WAF.Exceptions...)
			for _, a := range s.WAF.Applications {
				out = append(out, applications.Exceptions(s.Name, a.Name, a.Path)...)
			}
		}
	}
	return out
}

// excepting is the exceptions that count: those of the present configuration, and those
// that operators made.
type excepting struct {
	*exceptions.Book
	e *estate
}

func (x excepting) Exceptions() []haechi.Exception {
	if w := x.e.current.Load(); w != nil {
		return slices.Concat(fixedExceptions(w.cfg), x.All())
	}
	return x.All()
}

func wafService(c *config.WAF) (waf.Service, error) {
	out := waf.Service{Policy: waf.Policy(c.WAFPolicy), Partial: c.Partial, Open: c.Open,
		Rules:   waf.Ruleset{MaxBody: c.Body, UTF8: c.UTF8, Inflated: c.Inflate, Extra: c.Extra},
		Context: c.Context, ContextScore: c.ContextScore,
		Answers: waf.AnswerPolicy{Mode: c.Answers.Mode, Threshold: c.Answers.Threshold, MaxBody: c.Answers.Body}}
	for _, r := range c.Routes {
		out.Routes = append(out.Routes, waf.Route{Path: r.Path, Policy: waf.Policy(r.WAFPolicy), Answers: r.Answers})
	}
	var e1, e2 error
	out.Rules.Before, e1 = ruleFiles(c.Before)
	out.Rules.After, e2 = ruleFiles(c.Rules)
	return out, errors.Join(e1, e2)
}

// ruleFiles reads files of rules one after the other.
func ruleFiles(names []string) (string, error) {
	var b strings.Builder
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return "", &haechi.Error{Kind: haechi.NotFound, Op: "read the rules of the WAF", Err: err, Hint: "correct waf.rules; files are relative to the configuration"}
		}
		_, err = io.Copy(&b, io.LimitReader(f, maxRuleFile))
		err = errors.Join(err, f.Close())
		if err != nil {
			return "", &haechi.Error{Kind: haechi.Invalid, Op: "read the rules of the WAF", Err: err, Hint: "correct waf.rules"}
		}
		if b.Len() >= maxRuleFile {
			return "", &haechi.Error{Kind: haechi.Invalid, Op: "read " + name, Msg: "the rules are longer than 4 MiB", Hint: "split or shorten them"}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// besideRules makes the paths of rule files relative to the configuration's.
func besideRules(w *config.WAF, beside func(string) string) {
	for _, list := range [][]string{w.Before, w.Rules} {
		for i := range list {
			list[i] = beside(list[i])
		}
	}
}

// checkWaf loads the rules of every service that has a WAF.
func checkWaf(cfg *config.Config) error {
	if !slices.ContainsFunc(cfg.Services, func(s config.Service) bool { return s.Kind == kindHTTP }) {
		return nil
	}
	_, _, err := newWaf(cfg, &engines{}, nil, func() []haechi.Exception { return nil })
	return err
}
