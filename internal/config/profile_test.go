package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haechi/internal/config"
)

// shipped are the profiles that come with the program.
func shipped(t testing.TB) []string {
	t.Helper()
	list, err := filepath.Glob("../../profiles/*.yaml")
	if err != nil || len(list) == 0 {
		t.Fatalf("no profiles: %v", err)
	}
	return list
}

func TestShippedProfilesLoadAndRoundTrip(t *testing.T) {
	for _, path := range shipped(t) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, errs := config.LoadProfile(path, b)
		if errs != nil {
			t.Errorf("%v", errs)
			continue
		}
		again, errs := config.LoadProfile("again.yaml", p.YAML())
		if errs != nil {
			t.Errorf("%s does not load again: %v\n%s", path, errs, p.YAML())
			continue
		}
		if d := cmp.Diff(p.Profile, again.Profile); d != "" {
			t.Errorf("%s loads differently again: %s", path, d)
		}
		if d := cmp.Diff(string(p.YAML()), string(again.YAML())); d != "" {
			t.Errorf("%s is written differently again: %s", path, d)
		}
	}
}
