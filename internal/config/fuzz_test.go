package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haechi/internal/config"
)

// FuzzLoad: whatever the file, Load does not panic and gives either a configuration
// or mistakes that stand in the file; what loads is written and loads to the same.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		list, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range list {
			b, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, errs := config.Load("f.yaml", src)
		if (c == nil) == (errs == nil) {
			t.Fatalf("configuration %v, mistakes %v", c, errs)
		}
		if errs != nil {
			inFile(t, errs, bytes.Count(src, []byte("\n"))+1)
			return
		}
		again, errs := config.Load("again.yaml", c.YAML())
		if errs != nil {
			t.Fatalf("what loaded does not load again: %v\n%s", errs, c.YAML())
		}
		if d := sameConfig(c, again); d != "" {
			t.Fatalf("what loaded loads differently again: %s\n%s", d, c.YAML())
		}
	})
}

func inFile(t *testing.T, errs *config.Errors, lines int) {
	if len(errs.Problems) == 0 {
		t.Fatal("mistakes without any")
	}
	for _, p := range errs.Problems {
		if p.Line < 0 || p.Line > lines || (p.Line > 0 && p.Column < 1) || p.Msg == "" {
			t.Fatalf("a mistake outside of %d lines: %+v", lines, p)
		}
	}
	if strings.ContainsAny(errs.Error(), "\x1b\x00\r") {
		t.Fatalf("control characters in %q", errs.Error())
	}
}
