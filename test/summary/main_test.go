package main

import (
	"bytes"
	"strings"
	"testing"
)

func run(t *testing.T, command []string, lines ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	tl := newTally(&b)
	if err := tl.read(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	tl.again(command)
	return tl.close(true), b.String()
}

const (
	passes  = `{"Action":"pass","Package":"p","Test":"TestA"}`
	part    = `{"Action":"fail","Package":"p","Test":"TestB/part"}`
	fails   = `{"Action":"fail","Package":"p","Test":"TestB"}`
	race    = `{"Action":"output","Package":"p","Test":"TestB","Output":"WARNING: DATA RACE\n"}`
	pkgFail = `{"Action":"fail","Package":"p"}`
	leak    = `{"Action":"output","Package":"p","Output":"goleak: Errors: found unexpected goroutines\n"}`
)

func TestWhoIsAskedAgain(t *testing.T) {
	for _, tt := range []struct {
		what    string
		command string
		lines   []string
		code    int
		says    string
	}{
		{"all pass", "false", []string{passes}, 0, "1 passed, 0 failed, 0 skipped\n"},
		{"it passes alone", "true", []string{passes, part, fails, pkgFail}, 0, "mend it: p TestB\n3 passed, 0 failed, 0 skipped\n"},
		{"it fails again", "false", []string{passes, part, fails, pkgFail}, 1, "1 passed, 2 failed, 0 skipped\n"},
		{"a race", "true", []string{passes, race, fails, pkgFail}, 1, "1 passed, 1 failed, 0 skipped\n"},
		{"a leak of the package", "true", []string{passes, leak, pkgFail}, 1, "1 passed, 0 failed, 0 skipped\n"},
		{"a leak beside a failure", "true", []string{passes, fails, leak, pkgFail}, 1, "1 passed, 1 failed, 0 skipped\n"},
		{"too many", "true", []string{passes, fails, strings.Replace(fails, "TestB", "TestC", 1), strings.Replace(fails, "TestB", "TestD", 1), strings.Replace(fails, "TestB", "TestE", 1), pkgFail}, 1, "1 passed, 4 failed, 0 skipped\n"},
		{"nothing ran", "true", nil, 1, "0 passed, 0 failed, 0 skipped\n"},
	} {
		code, out := run(t, []string{tt.command}, tt.lines...)
		if code != tt.code || !strings.HasSuffix(out, tt.says) {
			t.Errorf("%s: %d, %q", tt.what, code, out)
		}
	}
}
