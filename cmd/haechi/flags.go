package main

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi/internal/show/catalogue"
)

// choice is a flag with a closed set of values.
type choice struct {
	p     *printer
	value string
	of    []string
}

// String, Set and Type implement the flag library's Value.
func (c *choice) String() string { return c.value }

// Set accepts only what is in the set.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		return errors.New(c.p.t("usage.one_of", strings.Join(c.of, ", ")))
	}
	c.value = s
	return nil
}

// Type names the values in the help.
func (c *choice) Type() string { return strings.Join(c.of, "|") }

// choose adds a flag with a closed set of values, which the shell completes.
func (o *options) choose(cmd *cobra.Command, name, preset, usage string, of ...string) *choice {
	c := &choice{p: o.print, value: preset, of: of}
	cmd.Flags().Var(c, name, usage)
	completeFlag(cmd, name, cobra.FixedCompletions(of, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// tongue is --lang; it counts from the moment it is read, so that a mistake behind
// it is told in that language.
type tongue struct{ choice }

// Set switches the language of all that follows.
func (t *tongue) Set(s string) error {
	if err := t.choice.Set(s); err != nil {
		return err
	}
	t.p.lang = s
	return nil
}

func newTongue(p *printer) *tongue {
	return &tongue{choice{p: p, of: []string{catalogue.English, catalogue.Korean}}}
}

// span is a flag for a length of time: Go's units, and days and weeks as in
// haechi.yaml.
type span time.Duration

// String, Set and Type implement the flag library's Value.
func (d *span) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

// Set reads the length, which is never negative.
func (d *span) Set(s string) error {
	unit, text := time.Duration(0), s
	if n := len(s) - 1; n > 0 && s[n] == 'd' {
		unit, text = 24*time.Hour, s[:n]
	} else if n > 0 && s[n] == 'w' {
		unit, text = 7*24*time.Hour, s[:n]
	}
	v, err := time.ParseDuration(text)
	if unit > 0 {
		var count uint64
		count, err = strconv.ParseUint(text, 10, 16)
		v = time.Duration(count) * unit
	}
	if err != nil || v <= 0 {
		return errors.New("90s, 5m, 24h, 7d")
	}
	*d = span(v)
	return nil
}

// Type names the value in the help.
func (d *span) Type() string { return "duration" }

// rows is a flag for how many lines to show, 1 to 10,000.
type rows struct {
	p *printer
	n int
}

const maxRows = 10_000

// String, Set and Type implement the flag library's Value.
func (r *rows) String() string { return strconv.Itoa(r.n) }

// Set reads the number.
func (r *rows) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxRows {
		return errors.New(r.p.t("usage.limit"))
	}
	r.n = n
	return nil
}

// Type names the value in the help.
func (r *rows) Type() string { return "number" }

func (o *options) limit(cmd *cobra.Command, preset int) *rows {
	r := &rows{p: o.print, n: preset}
	cmd.Flags().Var(r, "limit", "at most this many, newest first")
	return r
}

// The flag library's two common complaints. Its error types would be one more
// direct dependency.
var (
	badFlag  = regexp.MustCompile(`^unknown flag: (--.+)$`)
	badValue = regexp.MustCompile(`(?s)^invalid argument "(.*)" for "(.+)" flag: (.*)$`)
)

// flagError words the flag library's errors as wrong use, with what was meant.
func (p *printer) flagError(cmd *cobra.Command, err error) error {
	if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		e := p.misuse("usage.value", cmd.CommandPath(), quoted(m[1]), m[2])
		e.hint = m[3]
		return e
	}
	e := &usageError{msg: cmd.CommandPath() + ": " + cell(err.Error())}
	if m := badFlag.FindStringSubmatch(err.Error()); m != nil {
		if meant := nearest(strings.TrimPrefix(m[1], "--"), flagNames(cmd)); meant != "" {
			e.hint = p.t("usage.meant", "--"+meant)
		}
	}
	return e
}

// flagNames reads the names of the flags that a command takes from its own help.
func flagNames(cmd *cobra.Command) (out []string) {
	for _, m := range flagInHelp.FindAllStringSubmatch(cmd.Flags().FlagUsages()+cmd.InheritedFlags().FlagUsages(), -1) {
		out = append(out, m[1])
	}
	return out
}

var flagInHelp = regexp.MustCompile(`(?m)^\s+(?:-\w, )?--([\w-]+)`)

// nearest is the word that a mistyped one was most likely meant to be, or "", by
// the same measure as for commands.
func nearest(word string, of []string) string {
	all := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, w := range of {
		all.AddCommand(&cobra.Command{Use: w, Run: func(*cobra.Command, []string) {}})
	}
	if found := all.SuggestionsFor(word); len(found) > 0 {
		return found[0]
	}
	return ""
}
