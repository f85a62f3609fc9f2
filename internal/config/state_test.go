package config_test

import (
	"testing"

	"haechi/internal/config"
)

// TestStateOfABrokenFile: the gateway that runs is found while its file is edited.
func TestStateOfABrokenFile(t *testing.T) {
	for src, want := range map[string]string{
		"state: /srv/a\nstaet: x\n":             "/srv/a",
		"state: \"/srv/b c\"  # here\nx: [\n":   "/srv/b c",
		"x: [\nstate: '/srv/c'\r\n":             "/srv/c",
		"x: [\n":                                "/var/lib/haechi",
		"services: {}\n":                        "/var/lib/haechi",
		"bots:\n  state: /srv/d\n\tlisten: x\n": "/var/lib/haechi",
	} {
		_, errs := config.Load("haechi.yaml", []byte(src))
		if errs == nil || errs.State != want {
			t.Errorf("%q: %+v, want %s", src, errs, want)
		}
	}
}
