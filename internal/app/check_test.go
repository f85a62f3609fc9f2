package app_test

import (
	"strings"
	"testing"

	"haechi/internal/app"
	"haechi/internal/config"
)

// TestCheckFindsMistakesAboutRules: what only the rules can tell is told before a
// start, and all of it at once.
func TestCheckFindsMistakesAboutRules(t *testing.T) {
	const services = "services: { bots: { kind: device, listen: [\"127.0.0.1:0\"], upstream: \"127.0.0.1:1\" } }\n"
	for text, want := range map[string][]string{
		"rules: { device/bulk-messages: { threshold: 200, mode: enforce } }\n":                               nil,
		"rules: { device/bulk-message: { mode: off } }\n":                                                    {"device/bulk-message", "did you mean device/bulk-messages"},
		"rules: { device/bulk-messages: { window: 10d }, service/request-rate: { action: deny } }\n":         {"device/bulk-messages", "service/request-rate"},
		"rules: { auth/brute-force: { hours: \"02:00-06:00\" }, device/room-hopping: { threshold: 1.5 } }\n": {"auth/brute-force", "device/room-hopping"},
	} {
		cfg, errs := config.Load("haechi.yaml", []byte(services+text))
		if errs != nil {
			t.Fatal(errs)
		}
		err := app.Check(cfg, "haechi.yaml")
		if (err != nil) != (len(want) > 0) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not name %q", text, err, w)
			}
		}
	}
}
