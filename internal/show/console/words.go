package console

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"haechi"
	"haechi/internal/show/catalogue"
)

// words are the functions of the templates, for one language.
type words struct {
	texts *catalogue.Catalogue
	lang  string
	cfg   *Config
	files *assets
}

func (w *words) funcs() template.FuncMap {
	return template.FuncMap{
		"t":        w.t,
		"enum":     w.enum,
		"asset":    w.files.url,
		"when":     w.when,
		"zone":     w.cfg.Zone.String,
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"ago":      w.ago,
		"length":   w.length,
		"offset":   offset,
		"num":      number,
		"amount":   amount,
		"dict":     dict,
		"join":     func(all []string) string { return strings.Join(all, ", ") },
		"clean":    clean,
		"describe": func(report string) string { return w.texts.Or(w.lang, "reports."+report, "") },
		"advice":   func(r haechi.Reason) string { return w.texts.Or(w.lang, "remedy."+string(r), "") },
		"title":    func(rule string) string { return w.cfg.RuleTitle(rule, w.lang) },
		"sentence": func(f haechi.Finding) string { return w.cfg.Sentence(&f, w.lang) },
	}
}

func (w *words) t(key string, args ...any) string { return w.texts.Text(w.lang, key, args...) }

// enum is the text of a value of a closed set, for example enum "status" .Status.
func (w *words) enum(set string, v any) string {
	code := fmt.Sprint(v)
	if code == "" {
		return ""
	}
	return w.texts.Or(w.lang, set+"."+code, code)
}

// when is a time as the configured zone has it, empty for none.
func (w *words) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(w.cfg.Zone).Format("2006-01-02 15:04:05 MST")
}

// ago is how long ago, or in how long, a time is.
func (w *words) ago(t time.Time) string {
	if t.IsZero() {
		return w.t("time.never")
	}
	d := w.cfg.Now().Sub(t)
	switch {
	case d < 0:
		return w.t("time.in", w.length(-d))
	case d < 2*time.Second:
		return w.t("time.now")
	}
	return w.t("time.ago", w.length(d))
}

// length is a duration for a person.
func (w *words) length(d time.Duration) string { return w.texts.Length(w.lang, d) }

// offset is a clock's difference to the tenth of a second, with its sign.
func offset(d time.Duration) string {
	d = d.Round(100 * time.Millisecond)
	if d > 0 {
		return "+" + d.String()
	}
	return d.String()
}

// number groups the digits before the point.
func number(v any) string {
	digits, fraction, _ := strings.Cut(fmt.Sprint(v), ".")
	if fraction != "" {
		fraction = "." + fraction
	}
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + fraction
}

// amount writes an observed value or threshold without a needless fraction: two
// decimals below 100, none above.
func amount(v float64) string {
	decimals := 100.0
	if math.Abs(v) >= 100 {
		decimals = 1
	}
	if math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	v = math.Round(v*decimals) / decimals
	if v == math.Trunc(v) {
		return number(int64(v))
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// dict passes several values to a block.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, &haechi.Error{Kind: haechi.Internal, Op: "render", Msg: "dict wants names"}
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}
