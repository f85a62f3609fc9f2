package rules

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"haechi"
)

// Override changes a shipped rule. Zero fields leave it as it is.
type Override struct {
	Mode      haechi.Mode
	Threshold *float64
	Window    time.Duration
	Hours     string // "02:00-06:00"
	Zone      string // an IANA name
	For       time.Duration
	Action    *haechi.Action // a pointer to Pass takes the rule's own action away
	// Parameters change those of a rule that names a detector, as they are written.
	Parameters map[string]string
}

// Options is how to load.
type Options struct {
	// Overrides by rule id; an id that is no rule's is an error.
	Overrides map[string]Override
	// Zone is the time zone of rules with hours that name none; nil means UTC.
	Zone *time.Location
	// Zones are the time zones of services that have one of their own, by name, for
	// rules that name none.
	Zones map[string]*time.Location
	// Keys is the most groups that one rule holds at once over all shards; 0 means
	// 65,536.
	Keys int
	// Detectors holds for each detector that rules may name its Config with the
	// defaults, a struct as parameters.go describes. If it is nil, the files'
	// parameters are not looked at.
	Detectors map[string]any
	// Below is the folder whose files alone are read; "" means all.
	Below string
}

const (
	defaultKeys = 65_536
	maxFile     = 64 << 10 // bytes of a rule file
)

// Set is a loaded set of rules. It is immutable but for its counters, and safe for
// concurrent use.
type Set struct {
	rules []*rule // by id
	keys  int
}

// Load reads every .yaml file of the tree but those below logs/. All errors come at once, each with file
// and line, as one error of kind Invalid.
func Load(fsys fs.FS, o Options) (*Set, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Keys <= 0 {
		o.Keys = defaultKeys
	}
	events, err1 := newLanguage(false)
	rollups, err2 := newLanguage(true)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("build the language of rules: %w", err)
	}
	s := &Set{keys: o.Keys}
	unused := maps.Clone(o.Overrides)
	var errs []error
	err := fs.WalkDir(fsys, cmp.Or(o.Below, "."), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "logs" {
			return fs.SkipDir // log patterns, which have a form of their own
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		r, es := loadFile(fsys, name, o, [2]*language{events, rollups})
		errs = append(errs, es...)
		if r != nil {
			s.rules = append(s.rules, r)
			delete(unused, r.id)
		}
		return nil
	})
	for _, id := range slices.Sorted(maps.Keys(unused)) {
		errs = append(errs, fmt.Errorf("rules.%s: there is no such rule%s", id, s.nearest(id)))
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "load rules", Err: err}
	}
	slices.SortFunc(s.rules, func(a, b *rule) int { return strings.Compare(a.id, b.id) })
	return s, nil
}

func loadFile(fsys fs.FS, name string, o Options, langs [2]*language) (*rule, []error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, []error{err}
	}
	if len(text) > maxFile {
		return nil, []error{fmt.Errorf("%s: %d bytes, at most %d", name, len(text), maxFile)}
	}
	src := parse(name, text)
	if len(src.Errs) > 0 {
		return &rule{id: src.raw.ID}, src.Errs
	}
	c := &compiler{source: src, zone: o.Zone, langs: langs}
	var r *rule
	if src.raw.Detector != "" {
		r = c.compileNamed(o.Detectors)
	} else {
		r = c.compile()
	}
	if ov, ok := o.Overrides[r.id]; ok && len(src.Errs) == 0 {
		c.override(ov)
	}
	if r.hours != nil && src.raw.Zone == "" && o.Overrides[r.id].Zone == "" {
		r.hours.zones = o.Zones
	}
	return r, src.Errs
}

// override applies what the operator changed, under the same checks.
func (c *compiler) override(o Override) {
	r := c.r
	before := len(c.Errs)
	if r.named != nil {
		c.overrideNamed(o)
		o.Threshold, o.Hours, o.Zone, o.Window = nil, "", "", 0
	} else if len(o.Parameters) > 0 {
		c.Fail("parameters", "this rule has none; it has threshold and window")
	}
	if o.Mode != haechi.ModeUnset {
		r.mode = o.Mode
	}
	if o.Threshold != nil {
		r.threshold = *o.Threshold
		c.limits()
	}
	if o.Zone != "" {
		c.setZone(o.Zone)
		if r.hours != nil {
			r.hours = &hours{from: r.hours.from, to: r.hours.to, zone: c.zone}
		}
	}
	if o.Hours != "" {
		c.setHours(o.Hours)
		if r.hours != nil && c.raw.Window == "" {
			r.window, r.cooldown = r.hours.length(), r.hours.length()
		}
	}
	if (o.Hours != "" || o.Zone != "") && c.raw.Hours == "" {
		c.Fail("hours", "this rule has none to override")
	}
	if o.Window != 0 {
		r.window = c.duration("window", o.Window.String(), minWindow, maxWindow)
		r.cooldown = r.window
	}
	if o.Action != nil {
		r.action = *o.Action
	}
	if o.For != 0 {
		r.duration = c.duration("for", o.For.String(), time.Second, 365*24*time.Hour)
	}
	c.action()
	for i := before; i < len(c.Errs); i++ { // the line belongs to the shipped file, the mistake does not
		c.Errs[i] = fmt.Errorf("rules.%s: overridden: %w", r.id, c.Errs[i])
	}
}

// nearest proposes the rule whose name shares the last word.
func (s *Set) nearest(id string) string {
	want := id[strings.LastIndexByte(id, '/')+1:]
	for _, r := range s.rules {
		if have := r.id[strings.LastIndexByte(r.id, '/')+1:]; want != "" && (strings.Contains(have, want) || strings.Contains(want, have)) {
			return "; did you mean " + r.id + "?"
		}
	}
	return ""
}
