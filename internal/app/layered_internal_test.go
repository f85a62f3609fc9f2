package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"haechi"
	"haechi/internal/config"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestLayeredTrees(t *testing.T) {
	under := fstest.MapFS{"network/a.yaml": file("under"), "network/b.yaml": file("under"), "http/c.yaml": file("under")}
	l := layered{fstest.MapFS{"network/a.yaml": file("over"), "own/d.yaml": file("over")}, under}
	got := map[string]string{}
	err := fs.WalkDir(l, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(l, name)
		got[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"network/a.yaml": "over", "network/b.yaml": "under", "http/c.yaml": "under", "own/d.yaml": "over"}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is %q", name, got[name])
		}
	}
	if _, err := fs.ReadDir(layered{fstest.MapFS{"network": file("")}, under}, "."); err == nil {
		t.Error("a file hides a folder")
	}
	if _, err := fs.ReadDir(l, "nowhere"); err == nil {
		t.Error("a folder that is on neither side is listed")
	}
}

// What the configuration overrides is overridden in other rules as well, and every file
// of the folder is checked.
func TestReplayAgainstOtherRules(t *testing.T) {
	cfg := config.Defaults()
	cfg.Rules = map[string]config.Rule{"network/port-scan": {Mode: haechi.Off}}
	r, err := NewReplay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	shippedFile, err := os.ReadFile("../../rules/network/port-scan.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "network", "port-scan.yaml")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Against(dir); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(path, shippedFile, 0o600); err != nil {
		t.Fatal(err)
	}
	with, err := r.Against(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := len(r.set.Named()), len(with.set.Named()); a != b {
		t.Errorf("%d rules are on, and %d of the same with an override", a, b)
	}
	if err := os.WriteFile(path, append(shippedFile, "colour: red\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Against(dir); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("a broken rule: %v", err)
	}
}
