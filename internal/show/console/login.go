package console

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"haechi"
)

// loginRule names the login limit in events and references.
const loginRule = "console/login"

type loginForm struct {
	Name, Next string
	Problem    string // a catalogue key
	Ref        haechi.Reference
	Empty      bool // nobody can log in yet
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) {
	if name, err := c.sessionUser(r); err == nil && name != "" {
		http.Redirect(w, r, localPath(r.URL.Query().Get("next")), http.StatusSeeOther)
		return
	}
	some, err := c.users.exists(r.Context())
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "login", loginForm{Next: localPath(r.URL.Query().Get("next")), Empty: !some})
}

// login checks a name and a password. Every refusal looks alike, takes alike long
// and carries a reference.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	now, client := c.cfg.Now(), c.cfg.Client(peer(r))
	f := loginForm{Name: r.PostFormValue("name"), Next: localPath(r.PostFormValue("next"))}
	if wait, ok := c.attempts.charge(client, now); !ok {
		f.Ref, f.Problem = c.loginEvent(r, "", false, c.cfg.Failures+1), "login.too_many"
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		c.refuseLogin(w, r, http.StatusTooManyRequests, f)
		return
	}
	hash, err := c.users.hash(r.Context(), f.Name)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	password := r.PostFormValue("password")
	ok, err := c.hashes.check(r.Context(), password[:min(len(password), maxPassword+1)], hash)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	if !ok {
		f.Ref, f.Problem = c.loginEvent(r, "", false, 0), "login.wrong"
		c.refuseLogin(w, r, http.StatusForbidden, f)
		return
	}
	c.attempts.refund(client, now)
	c.enter(w, r, f.Name, hash, f.Next)
}

func (c *Console) refuseLogin(w http.ResponseWriter, r *http.Request, status int, f loginForm) {
	w.Header().Set("X-Haechi-Ref", string(f.Ref))
	c.render(w, r, status, "login", f)
}

// enter begins the operator's session under a new token, so that one that was
// known before the login is worth nothing.
func (c *Console) enter(w http.ResponseWriter, r *http.Request, name, hash, next string) {
	ctx := r.Context()
	if err := c.sessions.Clear(ctx); err != nil {
		c.problem(w, r, err)
		return
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		c.problem(w, r, err)
		return
	}
	c.sessions.Put(ctx, "user", name)
	c.sessions.Put(ctx, "stamp", stamp(hash))
	c.loginEvent(r, name, true, 0)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	if err := c.sessions.Destroy(r.Context()); err != nil {
		c.problem(w, r, err)
		return
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// loginEvent tells the pipeline of a login. The name is given only when it was
// proved: people type passwords into name fields. observed is above the limit
// when the limit refused.
func (c *Console) loginEvent(r *http.Request, name string, ok bool, observed int) haechi.Reference {
	addr, now := peer(r), c.cfg.Now()
	e := haechi.Event{Time: now.UTC(), Kind: haechi.KindAuth, Outcome: haechi.Success, Service: "console",
		Actor: haechi.Actor{Addr: addr, Client: c.cfg.Client(addr), Assurance: haechi.Handshaken}}
	if ok {
		e.User, e.Assurance, e.Text = name, haechi.Authenticated, "console login"
	} else {
		e.Outcome, e.Reason, e.Severity = haechi.Failure, haechi.ReasonLogin, haechi.Medium
		e.Verdict, e.Rule, e.Text = haechi.Deny, loginRule, "console login failed"
		e.Ref = haechi.NewReference(loginRule, e.Client.String(), now)
	}
	if observed > 0 {
		e.Observed, e.Threshold = float64(observed), float64(c.cfg.Failures)
		e.Text = "console login refused: more than " + strconv.Itoa(c.cfg.Failures) + " failures in " + c.cfg.Within.Round(time.Second).String()
	}
	c.deps.Sink.Emit(&e)
	return e.Ref
}
