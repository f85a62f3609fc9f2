package console

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"haechi"
)

// policy is the content security policy of every answer: own files only, no
// inline script or style, no frame, no form to elsewhere.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// maxForm bounds a posted form, in bytes.
const maxForm = 16 << 10

// outer sets the headers and refuses what another site's page sends.
func (c *Console) outer(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	refused := http.HandlerFunc(c.foreign)
	cross.SetDenyHandler(refused)
	inner := cross.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !safeMethod(r.Method) && !ownPage(r) {
			refused(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r))
		next.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		inner.ServeHTTP(w, r)
	})
}

// bodyLimit leaves the JSON interface its own, larger bound.
func bodyLimit(r *http.Request) int64 {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		return 1 << 20
	}
	return maxForm
}

func safeMethod(m string) bool {
	return m == http.MethodGet || m == http.MethodHead || m == http.MethodOptions
}

// ownPage wants positive evidence that a change was sent by a page of this very
// origin. A browser always gives some; what gives none has no business posting
// with a session cookie. Under our referrer policy a browser sends the Origin of
// a form as "null", but says where it came from in Sec-Fetch-Site.
func ownPage(r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site == "same-origin" && (origin == "" || origin == "null") {
		return true
	}
	return (site == "" || site == "same-origin") && ownOrigin(r)
}

// ownOrigin reports whether the Origin header names this very origin.
func ownOrigin(r *http.Request) bool {
	u, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && u.Scheme == "https" && strings.EqualFold(u.Host, r.Host)
}

func (c *Console) foreign(w http.ResponseWriter, r *http.Request) {
	c.problem(w, r, &haechi.Error{Kind: haechi.Denied, Op: c.text(r, "error.change"),
		Msg: c.text(r, "error.foreign"), Hint: c.text(r, "error.foreign_hint")})
}

// withSession loads the session. A poll and the live stream only look at it: they
// do not keep an idle session alive.
func (c *Console) withSession(next http.Handler) http.Handler {
	saving := c.sessions.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/static/") || strings.HasPrefix(r.URL.Path, "/vendor/") {
			next.ServeHTTP(w, r)
			return
		}
		if !background(r) {
			saving.ServeHTTP(w, r)
			return
		}
		var token string
		if cookie, err := r.Cookie(c.sessions.Cookie.Name); err == nil {
			token = cookie.Value
		}
		ctx, err := c.sessions.Load(r.Context(), token)
		if err != nil {
			c.sessions.ErrorFunc(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func background(r *http.Request) bool {
	return r.URL.Path == "/overview/part" || upgrades(r) || r.URL.Path == "/api/v1/events/follow"
}

func upgrades(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") }

// operatorKey is the context key of the operator.
type operatorKey struct{}

// OperatorOf returns the operator whose session the request belongs to.
func OperatorOf(r *http.Request) (haechi.Operator, bool) {
	op, ok := r.Context().Value(operatorKey{}).(haechi.Operator)
	return op, ok
}

// operatorsOnly lets requests with a valid session through, and notes from where.
func (c *Console) operatorsOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, err := c.sessionUser(r)
		switch {
		case err != nil:
			c.problem(w, r, err)
		case name == "":
			c.toLogin(w, r)
		default:
			c.store.touch(c.sessions.Token(r.Context()), peer(r))
			op := haechi.Operator{Name: name, Via: "console"}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), operatorKey{}, op)))
		}
	})
}

// toLogin sends a page to the login, and tells everything else that it may not.
func (c *Console) toLogin(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/overview/part":
		w.Header().Set("HX-Redirect", "/login") // the whole page moves, not the part
		w.WriteHeader(http.StatusUnauthorized)
	case strings.HasPrefix(r.URL.Path, "/api/") || upgrades(r) || !safeMethod(r.Method):
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":{"kind":"denied","message":"nobody is logged in","hint":"log in at /login"}}` + "\n"))
	default:
		target := "/login"
		if next := r.URL.RequestURI(); next != "/" {
			target += "?next=" + url.QueryEscape(next)
		}
		http.Redirect(w, r, target, http.StatusSeeOther)
	}
}

// peer is the address that the request came from; the console stands behind no proxy.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// localPath returns the path to go on to after a form, if it stays on this origin.
func localPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(text, "/") ||
		strings.HasPrefix(text, "//") || strings.ContainsAny(text, "\\\r\n\t") {
		return "/"
	}
	return text
}
