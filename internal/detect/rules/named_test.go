package rules_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"haechi"
	"haechi/internal/detect/rules"
)

const namedSample = `id: test/named
version: 3
detector: things
title: { en: Things, ko: 것들 }
about: Things.
sentence: { en: "{source} did {things} to {target} ({share}), {gone}.", ko: "{source}: {things}개" }
technique: T1046
severity: medium
score: 10
mode: shadow
parameters:
  window: 2m
  things: 7
  volume: 3MiB
  share: 80%
  words: [a, b]
`

// thingsConfig has one field of each kind that a parameter can be of.
type thingsConfig struct {
	Window  time.Duration `least:"1s" most:"1h"`
	Things  int           `least:"1" most:"100"`
	Volume  int64         `unit:"bytes" least:"1KiB"`
	Share   float64       `unit:"share"`
	ToCount bool
	Words   []string
}

func things() map[string]any {
	return map[string]any{"things": thingsConfig{Window: time.Minute, Things: 5, ToCount: true}}
}

func loadNamed(text string, o rules.Options) (*rules.Set, error) {
	return rules.Load(fstest.MapFS{"test/named.yaml": {Data: []byte(text)}}, o)
}

func TestANamedRuleHandsOverItsParameters(t *testing.T) {
	set, err := loadNamed(namedSample, rules.Options{Detectors: things(), Overrides: map[string]rules.Override{
		"test/named": {Mode: haechi.Enforce, Parameters: map[string]string{"things": "9", "to_count": "false", "words": "x, y"}}}})
	if err != nil {
		t.Fatal(err)
	}
	n := set.Named()[0]
	c := n.Config.(thingsConfig)
	if c.Window != 2*time.Minute || c.Things != 9 || c.Volume != 3<<20 || c.Share != 0.8 || c.ToCount || strings.Join(c.Words, "") != "xy" {
		t.Errorf("parameters %+v", c)
	}
	if n.ID != "test/named" || n.Version != 3 || n.Detector != "things" || n.Mode != haechi.Enforce || n.Severity != haechi.Medium {
		t.Errorf("rule %+v", n.Rule)
	}
	n.Fired(2)
	info := set.Info()[0]
	if info.Fired != 2 || info.Detector != "things" || strings.Join(info.Parameters, ", ") !=
		"window: 2m0s, things: 9, volume: 3145728B, share: 0.8, to_count: false, words: [x y]" {
		t.Errorf("info %+v", info)
	}
	if err := set.Check(); err != nil {
		t.Error(err)
	}
}

func TestANamedRuleThatIsOffIsNotHandedOver(t *testing.T) {
	set, err := loadNamed(strings.Replace(namedSample, "shadow", "off", 1), rules.Options{Detectors: things()})
	if err != nil || len(set.Named()) != 0 {
		t.Errorf("%v, %d", err, len(set.Named()))
	}
}

// TestMistakesInParametersComeTogether names every line at once.
func TestMistakesInParametersComeTogether(t *testing.T) {
	text := namedSample[:strings.Index(namedSample, "  window")] + `  window: 2h
  things: 7.5
  volume: 12
  share: 110%
  to_count: maybe
  words: [1]
  color: red
threshold: 3
`
	_, err := loadNamed(strings.Replace(text, "{gone}", "{Gone}", 1), rules.Options{Detectors: things()})
	for _, want := range []string{
		":6: sentence.en: a brace stands alone", ":12: parameters.window: 2h is out of range: 1s to 1h0m0s", ":13: parameters.things: 7.5 is no whole number",
		":14: parameters.volume: 12 is no amount", ":15: parameters.share: 110% is out of range", ":16: parameters.to_count: maybe is neither",
		":17: parameters.words: 1 is no word", ":18: parameters.color: there is no such parameter; there are share, things", ":19: threshold: does not go together",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestOverridesOfTheWrongKindAreRefused(t *testing.T) {
	three := 3.0
	for want, o := range map[string]rules.Override{
		"threshold: this rule has none; it has parameters share": {Threshold: &three},
		"window: this rule has none":                             {Window: time.Hour},
		"hours: this rule has none":                              {Hours: "02:00-03:00"},
		"rules.test/named: overridden: test/named.yaml:13":       {Parameters: map[string]string{"things": "101"}},
		"parameters.thigs: there is no such parameter":           {Parameters: map[string]string{"thigs": "1"}},
	} {
		_, err := loadNamed(namedSample, rules.Options{Detectors: things(), Overrides: map[string]rules.Override{"test/named": o}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	_, err := load(sample, rules.Options{Overrides: map[string]rules.Override{"test/sample": {Parameters: map[string]string{"x": "1"}}}})
	if err == nil || !strings.Contains(err.Error(), "parameters: this rule has none") {
		t.Errorf("a threshold rule took parameters: %v", err)
	}
	if _, err := loadNamed(namedSample, rules.Options{Detectors: map[string]any{}}); err == nil || !strings.Contains(err.Error(), `"things" is no detector`) {
		t.Errorf("an unknown detector was taken: %v", err)
	}
}

func TestASentenceExplainsAFinding(t *testing.T) {
	set, err := loadNamed(namedSample, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := haechi.Finding{Rule: "test/named", Actor: failure(1, 0).Actor, Reasons: [4]haechi.Fact{
		{Name: "things", Value: 12345}, {Name: "share", Value: 0.5, Unit: "share"}}}
	if got := set.Sentence(&f, "en"); !strings.HasSuffix(got, " did 12,345 to – (50 %), –.") {
		t.Errorf("en: %s", got)
	}
	if got := set.Sentence(&f, "ko"); !strings.HasSuffix(got, ": 12,345개") {
		t.Errorf("ko: %s", got)
	}
	f.Rule = "test/other"
	if got := set.Sentence(&f, "en"); got != "" {
		t.Errorf("a sentence for no rule: %s", got)
	}
}

// FuzzNamed: parameters and sentences of any text give an error of kind Invalid, or a
// rule that can explain a finding.
func FuzzNamed(f *testing.F) {
	f.Add(namedSample)
	if text, err := os.ReadFile("../../../rules/network/dns-tunnel.yaml"); err == nil {
		f.Add(strings.Replace(string(text), "dns_tunnel", "things", 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := loadNamed(text, rules.Options{Detectors: things()})
		if err != nil {
			if haechi.KindOf(err) != haechi.Invalid {
				t.Errorf("kind %v: %v", haechi.KindOf(err), err)
			}
			return
		}
		for _, n := range set.Named() {
			if c := n.Config.(thingsConfig); c.Things < 1 || c.Things > 100 || c.Share < 0 || c.Share > 1 {
				t.Errorf("out of range: %+v", c)
			}
			set.Sentence(&haechi.Finding{Rule: n.ID}, "en")
		}
	})
}
