package web_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"haechi/web"
)

// TestVendored holds the vendored files to their hashes, and to having licences.
func TestVendored(t *testing.T) {
	files := web.Files()
	sums, err := fs.ReadFile(files, "vendor/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for s := bufio.NewScanner(bytes.NewReader(sums)); s.Scan(); {
		want, name, ok := strings.Cut(s.Text(), "  ")
		if !ok {
			t.Fatalf("malformed line %q", s.Text())
		}
		listed[name] = true
		b, err := fs.ReadFile(files, "vendor/"+name)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != want {
			t.Errorf("%s is not the file whose hash was committed", name)
		}
	}
	walk(t, files, "vendor", func(name string, _ []byte) {
		if short := strings.TrimPrefix(name, "vendor/"); short != "SHA256SUMS" && !listed[short] {
			t.Errorf("%s is not in SHA256SUMS", name)
		}
	})
	for _, lib := range []string{"uplot", "htmx"} {
		if !listed[lib+"/LICENSE"] {
			t.Errorf("%s has no licence file", lib)
		}
	}
}

// inline matches what the content security policy would block anyway: script and
// style in the page, event handler attributes, and htmx attributes that evaluate.
var inline = regexp.MustCompile(`(?i)<style|\sstyle\s*=|\son[a-z]+\s*=|hx-on|javascript:|js:|hx-vals|<script(?:[^>]*>\s*[^<\s]|>)|hx-trigger="[^"]*\[`)

// TestNothingInline keeps script and style out of the templates and the logo.
func TestNothingInline(t *testing.T) {
	for _, dir := range []string{"templates", "static"} {
		walk(t, web.Files(), dir, func(name string, b []byte) {
			if strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".css") {
				return
			}
			if m := inline.Find(b); m != nil {
				t.Errorf("%s holds %q", name, m)
			}
		})
	}
}

// sinks are the ways by which script could turn text into markup or code.
var sinks = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setTimeout\("|DOMParser|setHTML`)

// TestTextStaysText keeps every such way out of our own scripts.
func TestTextStaysText(t *testing.T) {
	walk(t, web.Files(), "static", func(name string, b []byte) {
		if !strings.HasSuffix(name, ".js") {
			return
		}
		if m := sinks.Find(b); m != nil {
			t.Errorf("%s uses %s: put text into text nodes", name, m)
		}
	})
}

func walk(t *testing.T, files fs.FS, dir string, visit func(string, []byte)) {
	t.Helper()
	err := fs.WalkDir(files, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		visit(name, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
