package console

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// previewSpan is how far back the page about exceptions looks.
const previewSpan = 7 * day

type exceptionsPage struct {
	Exceptions []haechi.Exception
	Proposals  []haechi.ExceptionProposal
	Ref        string
	Preview    *haechi.ExceptionPreview // of Ref; nil without one
}

// exceptions lists the exceptions from the WAF and what asks for more; with a reference
// it shows what an exception for it would change.
func (c *Console) exceptions(w http.ResponseWriter, r *http.Request) {
	since := c.cfg.Now().Add(-previewSpan)
	p := exceptionsPage{Ref: strings.TrimSpace(r.URL.Query().Get("ref"))}
	var err error
	if p.Exceptions, err = c.deps.Excepter.Exceptions(r.Context()); err == nil {
		p.Proposals, err = c.deps.Excepter.ProposeExceptions(r.Context(), since)
	}
	if err == nil && p.Ref != "" {
		p.Preview, err = c.previewOf(r, p.Ref, since)
	}
	answer(c, w, r, "waf", p, err)
}

func (c *Console) previewOf(r *http.Request, text string, since time.Time) (*haechi.ExceptionPreview, error) {
	ref, err := haechi.ParseReference(text)
	if err != nil {
		return nil, err
	}
	p, err := c.deps.Excepter.PreviewException(r.Context(), ref, since)
	return &p, err
}

// addException makes the exceptions that the page showed.
func (c *Console) addException(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	ref, err := haechi.ParseReference(strings.TrimSpace(r.PostFormValue("ref")))
	if err != nil {
		c.problem(w, r, err)
		return
	}
	days, err := strconv.Atoi(r.PostFormValue("days"))
	if err != nil || days < 1 || days > 365 {
		c.problem(w, r, &haechi.Error{Kind: haechi.Invalid, Op: c.text(r, "waf.title"), Msg: c.text(r, "waf.bad_days")})
		return
	}
	reason, err := c.reason(r, false)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	order := haechi.ExceptionOrder{Ref: ref, Owner: strings.TrimSpace(r.PostFormValue("owner")), Reason: reason, Until: c.cfg.Now().Add(time.Duration(days) * day)}
	made, err := c.deps.Excepter.AddException(r.Context(), op, order)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "waf.done", len(made)), "/waf")
}

func (c *Console) endException(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	reason, err := c.reason(r, true)
	if err == nil {
		_, err = c.deps.Excepter.EndException(r.Context(), op, r.PostFormValue("id"), reason)
	}
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "waf.ended"), "/waf")
}
