package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// printer writes results: JSON when asked for, tables on a terminal, tab-separated
// lines otherwise.
type printer struct {
	out, err io.Writer
	json     bool
	terminal bool
	color    bool
}

func newPrinter(out, err io.Writer) *printer {
	p := &printer{out: out, err: err}
	if f, ok := out.(*os.File); ok {
		if st, err := f.Stat(); err == nil {
			p.terminal = st.Mode()&os.ModeCharDevice != 0
		}
	}
	p.color = p.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return p
}

// show prints v as JSON, or lets human print it.
func (p *printer) show(v any, human func()) error {
	if !p.json {
		human()
		return nil
	}
	enc := json.NewEncoder(p.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// line prints one line, cleaned.
func (p *printer) line(format string, args ...any) {
	fmt.Fprintln(p.out, clean(fmt.Sprintf(format, args...)))
}

// head prints a heading on a terminal, a comment-like line elsewhere.
func (p *printer) head(s string) {
	if p.color {
		s = text.Bold.Sprint(s)
	}
	fmt.Fprintln(p.out, s)
}

// table prints rows under a header.
func (p *printer) table(header []string, rows [][]string) {
	if !p.terminal {
		fmt.Fprintln(p.out, strings.Join(header, "\t"))
		for _, r := range rows {
			fmt.Fprintln(p.out, strings.Join(cleanAll(r), "\t"))
		}
		return
	}
	t := table.NewWriter()
	t.SetOutputMirror(p.out)
	t.SetStyle(table.StyleLight)
	t.Style().Options.SeparateRows = false
	t.AppendHeader(tableRow(header))
	for _, r := range rows {
		t.AppendRow(tableRow(cleanAll(r)))
	}
	t.Render()
}

func tableRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = c
	}
	return row
}

func cleanAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = clean(s)
	}
	return out
}

// clean makes text from outside safe for a terminal and for one line: control
// characters, escapes and the invisible characters that reorder text are shown as
// escapes.
func clean(s string) string {
	bad := func(r rune) bool {
		return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar)
	}
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if bad(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// when prints a time for a person: local, to the second; "-" for none.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// number prints an observed value without needless digits.
func number(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", f), "0"), ".")
}
