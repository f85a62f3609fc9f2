package rules

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/window"
)

var (
	idForm        = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)+$`)
	techniqueForm = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)
	aggForm       = regexp.MustCompile(`^(count|changes|distinct|sum|ratio)(?:\(([a-z_]+)\))?$`)
)

const (
	minWindow = time.Second
	maxWindow = 24 * time.Hour
	maxMin    = 1_000_000
)

// compiler turns one raw rule into a rule, and notes every error on the way.
type compiler struct {
	*source
	r     *rule
	zone  *time.Location
	langs [2]*language // of events and of roll-ups
}

func (c *compiler) compile() *rule {
	c.r = &rule{counters: new(counters)}
	c.names()
	c.events()
	c.counting()
	c.times()
	c.answer()
	c.examples()
	if c.raw.Parameters != nil {
		c.Fail("parameters", "belong to detector")
	}
	if c.raw.Sentence != (rawTitle{}) {
		c.Fail("sentence", "belongs to detector")
	}
	return c.r
}

func (c *compiler) names() {
	raw, r := &c.raw, c.r
	r.id, r.version, r.title, r.titleKO, r.pattern = raw.ID, raw.Version, raw.Title.EN, raw.Title.KO, raw.Pattern
	if !idForm.MatchString(raw.ID) {
		c.Fail("id", "%q is no id: write words of a-z, 0-9 and - with a slash between, for example device/bulk-messages", raw.ID)
	} else if raw.ID+".yaml" != c.Name() {
		c.Fail("id", "the file of rule %q must be %s.yaml", raw.ID, raw.ID)
	}
	if raw.Version < 1 {
		c.Fail("version", "must be 1 or more")
	}
	for _, f := range [][2]string{{"title.en", raw.Title.EN}, {"title.ko", raw.Title.KO}, {"about", raw.About}} {
		if strings.TrimSpace(f[1]) == "" {
			c.Fail(f[0], "is required")
		}
	}
}

func (c *compiler) events() {
	raw, r := &c.raw, c.r
	r.kinds = c.kinds(raw.Kinds)
	if r.anyOutcome = raw.Outcome == ""; !r.anyOutcome {
		enum(c, "outcome", raw.Outcome, &r.outcome)
	}
	switch r.group = group(raw.Group); r.group {
	case byClient, byDevice, byActor, byService, byAll:
	default:
		c.Fail("group", "%q is no group: use client, device, actor, service or global", raw.Group)
	}
	r.matchText = strings.TrimSpace(raw.Match)
	r.match = c.expression(raw.Match)
	r.spoofable = raw.Spoofable
}

func (c *compiler) kinds(names []string) (kinds []haechi.Kind) {
	if len(names) == 0 {
		c.Fail("kinds", "name at least one kind of event")
	}
	for i, n := range names {
		var k haechi.Kind
		if enum(c, fmt.Sprintf("kinds[%d]", i), n, &k) && !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func (c *compiler) expression(text string) *expression {
	lang := c.langs[0]
	if c.r.group.cross() {
		lang = c.langs[1]
	}
	x, err := lang.compile(text)
	if err != nil {
		c.Fail("match", "%v", err)
	}
	return x
}

func (c *compiler) counting() {
	raw, r := &c.raw, c.r
	r.min, r.threshold = raw.Min, 0
	if raw.Threshold == nil {
		c.Fail("threshold", "is required")
	} else {
		r.threshold = *raw.Threshold
	}
	m := aggForm.FindStringSubmatch(raw.Aggregate)
	if m == nil {
		c.Fail("aggregate", "%q is no aggregate: use count, changes(FIELD), distinct(FIELD), sum(FIELD) or ratio(failure)", raw.Aggregate)
		return
	}
	r.agg = aggregate(m[1])
	c.field(m[2])
	c.limits()
	if (r.agg == aggRatio) != (r.min > 0) || r.min > maxMin {
		c.Fail("min", "belongs to ratio(failure), and is required there: 1 to %d", maxMin)
	}
	if r.agg == aggRatio && !r.anyOutcome {
		c.Fail("outcome", "must be left out with ratio(failure)")
	}
}

// field checks what stands between the brackets of the aggregate.
func (c *compiler) field(name string) {
	f, known := findField(name)
	ok := false
	switch c.r.agg {
	case aggCount:
		ok = name == ""
	case aggRatio:
		ok = name == "failure"
	case aggSum:
		ok = known && f.size != nil
	default:
		ok = known && f.text != nil && !c.r.group.cross()
	}
	if !ok {
		c.Fail("aggregate", "%q does not go together: sum takes bytes_in or bytes_out, ratio takes failure, changes and distinct take a text of the event and no group across actors", c.raw.Aggregate)
	}
	c.r.field = f
}

// limits checks the threshold, also one that was overridden.
func (c *compiler) limits() {
	t, high := c.r.threshold, math.Pow(2, 50)
	switch c.r.agg {
	case aggRatio:
		if !(t >= 0 && t < 1) {
			c.Fail("threshold", "a ratio's threshold is 0 or more and under 1")
		}
		return
	case aggDistinct:
		high = window.MaxDistinct
	case aggChanges:
		high = window.MaxExact
	}
	if !(t >= 0 && t <= high) || t != math.Trunc(t) {
		c.Fail("threshold", "must be a whole number, 0 to %.0f", high)
	}
}

func (c *compiler) times() {
	raw, r := &c.raw, c.r
	if raw.Zone != "" {
		c.setZone(raw.Zone)
	}
	if raw.Hours != "" {
		c.setHours(raw.Hours)
	} else if raw.Zone != "" {
		c.Fail("zone", "belongs to hours")
	}
	switch {
	case r.hours != nil && raw.Window == "":
		r.window = r.hours.length()
	default:
		r.window = c.duration("window", raw.Window, minWindow, maxWindow)
	}
	r.cooldown = r.window
	if raw.Cooldown != "" {
		r.cooldown = c.duration("cooldown", raw.Cooldown, minWindow, max(r.window, minWindow))
	}
}

func (c *compiler) setZone(name string) {
	z, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		c.Fail("zone", "%q is no time zone: use a name such as Asia/Seoul or UTC", name)
		return
	}
	c.zone = z
}

func (c *compiler) setHours(text string) {
	h, err := parseHours(text, c.zone)
	if err != nil {
		c.Fail("hours", "%v", err)
		return
	}
	c.r.hours = h
}

func (c *compiler) duration(field, text string, low, high time.Duration) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > high {
		c.Fail(field, "%q is no time of %v to %v, for example 60s, 10m or 1h", text, low, high)
		return low
	}
	return d
}

func (c *compiler) answer() {
	raw, r := &c.raw, c.r
	enum(c, "severity", raw.Severity, &r.severity)
	if raw.Mode == "" {
		c.Fail("mode", "is required: off, shadow or enforce")
	} else {
		enum(c, "mode", raw.Mode, &r.mode)
	}
	if raw.Technique != "" && !techniqueForm.MatchString(raw.Technique) {
		c.Fail("technique", "%q is no ATT&CK technique such as T1110 or T1110.003", raw.Technique)
	}
	r.technique, r.score = raw.Technique, raw.Score
	if !(raw.Score >= 0 && raw.Score <= 1000) {
		c.Fail("score", "must be 0 to 1000")
	}
	if raw.Action != "" {
		enum(c, "action", raw.Action, &r.action)
	}
	if raw.For != "" {
		r.duration = c.duration("for", raw.For, time.Second, 365*24*time.Hour)
	}
	c.action()
}

// action checks what the rule asks for, also where it was overridden.
func (c *compiler) action() {
	r := c.r
	switch {
	case r.action == haechi.Hold:
		c.Fail("action", "hold is a verdict, not a decision")
	case r.action != haechi.Pass && r.named == nil && r.group.cross():
		c.Fail("action", "a rule across actors has nobody to act on")
	case r.action != haechi.Pass && r.duration == 0:
		c.Fail("for", "is required with an action: every automatic decision ends")
	}
}

// textEnum is an enumeration of the root package.
type textEnum[T any] interface {
	*T
	UnmarshalText([]byte) error
}

func enum[T any, P textEnum[T]](c *compiler, field, text string, dst P) bool {
	if err := dst.UnmarshalText([]byte(text)); err != nil || text == "" {
		c.Fail(field, "%q is unknown here: %s", text, hintOf(err))
		return false
	}
	return true
}

func hintOf(err error) string {
	if e, ok := err.(*haechi.Error); ok {
		return e.Hint
	}
	return "it must not be empty"
}
