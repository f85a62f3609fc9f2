package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// every visits a command and all below it.
func every(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		every(sub, do)
	}
}

// TestEveryCommandIsExplained wants a line of help and an example of every command,
// that every example is a command line that would be accepted, and that no mistake in
// the arguments is anything but wrong use.
func TestEveryCommandIsExplained(t *testing.T) {
	seen := 0
	every(rootCommand(newPrinter(new(bytes.Buffer), new(bytes.Buffer), os.Getenv)), func(c *cobra.Command) {
		seen++
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s has no short help or no example", c.CommandPath())
		}
		if c.Args == nil && c.Name() != "help" {
			t.Errorf("%s does not check its arguments", c.CommandPath())
		}
		if c.RunE == nil {
			t.Errorf("%s does nothing", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			example(t, c, strings.TrimSpace(line))
		}
	})
	if seen < 30 {
		t.Errorf("only %d commands seen", seen)
	}
}

func example(t *testing.T, about *cobra.Command, line string) {
	line, _, _ = strings.Cut(line, "   ")                        // what it does stands behind
	line = strings.TrimPrefix(line, "source <(")                 // shell around it
	line, _, _ = strings.Cut(strings.TrimSuffix(line, ")"), ">") // where its output goes
	args := fields(line)
	if len(args) == 0 || args[0] != "haechi" {
		t.Errorf("the example %q of %s is no command of haechi", line, about.CommandPath())
		return
	}
	root := rootCommand(newPrinter(new(bytes.Buffer), new(bytes.Buffer), os.Getenv))
	cmd, rest, err := root.Find(args[1:])
	if err != nil {
		t.Errorf("%q: %v", line, err)
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%q: %v", line, err)
		return
	}
	if cmd.Args != nil {
		if err := cmd.Args(cmd, cmd.Flags().Args()); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	if about.HasParent() && !strings.HasPrefix(cmd.CommandPath(), about.CommandPath()) && cmd.Name() != about.Name() {
		t.Errorf("%q is an example of %s, not of %s", line, cmd.CommandPath(), about.CommandPath())
	}
}

// fields splits a line as a shell does, as far as the examples need it.
func fields(line string) (out []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// TestKoreanIsWhole runs every command line that fails without a gateway in Korean:
// no text of the catalogue may be missing.
func TestKoreanIsWhole(t *testing.T) {
	for _, args := range [][]string{{"statsu"}, {"devices", "aprove"}, {"why"}, {"version", "x"}, {"devices", "block", "a/b"},
		{"events", "--kind", "x"}, {"audit", "undo", "x"}, {"decisions", "lift", "x"}, {"decisions", "add", "x"}, {"run", "--log", "x"}} {
		var out, err bytes.Buffer
		if code := run(append(args, "--lang=ko"), &out, &err); code != exitUsage {
			t.Errorf("%v: exit code %d: %s", args, code, &err)
		}
		if strings.Contains(err.String(), "[") && !strings.Contains(err.String(), "haechi") || out.Len() > 0 {
			t.Errorf("%v: %s%s", args, &out, &err)
		}
	}
}
