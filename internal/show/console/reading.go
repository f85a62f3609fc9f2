package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"haechi"
)

type whyPage struct {
	Query   string
	Answer  *haechi.Explanation
	Nothing bool
	Now     time.Time
}

// found reports whether there is anything to show.
func found(e *haechi.Explanation) bool {
	return len(e.Refusals)+len(e.Findings)+len(e.Decisions)+len(e.Incidents) > 0 || e.Device != nil || e.Protected != ""
}

func (c *Console) why(w http.ResponseWriter, r *http.Request) {
	p := whyPage{Query: strings.TrimSpace(r.URL.Query().Get("q")), Now: c.cfg.Now()}
	if p.Query == "" {
		c.render(w, r, http.StatusOK, "why", p)
		return
	}
	e, err := c.deps.Explainer.Why(r.Context(), p.Query[:min(len(p.Query), 512)])
	switch {
	case err == nil && found(&e):
		p.Answer = &e
	case err == nil, haechi.KindOf(err) == haechi.NotFound, haechi.KindOf(err) == haechi.Invalid:
		p.Nothing = true
	default:
		c.problem(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "why", p)
}

func (c *Console) incidents(w http.ResponseWriter, r *http.Request) {
	all, err := c.deps.Watcher.Incidents(r.Context(), maxRows)
	answer(c, w, r, "incidents", all, err)
}

func (c *Console) rules(w http.ResponseWriter, r *http.Request) {
	all, err := c.deps.Explainer.Rules(r.Context())
	answer(c, w, r, "rules", all, err)
}

func (c *Console) status(w http.ResponseWriter, r *http.Request) {
	s, err := c.deps.Watcher.Status(r.Context())
	answer(c, w, r, "status", s, err)
}

func (c *Console) audit(w http.ResponseWriter, r *http.Request) {
	all, err := c.deps.Keeper.Audit(r.Context(), maxRows)
	answer(c, w, r, "audit", all, err)
}

// answer renders an answer, or the error that came instead.
func answer[T any](c *Console, w http.ResponseWriter, r *http.Request, page string, data T, err error) {
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, page, data)
}

func (c *Console) verifyAudit(w http.ResponseWriter, r *http.Request) {
	n, err := c.deps.Keeper.VerifyAudit(r.Context())
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "audit.verified", number(n)), "/audit")
}

func (c *Console) undo(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	seq, err := strconv.ParseUint(r.PostFormValue("entry"), 10, 64)
	if err != nil {
		c.problem(w, r, &haechi.Error{Kind: haechi.Invalid, Op: c.text(r, "audit.undo"), Msg: c.text(r, "audit.bad_entry")})
		return
	}
	if err := c.deps.Keeper.Undo(r.Context(), op, seq); err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "audit.undone", seq), "/audit")
}

func (c *Console) reload(w http.ResponseWriter, r *http.Request) {
	op, _ := OperatorOf(r)
	if err := c.deps.Keeper.Reload(r.Context(), op); err != nil {
		c.problem(w, r, err)
		return
	}
	c.done(w, r, c.text(r, "gateway.reloaded_now"), "/status")
}

type reportsPage struct {
	Names []string
	Table *haechi.Table
	// Numbers says which columns hold numbers only.
	Numbers []bool
}

func (c *Console) reports(w http.ResponseWriter, r *http.Request) {
	p := reportsPage{Names: c.deps.Explainer.Reports(r.Context())}
	name := r.URL.Query().Get("name")
	if !slices.Contains(p.Names, name) && len(p.Names) > 0 {
		name = p.Names[0]
	}
	if name != "" {
		t, err := c.deps.Explainer.Report(r.Context(), name)
		if err != nil {
			c.problem(w, r, err)
			return
		}
		p.Table, p.Numbers = &t, numeric(&t)
	}
	c.render(w, r, http.StatusOK, "reports", p)
}

// numeric finds the columns that hold numbers only, which are set to the right.
func numeric(t *haechi.Table) []bool {
	out := make([]bool, len(t.Columns))
	for i := range out {
		out[i] = len(t.Rows) > 0 && !slices.ContainsFunc(t.Rows, func(row []string) bool {
			_, err := strconv.ParseFloat(row[i], 64)
			return err != nil
		})
	}
	return out
}
