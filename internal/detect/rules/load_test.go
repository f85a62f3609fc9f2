package rules_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"haechi"
	"haechi/internal/detect/rules"
)

// sample is a rule that loads and passes its check.
const sample = `id: test/sample
version: 1
title: { en: A sample, ko: 견본 }
about: A sample.
kinds: [auth]
outcome: failure
match: event.reason == 'hmac_failed'
group: client
aggregate: count
window: 60s
threshold: 3
severity: high
score: 10
action: deny
for: 5m
mode: enforce
examples:
  must_fire:
    - name: four
      events:
        - { kind: auth, outcome: failure, reason: hmac_failed, repeat: 4, every: 1s }
  must_not_fire:
    - name: three
      events:
        - { kind: auth, outcome: failure, reason: hmac_failed, repeat: 3, every: 1s }
`

func load(text string, o rules.Options) (*rules.Set, error) {
	return rules.Load(fstest.MapFS{"test/sample.yaml": {Data: []byte(text)}, "test/readme.md": {}}, o)
}

func mustLoad(t testing.TB, text string, o rules.Options) *rules.Set {
	t.Helper()
	s, err := load(text, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// edit replaces one line of the sample, by how it begins.
func edit(t testing.TB, pairs ...string) string {
	t.Helper()
	lines := strings.Split(sample, "\n")
	for i := 0; i < len(pairs); i += 2 {
		found := false
		for j := range lines {
			if strings.HasPrefix(lines[j], pairs[i]) {
				lines[j], found = pairs[i+1], true
				break
			}
		}
		if !found {
			t.Fatalf("the sample has no line %q", pairs[i])
		}
	}
	return strings.Join(lines, "\n")
}

func TestSampleIsGood(t *testing.T) {
	if err := mustLoad(t, sample, rules.Options{}).Check(); err != nil {
		t.Error(err)
	}
}

func TestErrorsNameLineAndCause(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"unknown key":       {edit(t, "score:", "scroe: 10"), ":13: "},
		"double key":        {edit(t, "score:", "mode: off"), ":16: "},
		"no YAML":           {"id: [", "test/sample.yaml"},
		"id and file":       {edit(t, "id:", "id: test/other"), ":1: id: the file of rule"},
		"id form":           {edit(t, "id:", "id: Sample"), ":1: id: \"Sample\" is no id"},
		"no Korean title":   {edit(t, "title:", "title: { en: A }"), ":3: title.ko: is required"},
		"unknown kind":      {edit(t, "kinds:", "kinds: [auth, author]"), ":5: kinds[1]: \"author\" is unknown"},
		"no kinds":          {edit(t, "kinds:", "kinds: []"), ":5: kinds: name at least one"},
		"unknown outcome":   {edit(t, "outcome:", "outcome: failed"), ":6: outcome: \"failed\""},
		"wrong field":       {edit(t, "match:", "match: event.raison == 'x'"), ":7: match: "},
		"wrong type":        {edit(t, "match:", "match: event.status == '401'"), ":7: match: "},
		"not a truth":       {edit(t, "match:", "match: event.status + 1"), "gives int, not true or false"},
		"a loop":            {edit(t, "match:", "match: \"[1, 2].exists(x, x == event.status)\""), ":7: match: "},
		"too dear":          {edit(t, "match:", "match: (event.path + event.path).matches(event.user_agent + event.room)"), "may cost"},
		"unknown group":     {edit(t, "group:", "group: ip"), ":8: group: "},
		"unknown aggregate": {edit(t, "aggregate:", "aggregate: avg"), ":9: aggregate: "},
		"sum of a text":     {edit(t, "aggregate:", "aggregate: sum(room)"), ":9: aggregate: "},
		"distinct unknown":  {edit(t, "aggregate:", "aggregate: distinct(color)"), ":9: aggregate: "},
		"ratio without min": {edit(t, "aggregate:", "aggregate: ratio(failure)"), "min: belongs to ratio"},
		"no time":           {edit(t, "window:", "window: 60"), ":10: window: \"60\" is no time"},
		"too long":          {edit(t, "window:", "window: 25h"), ":10: window: "},
		"broken threshold":  {edit(t, "threshold:", "threshold: 2.5"), ":11: threshold: must be a whole number"},
		"negative":          {edit(t, "threshold:", "threshold: -1"), ":11: threshold: "},
		"unknown severity":  {edit(t, "severity:", "severity: bad"), ":12: severity: "},
		"no end":            {edit(t, "for:", ""), "for: is required with an action"},
		"hold":              {edit(t, "action:", "action: hold"), ":14: action: hold"},
		"no mode":           {edit(t, "mode:", ""), "mode: is required"},
		"source of service": {edit(t, "group:", "group: service"), "has nobody to act on"},
		"detail in cross":   {edit(t, "group:", "group: global", "match:", "match: event.path == '/'"), ":7: match: "},
		"no hours":          {edit(t, "window:", "hours: 2-6"), ":10: hours: "},
		"empty hours":       {edit(t, "window:", "hours: \"02:00-02:00\""), ":10: hours: the range"},
		"unknown zone":      {edit(t, "window:", "{ hours: \"02:00-06:00\" }"), "test/sample.yaml"},
		"no examples":       {sample[:strings.Index(sample, "examples:")], "examples.must_fire: at least one"},
		"broken repetition": {edit(t, "        - {", "        - { kind: auth, client: '203.0.113.{i}', repeat: 257 }"), ":21: examples.must_fire[0].events[0]: client"},
		"broken example":    {edit(t, "        - {", "        - { kind: nothing }"), ":21: examples.must_fire[0].events[0]: kind"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(tt.text, rules.Options{})
			if haechi.KindOf(err) != haechi.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant an error with %q", err, tt.want)
			}
		})
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	_, err := load(edit(t, "window:", "window: x", "mode:", "mode: on", "match:", "match: event.nothing"), rules.Options{})
	for _, want := range []string{"window:", "mode:", "match:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not name %s", err, want)
		}
	}
}

