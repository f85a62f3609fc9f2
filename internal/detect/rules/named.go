package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"haechi"
	"haechi/internal/detect"
)

// Named is a rule whose counting is code: a detector that the file names, with its
// parameters.
type Named struct {
	detect.Rule
	// Config is what Options.Detectors holds for the detector, with the parameters of
	// the file and then those of the overrides put in. It is nil if nothing was given.
	Config any

	fired *counters
}

// Fired counts findings of the detector, for [Set.Info].
func (n *Named) Fired(findings int) { n.fired.fired.Add(uint64(findings)) }

// named is what a rule has that names a detector.
type named struct {
	detector   string
	sentences  [2]sentence // en, ko
	config     any
	parameters []string // as they are in force, "ports: 10"
}

// Named returns the rules that name a detector and are not off, by id.
func (s *Set) Named() []Named {
	var out []Named
	for _, r := range s.rules {
		if r.named != nil && r.mode != haechi.Off {
			out = append(out, Named{Config: r.named.config, fired: r.counters, Rule: detect.Rule{ID: r.id, Version: r.version,
				Detector: r.named.detector, Technique: r.technique, Severity: r.severity, Mode: r.mode, Score: r.score, Want: r.action, For: r.duration}})
		}
	}
	return out
}

// compileNamed reads a file that names a detector.
func (c *compiler) compileNamed(known map[string]any) *rule {
	c.r = &rule{counters: new(counters), named: &named{detector: c.raw.Detector}}
	c.names()
	c.counted()
	c.answer()
	for i, text := range [2]string{c.raw.Sentence.EN, c.raw.Sentence.KO} {
		c.r.named.sentences[i] = c.sentence([2]string{"sentence.en", "sentence.ko"}[i], text)
	}
	if known == nil {
		return c.r
	}
	defaults, ok := known[c.raw.Detector]
	if !ok {
		c.Fail("detector", "%q is no detector", c.raw.Detector)
		return c.r
	}
	cfg := reflect.New(reflect.TypeOf(defaults)).Elem()
	cfg.Set(reflect.ValueOf(defaults))
	c.put(cfg, "parameters", c.raw.Parameters)
	c.r.named.config, c.r.named.parameters = cfg.Interface(), spell(cfg)
	return c.r
}

// counted refuses what says how to count: with a detector that is code.
func (c *compiler) counted() {
	raw := &c.raw
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"kinds", raw.Kinds != nil}, {"outcome", raw.Outcome != ""}, {"match", raw.Match != ""}, {"group", raw.Group != ""},
		{"aggregate", raw.Aggregate != ""}, {"window", raw.Window != ""}, {"threshold", raw.Threshold != nil}, {"min", raw.Min != 0},
		{"hours", raw.Hours != ""}, {"zone", raw.Zone != ""}, {"spoofable", raw.Spoofable}, {"cooldown", raw.Cooldown != ""},
		{"examples", raw.Examples.MustFire != nil || raw.Examples.MustNotFire != nil},
	} {
		if f.set {
			c.Fail(f.name, "does not go together with detector; what it counts is said by parameters")
		}
	}
}

// overrideNamed applies what the operator changed of a rule that names a detector.
func (c *compiler) overrideNamed(o Override) {
	for _, f := range []struct {
		name string
		set  bool
	}{{"threshold", o.Threshold != nil}, {"window", o.Window != 0}, {"hours", o.Hours != ""}, {"zone", o.Zone != ""}} {
		if f.set {
			c.Fail(f.name, "this rule has none; it has parameters%s", parameterNames(c.r.named.config))
		}
	}
	if c.r.named.config == nil || len(o.Parameters) == 0 {
		return
	}
	cfg := reflect.New(reflect.TypeOf(c.r.named.config)).Elem()
	cfg.Set(reflect.ValueOf(c.r.named.config))
	c.put(cfg, "parameters", o.given())
	c.r.named.config, c.r.named.parameters = cfg.Interface(), spell(cfg)
}

// given are the parameters of an override as those of a file.
func (o *Override) given() map[string]any {
	out := make(map[string]any, len(o.Parameters))
	for name, text := range o.Parameters {
		out[name] = text
	}
	return out
}

func parameterNames(config any) string {
	if config == nil {
		return ""
	}
	var names []string
	t := reflect.TypeOf(config)
	for i := range t.NumField() {
		names = append(names, parameterName(t.Field(i)))
	}
	slices.Sort(names)
	return fmt.Sprintf(" %s", strings.Join(names, ", "))
}
