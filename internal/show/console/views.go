package console

import (
	"bytes"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strings"

	"haechi"
	"haechi/internal/show"
	"haechi/internal/show/catalogue"
)

// views are the parsed templates: one set a language, in it one a page.
type views struct {
	byLang map[string]map[string]*template.Template
}

// frame is what the layout shows around every page's own data.
type frame struct {
	Lang, Page, Path, User, Notice string
	Languages                      []string
	Data                           any
}

func loadViews(cfg *Config, texts *catalogue.Catalogue, files *assets) (*views, error) {
	names, err := fs.Glob(cfg.Assets, "templates/*.html")
	if err != nil {
		return nil, err
	}
	v := &views{byLang: map[string]map[string]*template.Template{}}
	for _, lang := range texts.Languages() {
		set := map[string]*template.Template{}
		funcs := (&words{texts: texts, lang: lang, cfg: cfg, files: files}).funcs()
		for _, name := range names {
			page := strings.TrimSuffix(path.Base(name), ".html")
			if page == "layout" || page == "partials" {
				continue
			}
			t, err := template.New("layout.html").Funcs(funcs).ParseFS(cfg.Assets, "templates/layout.html", "templates/partials.html", name)
			if err != nil {
				return nil, err
			}
			set[page] = t
		}
		v.byLang[lang] = set
	}
	return v, nil
}

// render writes a page. It is rendered whole before the first byte goes out, so
// that a failing template never leaves half a page.
func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, page string, data any) {
	c.write(w, r, status, page, "layout.html", data)
}

func (c *Console) write(w http.ResponseWriter, r *http.Request, status int, page, block string, data any) {
	lang := c.lang(r)
	f := frame{Lang: lang, Page: page, Path: r.URL.RequestURI(), Languages: c.deps.Texts.Languages(), Data: data}
	if !safeMethod(r.Method) {
		f.Path = r.URL.Path
	}
	if op, ok := OperatorOf(r); ok {
		f.User = op.Name
		f.Notice = c.sessions.PopString(r.Context(), "notice")
	}
	var b bytes.Buffer
	if err := c.views.byLang[lang][page].ExecuteTemplate(&b, block, f); err != nil {
		c.cfg.Log.LogAttrs(r.Context(), slog.LevelError, "a page could not be rendered", slog.String("page", page), slog.Any("error", err))
		http.Error(w, c.text(r, "error.internal"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", lang)
	w.Header().Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the peer went away: nothing is left to tell it
}

// done notes what was done and goes on to a page that shows it.
func (c *Console) done(w http.ResponseWriter, r *http.Request, notice, next string) {
	c.sessions.Put(r.Context(), "notice", notice)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

type trouble struct {
	Op, Msg, Hint string
}

// problem shows an error. The text of an internal one stays in the log.
func (c *Console) problem(w http.ResponseWriter, r *http.Request, err error) {
	kind := haechi.KindOf(err)
	t := trouble{Op: c.text(r, "error.title"), Msg: c.text(r, "error.internal"), Hint: c.text(r, "error.internal_hint")}
	e, ok := asError(err)
	shown := ok && kind != haechi.Internal && (tellsNothing(e) || loggedIn(r))
	if shown {
		t = trouble{Op: e.Op, Msg: e.Msg, Hint: e.Hint}
		if e.Err != nil && e.Msg == "" {
			t.Msg = e.Err.Error()
		}
	}
	if !shown || kind == haechi.Unavailable {
		c.cfg.Log.LogAttrs(r.Context(), slog.LevelError, "a page failed", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	c.render(w, r, show.StatusOf(kind), "error", t)
}

// tellsNothing reports whether somebody who is not logged in may read the error:
// the console's own refusals, such as a used link, and no text of a part behind it.
func tellsNothing(e *haechi.Error) bool {
	return e.Err == nil && e.Msg != "" && e.Kind != haechi.Unavailable
}

func loggedIn(r *http.Request) bool {
	_, ok := OperatorOf(r)
	return ok
}
