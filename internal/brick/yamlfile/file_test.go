package yamlfile_test

import (
	"strings"
	"testing"

	"haechi/internal/brick/yamlfile"
)

type shape struct {
	Name  string `yaml:"name"`
	Lines []struct {
		Match string `yaml:"match"`
	} `yaml:"lines"`
}

// TestLines: each error names the line of what it is about.
func TestLines(t *testing.T) {
	var s shape
	f := yamlfile.Parse("a.yaml", []byte("name: x\nlines:\n  - match: a\n  - match: b\n"), &s)
	if len(f.Errs) > 0 || s.Name != "x" || len(s.Lines) != 2 {
		t.Fatal(f.Errs, s)
	}
	f.Fail("lines[1].match", "is %s", "wrong")
	f.Fail("lines[1].missing", "is not there")
	f.Fail("nothing", "is not there")
	for i, want := range []string{"a.yaml:4: lines[1].match: is wrong", "a.yaml:4: lines[1].missing: ", "a.yaml:1: nothing: "} {
		if !strings.HasPrefix(f.Errs[i].Error(), want) {
			t.Errorf("%v, want %s", f.Errs[i], want)
		}
	}
}

// TestWrongFiles: none is read, none breaks the program, and only plain ones refuse anchors.
func TestWrongFiles(t *testing.T) {
	for _, text := range []string{"name: [", "other: 1", "name: a\nname: b", "A:\nlines: !00000 00\n00000008: 0000"} {
		if f := yamlfile.Parse("a.yaml", []byte(text), new(shape)); len(f.Errs) == 0 {
			t.Errorf("%q is read", text)
		}
	}
	anchored := []byte("name: &a x\nlines: [{match: *a}]")
	if f := yamlfile.Parse("a.yaml", anchored, new(shape)); len(f.Errs) > 0 {
		t.Error(f.Errs)
	}
	if f := yamlfile.ParsePlain("a.yaml", anchored, new(shape)); len(f.Errs) != 1 || !strings.HasPrefix(f.Errs[0].Error(), "a.yaml:1: anchors") {
		t.Error(f.Errs)
	}
}

// FuzzParse: whatever the file, there is an error or it was read, and a line can be named.
func FuzzParse(f *testing.F) {
	f.Add("name: x")
	f.Add("A:\nlines: !00000 00\n00000008: 0000")
	f.Fuzz(func(t *testing.T, text string) {
		file := yamlfile.ParsePlain("a.yaml", []byte(text), new(shape))
		n := len(file.Errs)
		if file.Fail("lines[0].match", "is wrong"); len(file.Errs) != n+1 || !strings.HasPrefix(file.Errs[n].Error(), "a.yaml:") {
			t.Error(file.Errs)
		}
	})
}
