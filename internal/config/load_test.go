package config_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"haechi/internal/config"
)

var update = flag.Bool("update", false, "write the golden files of testdata/bad")

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
	if err != nil || len(list) == 0 {
		t.Fatalf("no files in testdata/%s: %v", dir, err)
	}
	return list
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameConfig compares the compiled shapes.
func sameConfig(a, b *config.Config) string {
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(config.Config{}), cmp.Comparer(samePrefix), cmp.Comparer(sameZone))
}

func TestGoodFilesLoadAndRoundTrip(t *testing.T) {
	for _, path := range files(t, "good") {
		c, errs := config.Load(path, read(t, path))
		if errs != nil {
			t.Errorf("%v", errs)
			continue
		}
		again, errs := config.Load("again.yaml", c.YAML())
		if errs != nil {
			t.Errorf("%s does not load again: %v\n%s", path, errs, c.YAML())
			continue
		}
		if d := sameConfig(c, again); d != "" {
			t.Errorf("%s loads differently again: %s", path, d)
		}
		if !bytes.Equal(c.YAML(), again.YAML()) {
			t.Errorf("%s is written differently again:\n%s\n%s", path, c.YAML(), again.YAML())
		}
	}
}

func TestBadFilesSayWhatToWriteInstead(t *testing.T) {
	for _, path := range files(t, "bad") {
		c, errs := config.Load(filepath.Base(path), read(t, path))
		if errs == nil || c != nil {
			t.Errorf("%s loads", path)
			continue
		}
		golden := strings.TrimSuffix(path, ".yaml") + ".txt"
		got := errs.Error() + "\n"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if d := cmp.Diff(string(read(t, golden)), got); d != "" {
			t.Errorf("%s (run with -update to accept):\n%s", path, d)
		}
	}
}

func TestEveryBadFileHasAGoldenTextAndBack(t *testing.T) {
	texts, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil || len(texts) != len(files(t, "bad")) {
		t.Errorf("%d texts for %d files, %v", len(texts), len(files(t, "bad")), err)
	}
}

func TestSchemaIsJSONAndKnowsEveryKey(t *testing.T) {
	var s struct {
		Properties           map[string]json.RawMessage
		AdditionalProperties any
	}
	if err := json.Unmarshal(config.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"state", "console", "services", "allow", "rules", "decide", "alerts", "records"} {
		if _, ok := s.Properties[key]; !ok {
			t.Errorf("the schema does not know %s", key)
		}
	}
	if s.AdditionalProperties != false {
		t.Errorf("the schema admits unknown keys: %v", s.AdditionalProperties)
	}
	for _, part := range []string{`"shared_devices"`, `"enum": [`, `"5/s burst 10"`, `"required": [`} {
		if !bytes.Contains(config.Schema(), []byte(part)) {
			t.Errorf("the schema does not hold %s", part)
		}
	}
}
