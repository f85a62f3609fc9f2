package console

import "net/http"

// langCookie remembers the language a person chose. It is no secret.
const langCookie = "__Host-haechi-lang"

// lang is the language of the answer: the one chosen, else the configured one,
// else what the browser asks for.
func (c *Console) lang(r *http.Request) string {
	if cookie, err := r.Cookie(langCookie); err == nil && c.deps.Texts.Speaks(cookie.Value) {
		return cookie.Value
	}
	if c.deps.Texts.Speaks(c.cfg.Language) {
		return c.cfg.Language
	}
	return c.deps.Texts.Match(r.Header.Get("Accept-Language"))
}

// text is a text of the catalogue in the language of the request.
func (c *Console) text(r *http.Request, key string, args ...any) string {
	return c.deps.Texts.Text(c.lang(r), key, args...)
}

func (c *Console) setLanguage(w http.ResponseWriter, r *http.Request) {
	if lang := r.PostFormValue("lang"); c.deps.Texts.Speaks(lang) {
		http.SetCookie(w, &http.Cookie{Name: langCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600,
			Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
	http.Redirect(w, r, localPath(r.PostFormValue("next")), http.StatusSeeOther)
}