func TestCheckFindsWrongRules(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"must fire":     {edit(t, "threshold:", "threshold: 4"), "must fire: four"},
		"must not fire": {edit(t, "threshold:", "threshold: 2"), "must not fire: three"},
		"no template":   {edit(t, "match:", "match: event.reason == 'replay'"), "threshold cannot be tried"},
	} {
		t.Run(name, func(t *testing.T) {
			err := mustLoad(t, tt.text, rules.Options{}).Check()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestEveryAggregateHoldsItsBoundary lets the check try each kind of counting.
func TestEveryAggregateHoldsItsBoundary(t *testing.T) {
	fire := func(events string) string {
		return `examples: { must_fire: [ { name: a, events: [ ` + events + ` ] } ], must_not_fire: [ { name: b, events: [ { kind: auth } ] } ] }`
	}
	for name, text := range map[string]string{
		"distinct":  edit(t, "aggregate:", "aggregate: distinct(path)", "threshold:", "threshold: 200"),
		"changes":   edit(t, "aggregate:", "aggregate: changes(room)", "threshold:", "threshold: 7"),
		"sum":       edit(t, "aggregate:", "aggregate: sum(bytes_out)", "threshold:", "threshold: 104857600"),
		"ratio":     edit(t, "aggregate:", "aggregate: ratio(failure)\nmin: 20", "threshold:", "threshold: 0.25", "outcome:", ""),
		"one":       edit(t, "threshold:", "threshold: 0"),
		"beyond":    edit(t, "threshold:", "threshold: 5000"),
		"greatest":  edit(t, "threshold:", "threshold: 1024"),
		"by actor":  edit(t, "group:", "group: actor"),
		"all":       edit(t, "group:", "group: global", "action:", "", "for:", ""),
		"by device": strings.ReplaceAll(edit(t, "group:", "group: device"), "{ kind: auth,", "{ kind: auth, device: a/1, assurance: authenticated,"),
	} {
		t.Run(name, func(t *testing.T) {
			event := "{ kind: auth, outcome: failure, reason: hmac_failed, room: 'r{i}', path: 'p{i}', bytes_out: 10485761, repeat: 5001, every: 1ms }"
			if name != "by device" {
				text = text[:strings.Index(text, "examples:")] + fire(event)
			}
			if err := mustLoad(t, text, rules.Options{}).Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOverrides(t *testing.T) {
	two, pass := 2.0, haechi.Pass
	s := mustLoad(t, sample, rules.Options{Overrides: map[string]rules.Override{
		"test/sample": {Mode: haechi.Shadow, Threshold: &two, Window: time.Hour, For: time.Minute, Action: &pass},
	}})
	r := s.Info()[0]
	if r.Mode != haechi.Shadow || r.Threshold != 2 || r.Window != time.Hour || r.For != time.Minute || r.Want != haechi.Pass {
		t.Errorf("%+v", r)
	}
	bad := -1.0
	hold := haechi.Hold
	for name, tt := range map[string]struct {
		id   string
		o    rules.Override
		want string
	}{
		"unknown id": {"other/sample", rules.Override{}, "rules.other/sample: there is no such rule; did you mean test/sample?"},
		"threshold":  {"test/sample", rules.Override{Threshold: &bad}, "rules.test/sample: overridden: "},
		"window":     {"test/sample", rules.Override{Window: time.Millisecond}, "window"},
		"action":     {"test/sample", rules.Override{Action: &hold}, "action: hold"},
		"hours":      {"test/sample", rules.Override{Hours: "01:00-02:00"}, "has none to override"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(sample, rules.Options{Overrides: map[string]rules.Override{tt.id: tt.o}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
