package config_test

import (
	"fmt"
	"strings"
	"testing"

	"haechi/internal/config"
)

const levels = `services:
  shop:
    kind: http
    hosts: [shop.example.com]
    listen: [":443"]
    upstream: http://10.0.0.6:8080
    routes:
      - { path: /login, class: login }
      - { path: /search, class: api, rate: 2/s burst 5 }
      - { path: /api, class: api }
      - { path: /about, class: page }
    limits: { classes: { api: 50/s } }
`

func TestTheNarrowestLimitCounts(t *testing.T) {
	c := load(t, levels)
	got := fmt.Sprint(c.Bounds(&c.Services[0]))
	want := "[{/login (class login) 5/s burst 10 class} {/search (class api) 2/s burst 5 route} {/api (class api) 50/s class} " +
		"{/about (class page) 100/s service} {all else 100/s service} {connections at once 10 shared}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
}

// Settings that contradict each other are named, each once; the defaults of every kind
// of service are not among them.
func TestContradictions(t *testing.T) {
	for add, want := range map[string]string{
		"":                                       "",
		"address: 10/s, new_connections: 60/min": "new_connections (60/min, of all clients) is less than",
		"classes: { asset: 500/s }":              "classes.asset counts nothing",
		"classes: { login: 200/s }":              "classes.login (200/s) is laxer than",
	} {
		c := load(t, strings.Replace(levels, "limits: { classes: { api: 50/s } }", "limits: { "+add+" }", 1))
		got := strings.Join(c.Warnings(), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) || strings.Count(got, "\n") > 0 {
			t.Errorf("%s: %q, want %q", add, got, want)
		}
	}
	bots := func(limits string) *config.Config {
		return load(t, "services:\n  a: { kind: device, listen: [\":1\"], upstream: \"h:1\", limits: { "+limits+" } }\n"+
			"  b: { kind: device, listen: [\":2\"], upstream: \"h:1\" }\n")
	}
	if w := bots("connections: 10").Warnings(); len(w) != 0 {
		t.Errorf("defaults: %q", w)
	}
	if w := bots("connections: 20").Warnings(); len(w) != 1 || !strings.Contains(w[0], "services.b.limits.connections is 10, but one cap") {
		t.Errorf("%q", w)
	}
	if w := bots("device: [10/min, 1000/h]").Warnings(); len(w) != 1 || !strings.Contains(w[0], "1000/h is never reached, because of 10/min") {
		t.Errorf("%q", w)
	}
}
