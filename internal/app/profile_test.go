package app_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haechi/internal/app"
	"haechi/internal/config"
)

var update = flag.Bool("update", false, "write the shipped profiles for the gate's own tests")

// The gate's tests may not read YAML: they take the shipped profiles as JSON, which
// this test holds to the files.
func TestTheGateIsTestedWithTheShippedProfiles(t *testing.T) {
	for _, name := range app.ProfileNames() {
		p, err := app.LoadProfile(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != name {
			t.Errorf("the file %s holds the profile %s", name, p.Name)
		}
		got, err := json.MarshalIndent(p.Profile, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("..", "ingress", "devicegate", "testdata", "profiles", name+".json")
		if *update {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
			t.Errorf("%s (run with -update to accept):\n%s", name, d)
		}
	}
}

// The configuration knows the shipped profiles by name, so that a mistyped one is
// found with its line.
func TestTheConfigurationKnowsTheShippedProfiles(t *testing.T) {
	if d := cmp.Diff(app.ProfileNames(), config.ProfileNames()); d != "" {
		t.Error(d)
	}
}
