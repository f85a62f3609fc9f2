package catalogue

import (
	"fmt"
	"strconv"
	"strings"
)

// The languages, by their BCP 47 codes.
const (
	English = "en"
	Korean  = "ko"
)

// text is one key in both languages. {0}, {1} … stand for the arguments.
type text struct {
	key, en, ko string
}

// Catalogue finds texts. It is immutable and safe for concurrent use.
type Catalogue struct {
	texts map[string]map[string]string // by language, then key
}

// New makes the catalogue.
func New() *Catalogue {
	c := &Catalogue{texts: map[string]map[string]string{English: {}, Korean: {}}}
	for _, part := range tables() {
		for _, t := range part {
			c.texts[English][t.key] = t.en
			c.texts[Korean][t.key] = t.ko
		}
	}
	return c
}

// tables are the parts of the list.
func tables() [][]text {
	return [][]text{reasons(), enums(), shared(), overview(), live(), devices(), fleet(), decisions(), why(), keeping(), reporting(), login(), cli(), cliPeers(), usage(), starting(), heads(), columns(), explaining(), ruling(), remedies(), profiling(), visiting(), comparing(), playing(), attacking(), draining(), packets(), waf()}
}

// Languages lists the languages, the default first.
func (c *Catalogue) Languages() []string { return []string{English, Korean} }

// Speaks reports whether the language is one of them.
func (c *Catalogue) Speaks(lang string) bool { return c.texts[lang] != nil }

// Has reports whether the key exists.
func (c *Catalogue) Has(key string) bool { _, ok := c.texts[English][key]; return ok }

// Text returns the text for a key with its placeholders filled. An unknown
// language is English. An unknown key is returned in brackets, which a test of
// every user of the catalogue looks for.
func (c *Catalogue) Text(lang, key string, args ...any) string {
	texts, ok := c.texts[lang]
	if !ok {
		texts = c.texts[English]
	}
	s, ok := texts[key]
	if !ok {
		return "[" + key + "]"
	}
	return fill(s, args)
}

// Or is Text for a key that may be missing: a value that a later version of the
// dictionary has is shown as its code.
func (c *Catalogue) Or(lang, key, fallback string) string {
	if !c.Has(key) {
		return fallback
	}
	return c.Text(lang, key)
}

// fill replaces the placeholders in one pass, so that an argument that looks like
// a placeholder stays as it is.
func fill(s string, args []any) string {
	if len(args) == 0 || !strings.Contains(s, "{") {
		return s
	}
	pairs := make([]string, 0, 2*len(args))
	for i, a := range args {
		pairs = append(pairs, "{"+strconv.Itoa(i)+"}", fmt.Sprint(a))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// Match picks the language that an Accept-Language header (RFC 9110, 12.5.4)
// prefers; English if it prefers neither.
func (c *Catalogue) Match(header string) string {
	best, weight := English, 0.0
	for i, part := range strings.Split(header, ",") {
		if i == 20 {
			break // no honest browser sends more
		}
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		lang, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if q := quality(params); c.Speaks(lang) && q > weight {
			best, weight = lang, q
		}
	}
	return best
}

func quality(params string) float64 {
	text, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || q < 0 || q > 1 {
		return 0
	}
	return q
}
