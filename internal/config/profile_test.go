package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
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

func TestBadProfilesSayWhatToWriteInstead(t *testing.T) {
	list, err := filepath.Glob("testdata/profiles/*.yaml")
	if err != nil || len(list) == 0 {
		t.Fatalf("no profiles: %v", err)
	}
	for _, path := range list {
		p, errs := config.LoadProfile(filepath.Base(path), read(t, path))
		if errs == nil || p != nil {
			t.Errorf("%s loads", path)
			continue
		}
		text, got := strings.TrimSuffix(path, ".yaml")+".txt", errs.Error()+"\n"
		if *update {
			if err := os.WriteFile(text, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if d := cmp.Diff(string(read(t, text)), got); d != "" {
			t.Errorf("%s (run with -update to accept):\n%s", path, d)
		}
	}
}

// A change of a profile is a change of what is guarded: these must not load.
func TestUnsafeProfilesDoNotLoad(t *testing.T) {
	good, err := os.ReadFile("../../profiles/messengerbot.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		`"bot_name":"{bot}"`:                           `"bot_name":{bot}`,                        // a name could be anything
		"deviceID: {max: 100, required: true}":         "deviceID: {max: 1000, required: true}",   // no bound worth the name
		"    - data.auth.timestamp\n    - \"@salt\"":   "    - \"@salt\"",                         // the time is not signed
		"characters: A-Za-z0-9+/=":                     "characters: A-Za-z0-9+/=}",               // the object's end can be moved
		"delimiter: \"|\"":                             "delimiter: \"\"",                         // two readings of one text
		"      botName: {max: 30, required: true}\n":   "      botName: {max: 30}\n",              // no identity
		"send: '{\"event\":\"ping\"":                   "send: '{\"event\":\"ping\",",             // no JSON
		"    - \"@frame_sha256\"\n":                    "",                                        // binds nothing
		"timestamp: data.auth.timestamp\n  unit: ms\n": "unit: ms\n",                              // no time at all
		"signature: data.auth.signature\n":             "in_handshake: false\n",                   // no signature
		"answers: [pong, ping]":                        "answers: []",                             // nothing answers
		"refusal:\n":                                   "mac: {algorithm: hmac-sha1}\nrefusal:\n", // weak
	} {
		text := strings.ReplaceAll(string(good), from, to)
		if text == string(good) {
			t.Errorf("%q is not in the profile", from)
		}
		if _, errs := config.LoadProfile("x.yaml", []byte(text)); errs == nil {
			t.Errorf("with %q instead of %q it loads", to, from)
		}
	}
}

// FuzzLoadProfile: whatever the file, LoadProfile does not panic and gives either a
// profile or mistakes that stand in the file; what loads is written, and loads to the
// same again.
func FuzzLoadProfile(f *testing.F) {
	for _, pattern := range []string{"../../profiles/*.yaml", "testdata/profiles/*.yaml"} {
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
		p, errs := config.LoadProfile("f.yaml", src)
		if (p == nil) == (errs == nil) {
			t.Fatalf("profile %v, mistakes %v", p, errs)
		}
		if errs != nil {
			inFile(t, errs, bytes.Count(src, []byte("\n"))+1)
			return
		}
		again, errs := config.LoadProfile("again.yaml", p.YAML())
		if errs != nil {
			t.Fatalf("what loaded does not load again: %v\n%s", errs, p.YAML())
		}
		if d := cmp.Diff(p.Profile, again.Profile); d != "" || !bytes.Equal(p.YAML(), again.YAML()) {
			t.Fatalf("what loaded loads differently again: %s\n%s", d, p.YAML())
		}
	})
}

// The annotated example of the handbook is a profile, and has every key.
func TestTheExampleOfThePageLoads(t *testing.T) {
	page := string(read(t, "../../docs/profiles.md"))
	_, rest, ok := strings.Cut(page, "```yaml\nname: ")
	text, _, ends := strings.Cut(rest, "\n```")
	if !ok || !ends {
		t.Fatal("no example on the page")
	}
	text = "name: " + text + "\n"
	if _, errs := config.LoadProfile("docs/profiles.md", []byte(text)); errs != nil {
		t.Error(errs)
	}
	for _, key := range config.ProfileKeys() {
		if !strings.Contains(text, key+":") {
			t.Errorf("the example has no %s", key)
		}
	}
}
