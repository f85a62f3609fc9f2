package config_test

import (
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/config"
)

func load(t *testing.T, src string) *config.Config {
	t.Helper()
	c, errs := config.Load("haechi.yaml", []byte(src))
	if errs != nil {
		t.Fatal(errs)
	}
	return c
}

const two = `services:
  shop:
    kind: http
    hosts: [shop.example.com]
    listen: [":443"]
    upstream: http://10.0.0.6:8080
    limits:
      classes: { api: 20/s }
  bots:
    kind: device
    listen: [":1491"]
    upstream: 10.0.0.5:1491
    limits: { pause: 0s }
rules:
  device/unusual-hour: { hours: "02:00-06:00", mode: shadow }
  device/bulk-messages: { threshold: 0, action: deny }
`

func TestEffectiveNamesEveryOrigin(t *testing.T) {
	c := load(t, two)
	got := map[string]string{}
	for _, v := range c.Effective() {
		got[v.Path] = v.Value + " from " + v.Origin
	}
	for path, want := range map[string]string{
		"state":                                "/var/lib/haechi from default",
		"console.listen":                       "127.0.0.1:9443 from default",
		"services.bots.kind":                   "device from haechi.yaml:10",
		"services.bots.listen":                 "[:1491] from haechi.yaml:11",
		"services.bots.limits.device":          "[300/min, 10000/h, 100000/day] from default",
		"services.bots.limits.pause":           "0s from haechi.yaml:13",
		"services.shop.limits.classes.api":     "20/s from haechi.yaml:8",
		"services.shop.limits.classes.login":   "5/s burst 10 from default",
		"rules.device/unusual-hour.hours":      "02:00-06:00 from haechi.yaml:15",
		"rules.device/bulk-messages.threshold": "0 from haechi.yaml:16",
		"records.findings":                     "365d from default",
	} {
		if got[path] != want {
			t.Errorf("%s: %q, want %q", path, got[path], want)
		}
	}
	for path := range got {
		if strings.HasPrefix(path, "services.bots.limits.body") || strings.HasPrefix(path, "services.shop.device") {
			t.Errorf("%s is listed, though it is for the other kind", path)
		}
	}
}

func TestDefaultsAreTheDocuments(t *testing.T) {
	c := load(t, two)
	bots, shop := c.Services[0], c.Services[1]
	if bots.Name != "bots" || shop.Name != "shop" {
		t.Fatalf("services are not in the order of their names: %s, %s", bots.Name, shop.Name)
	}
	want := []config.Rate{{Events: 300, Per: time.Minute}, {Events: 10_000, Per: time.Hour}, {Events: 100_000, Per: 24 * time.Hour}}
	if len(bots.Limits.Device) != 3 || bots.Limits.Device[0] != want[0] || bots.Limits.Device[1] != want[1] || bots.Limits.Device[2] != want[2] {
		t.Errorf("device limits %v, want %v (A10)", bots.Limits.Device, want)
	}
	if shop.Limits.Address != (config.Rate{Events: 100, Per: time.Second}) || shop.Limits.Connections != 10 {
		t.Errorf("address limit %+v, connections %d (B58)", shop.Limits.Address, shop.Limits.Connections)
	}
	if shop.Limits.Classes["login"] != (config.Rate{Events: 5, Per: time.Second, Burst: 10}) || len(shop.Limits.Classes) != 2 {
		t.Errorf("classes %+v (B66)", shop.Limits.Classes)
	}
	if bots.Profile != "messengerbot" || bots.Device.Skew != 300*time.Second || c.Client.IPv6Prefix != 64 || bots.Limits.Mode != haechi.Enforce {
		t.Errorf("profile %s, skew %s, IPv6 prefix %d, mode %v", bots.Profile, bots.Device.Skew, c.Client.IPv6Prefix, bots.Limits.Mode)
	}
	r := c.Rules["device/bulk-messages"]
	if r.Threshold == nil || *r.Threshold != 0 || !r.HasAction || r.Action != haechi.Deny || c.Rules["device/unusual-hour"].HasAction {
		t.Errorf("rules %+v", c.Rules)
	}
}

func TestAnEmptyTextSwitchesAListenerOff(t *testing.T) {
	c := load(t, "console: { listen: \"\" }\n"+two)
	if c.Console.Listen != "" {
		t.Errorf("the console listens on %q", c.Console.Listen)
	}
	again := load(t, string(c.YAML()))
	if again.Console.Listen != "" {
		t.Errorf("after a round trip the console listens on %q", again.Console.Listen)
	}
}

func TestExampleLoads(t *testing.T) {
	if c := load(t, config.Example); len(c.Services) != 1 || c.Services[0].Kind != "device" {
		t.Errorf("the example guards %+v", c.Services)
	}
}

// TestEveryCommentedSettingOfTheExampleLoads takes the comment marks off the
// settings, so that the example cannot go stale.
func TestEveryCommentedSettingOfTheExampleLoads(t *testing.T) {
	var out []string
	for line := range strings.SplitSeq(config.Example, "\n") {
		bare := strings.TrimLeft(line, " ")
		setting, ok := strings.CutPrefix(bare, "# ")
		if ok && looksLikeSetting(setting) {
			indent := line[:len(line)-len(bare)]
			line = indent + setting
		}
		if strings.HasPrefix(line, "allow: []") {
			continue
		}
		out = append(out, line)
	}
	c := load(t, strings.Join(out, "\n"))
	if len(c.Services) != 2 || len(c.Rules) != 1 || c.Alerts.Slack == "" || len(c.Allow) != 2 || c.Metrics.Listen == "" {
		t.Errorf("not every setting was taken in:\n%s", c.YAML())
	}
}

func looksLikeSetting(text string) bool {
	key, _, ok := strings.Cut(strings.TrimLeft(text, " -{"), ":")
	return ok && key != "" && !strings.ContainsAny(key, " .") && strings.ToLower(key) == key
}

func TestSizeCap(t *testing.T) {
	if _, errs := config.Load("x", make([]byte, 1<<20+1)); errs == nil || !strings.Contains(errs.Error(), "at most 1048576") {
		t.Errorf("got %v", errs)
	}
}

func TestAFloodOfMistakesIsBounded(t *testing.T) {
	_, errs := config.Load("x", []byte("services: {}\n"+strings.Repeat("\t\n", 100_000)))
	if errs == nil || len(errs.Problems) != 100 || errs.Omitted != 100_000-100 {
		t.Errorf("%d problems, %d omitted", len(errs.Problems), errs.Omitted)
	}
}

// TestShapesThatAParserSuffersFrom are refused before a parser sees them.
func TestShapesThatAParserSuffersFrom(t *testing.T) {
	for name, src := range map[string]string{
		"keys":     strings.Repeat("a: b\n", 200_000),
		"one line": "a: [" + strings.Repeat("'a':1,", 100_000) + "]",
		"brackets": strings.Repeat("[\n", 100_000),
	} {
		if _, errs := config.Load("x", []byte(src)); errs == nil || !strings.Contains(errs.Error(), "at most") && !strings.Contains(errs.Error(), "more than") {
			t.Errorf("%s: %v", name, errs)
		}
	}
}
