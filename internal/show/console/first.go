package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	"haechi"
)

// link is the one login link that may be outstanding. It keeps a hash only.
type link struct {
	ttl   time.Duration
	mu    sync.Mutex
	sum   [sha256.Size]byte
	until time.Time
}

func (l *link) make(now time.Time) string {
	token := rand.Text() + rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum, l.until = sha256.Sum256([]byte(token)), now.Add(l.ttl)
	return token
}

func (l *link) valid(token string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fits(token, now)
}

func (l *link) fits(token string, now time.Time) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], l.sum[:]) == 1 && now.Before(l.until)
}

// take uses the link up: of two that come at once, one gets it. It returns until
// when it was valid, to give it back.
func (l *link) take(token string, now time.Time) (until time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.fits(token, now) {
		return time.Time{}, false
	}
	until, l.until = l.until, time.Time{}
	return until, true
}

// giveBack makes a taken link valid again: the account could not be written.
func (l *link) giveBack(token string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until.IsZero() && l.sum == sha256.Sum256([]byte(token)) {
		l.until = until
	}
}

// HasOperator reports whether anybody can log in already.
func (c *Console) HasOperator(ctx context.Context) (bool, error) { return c.users.exists(ctx) }

// LoginLink makes a one-time link, as a path with its query, by which an operator
// chooses a name and a password. A link made before is void. It also serves to
// replace a forgotten password, so whoever prints it must be on the machine.
func (c *Console) LoginLink() string { return "/login/first?token=" + c.link.make(c.cfg.Now()) }

type firstForm struct {
	Token, Name string
	Problem     string // a catalogue key
}

func (c *Console) firstPage(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("token")
	if !c.link.valid(token, c.cfg.Now()) {
		c.voidLink(w, r)
		return
	}
	c.render(w, r, http.StatusOK, "first", firstForm{Token: token})
}

func (c *Console) voidLink(w http.ResponseWriter, r *http.Request) {
	c.loginEvent(r, "", false, 0)
	c.problem(w, r, &haechi.Error{Kind: haechi.Denied, Op: c.text(r, "first.title"),
		Msg: c.text(r, "first.void"), Hint: c.text(r, "first.void_hint")})
}

// first makes the account and logs it in. The link is used up only by an account
// that was written.
func (c *Console) first(w http.ResponseWriter, r *http.Request) {
	now := c.cfg.Now()
	f := firstForm{Token: r.PostFormValue("token"), Name: strings.TrimSpace(r.PostFormValue("name"))}
	password := r.PostFormValue("password")
	if !c.link.valid(f.Token, now) {
		c.voidLink(w, r)
		return
	}
	switch {
	case !goodName(f.Name):
		f.Problem = "first.bad_name"
	case !goodPassword(password):
		f.Problem = "first.bad_password"
	case password != r.PostFormValue("again"):
		f.Problem = "first.differ"
	}
	if f.Problem != "" {
		c.render(w, r, http.StatusUnprocessableEntity, "first", f)
		return
	}
	until, ok := c.link.take(f.Token, now)
	if !ok {
		c.voidLink(w, r)
		return
	}
	hash, err := c.hashes.make(r.Context(), password)
	if err == nil {
		err = c.deps.Settings.SetSetting(r.Context(), userPrefix+f.Name, []byte(hash), time.Time{})
	}
	if err != nil {
		c.link.giveBack(f.Token, until)
		c.problem(w, r, err)
		return
	}
	c.enter(w, r, f.Name, hash, "/")
}
