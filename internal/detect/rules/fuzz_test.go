package rules_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"haechi"
	"haechi/internal/detect/rules"
)

// FuzzLoad: a rule file either gives an error of kind Invalid or rules that can be
// checked and run; it never breaks the program.
func FuzzLoad(f *testing.F) {
	f.Add(sample)
	f.Add("id: [")
	f.Add("")
	f.Add("kinds: {a: &x [*x]}")
	f.Add("A:\nlines: !00000 00\n00000008: 0000")
	files := os.DirFS("../../../rules")
	if err := fs.WalkDir(files, ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".yaml") {
			text, _ := fs.ReadFile(files, name)
			f.Add(string(text))
		}
		return err
	}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := rules.Load(fstest.MapFS{"test/sample.yaml": {Data: []byte(text)}}, rules.Options{Keys: 1})
		if err != nil {
			if haechi.KindOf(err) != haechi.Invalid {
				t.Errorf("kind %v: %v", haechi.KindOf(err), err)
			}
			return
		}
		_ = s.Check() // a rule may well be wrong about its examples
		e := failure(1, 0)
		s.Detector(0, 1).Observe(&e, nil)
	})
}
