package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"haechi/internal/show/catalogue"
)

// printer writes results in the operator's language: JSON when asked for, which
// is never translated, tables on a terminal, tab-separated lines otherwise.
type printer struct {
	out      *sticky
	err      io.Writer
	json     bool
	terminal bool
	color    bool
	lang     string
	texts    *catalogue.Catalogue
	zone     *time.Location
}

func newPrinter(out, err io.Writer, env func(string) string) *printer {
	p := &printer{out: &sticky{w: out}, err: err, texts: catalogue.New(), zone: time.Local}
	p.lang = language(p.texts, env)
	if f, ok := out.(*os.File); ok {
		if st, err := f.Stat(); err == nil {
			p.terminal = st.Mode()&os.ModeCharDevice != 0
		}
	}
	p.color = p.colored(env)
	// In a Korean locale the library would take its own table borders for double
	// width. No terminal does, and Korean letters are wide in any case.
	text.OverrideRuneWidthEastAsianWidth(false)
	return p
}

// colored follows no-color.org: only a terminal that is not asked to be plain.
func (p *printer) colored(env func(string) string) bool {
	return p.terminal && env("NO_COLOR") == "" && env("TERM") != "dumb"
}

// language is the first of the locale variables that is set (POSIX, 8.2); what the
// catalogue does not speak is English.
func language(c *catalogue.Catalogue, env func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			lang, _, _ := strings.Cut(strings.ReplaceAll(v, "-", "_"), "_")
			lang, _, _ = strings.Cut(lang, ".")
			if c.Speaks(lang) {
				return lang
			}
			break
		}
	}
	return catalogue.English
}

// t is a text of the catalogue. Its arguments are cleaned: nothing in them can end
// the line or act on the terminal.
func (p *printer) t(key string, args ...any) string {
	safe := make([]any, len(args))
	for i, a := range args {
		safe[i] = cell(fmt.Sprint(a))
	}
	return p.texts.Text(p.lang, key, safe...)
}

// say prints a text of the catalogue as a line.
func (p *printer) say(key string, args ...any) { p.line(p.t(key, args...)) }

// line prints one line.
func (p *printer) line(s string) { fmt.Fprintln(p.out, cell(s)) }

// head prints a line that stands out on a terminal.
func (p *printer) head(s string) {
	s = cell(s)
	if p.color {
		s = text.Bold.Sprint(s)
	}
	fmt.Fprintln(p.out, s)
}

// show prints v as JSON, or lets human print it.
func (p *printer) show(v any, human func()) error {
	if !p.json {
		human()
		return nil
	}
	return p.encode(v, "  ")
}

// encode writes one JSON value and a newline.
func (p *printer) encode(v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", indent)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := p.out.Write(inert(b.Bytes()))
	return err
}

// table prints rows under the headings of these keys; without rows it says so.
func (p *printer) table(heads []string, rows [][]string) {
	titles := make([]string, len(heads))
	for i, h := range heads {
		titles[i] = p.t("head." + h)
	}
	p.grid(titles, rows)
}

// grid is table with the headings as they are.
func (p *printer) grid(titles []string, rows [][]string) {
	switch {
	case !p.terminal:
		p.lines(titles)
		for _, r := range rows {
			p.lines(r)
		}
		return
	case len(rows) == 0:
		p.say("cli.nothing")
		return
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(tableRow(titles))
	for _, r := range rows {
		t.AppendRow(tableRow(r))
	}
	fmt.Fprintln(p.out, t.Render())
}

func (p *printer) lines(row []string) {
	safe := make([]string, len(row))
	for i, c := range row {
		safe[i] = cell(c)
	}
	fmt.Fprintln(p.out, strings.Join(safe, "\t"))
}

func tableRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = cell(c)
	}
	return row
}

// fact is a labelled line below a sentence.
type fact struct{ label, value string }

// facts prints the labelled lines that have a value, the values below each other.
func (p *printer) facts(all ...fact) {
	width := 0
	for _, f := range all {
		width = max(width, text.StringWidth(p.t(f.label)))
	}
	for _, f := range all {
		if f.value != "" {
			fmt.Fprintf(p.out, "  %s  %s\n", text.Pad(p.t(f.label), width, ' '), cell(f.value))
		}
	}
}
