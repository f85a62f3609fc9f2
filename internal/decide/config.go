package decide

import (
	"cmp"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"haechi"
)

// Rung is one step of the ladder: from this score on, this action.
type Rung struct {
	Score  float64
	Action haechi.Action // Watch, Throttle, Challenge, Deny or Drop
}

// DefaultLadder is watch, throttle, challenge, deny, drop at 10, 20, 40, 60 and
// 120 points. The challenge is skipped where nothing can pose one.
func DefaultLadder() []Rung {
	return []Rung{
		{10, haechi.Watch}, {20, haechi.Throttle}, {40, haechi.Challenge}, {60, haechi.Deny}, {120, haechi.Drop},
	}
}

// Config is how to decide. The zero value of every field means its default.
type Config struct {
	// Mode bounds every rule: Shadow makes all automatic decisions shadow, Off
	// leaves only incidents. Default Enforce.
	Mode haechi.Mode
	// Ladder maps scores to actions. Nil means [DefaultLadder]; empty means that no
	// score alone leads to an action.
	Ladder []Rung
	// Challenge says that a challenge inspector exists. Without one, a rung with
	// Challenge is skipped and a rule that wants a challenge gets a throttle.
	Challenge bool
	// HalfLife is the time in which a score halves. Default 10 min.
	HalfLife time.Duration
	// Base is the length of a first decision that names none itself; each
	// repetition doubles it, up to Max. Defaults 5 min and 24 h.
	Base, Max time.Duration
	// OnHigh and OnCritical are the least that a high or critical finding of a detector
	// leads to, if its rule asks for anything at all. Defaults Throttle and Deny; Watch
	// adds nothing.
	OnHigh, OnCritical haechi.Action
	// Forgive is the good behaviour, counted from the end of the last decision,
	// that takes back one repetition. Default 24 h.
	Forgive time.Duration
	// Shared is how many good devices behind a source protect it; negative: never.
	// Default 2. SharedFor is the length of the throttle it gets instead. Default 1 min.
	Shared    int
	SharedFor time.Duration
	// PerService limits a decision to the service of its finding. Default: a
	// decision covers every service, since an attacker only has to walk next door.
	PerService bool
	// Quiet is how long an incident stays open without a finding. Default 5 min.
	Quiet time.Duration
	// UpdateEvery is the least time between two updates of one incident that tell
	// nothing but a higher count. Default 10 s.
	UpdateEvery time.Duration
	// MaxScopes bounds the scores (the least guilty are forgotten first), MaxOpen
	// the open decisions and MaxIncidents the open incidents (further ones are
	// refused and counted). Defaults 200,000, 100,000 and 10,000.
	MaxScopes, MaxOpen, MaxIncidents int
	// V6Bits is the length of an IPv6 client key. Default 64.
	V6Bits int
	// Log takes one line for each decision; nil discards.
	Log *slog.Logger
}

// Deps is what deciding needs to know of others. A nil function answers "no". All
// are called with the Decider locked: they must be quick and must not call it.
type Deps struct {
	// Allowed reports whether the prefix overlaps the allow list.
	Allowed func(netip.Prefix) bool
	// Protected says why a scope must never be acted on, if so: own addresses,
	// trusted proxies, live console sessions. It must answer for overlaps.
	Protected func(haechi.Scope) (why string, yes bool)
	// Internal reports whether a source is a host of ours. What a detector finds about
	// one only ever leads to a watch: cutting it off is for an operator.
	Internal func(source netip.Prefix) bool
	// GoodDevices counts the authenticated devices behind a source.
	GoodDevices func(source netip.Prefix, now time.Time) int
	// OnIncident is told of every opened, changed and ended incident, in order.
	OnIncident func(haechi.Incident)
}

func or[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func orPositive[T cmp.Ordered](v *T, def T) {
	var zero T
	if *v <= zero {
		*v = def
	}
}

func (c *Config) defaults() {
	or(&c.Mode, haechi.Enforce)
	orPositive(&c.HalfLife, 10*time.Minute)
	orPositive(&c.Base, 5*time.Minute)
	orPositive(&c.Max, 24*time.Hour)
	c.Max = max(c.Max, c.Base)
	or(&c.OnHigh, haechi.Throttle)
	or(&c.OnCritical, haechi.Deny)
	orPositive(&c.Forgive, 24*time.Hour)
	or(&c.Shared, 2)
	orPositive(&c.SharedFor, time.Minute)
	orPositive(&c.Quiet, 5*time.Minute)
	orPositive(&c.UpdateEvery, 10*time.Second)
	orPositive(&c.MaxScopes, 200_000)
	orPositive(&c.MaxOpen, 100_000)
	orPositive(&c.MaxIncidents, 10_000)
	orPositive(&c.V6Bits, 64)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Ladder = usableRungs(c.Ladder, c.Challenge)
}

// usableRungs sorts a copy of the ladder and leaves out what cannot be done.
func usableRungs(ladder []Rung, challenge bool) []Rung {
	if ladder == nil {
		ladder = DefaultLadder()
	}
	ladder = slices.DeleteFunc(slices.Clone(ladder), func(r Rung) bool {
		return !decidable(r.Action) || !(r.Score > 0) || (r.Action == haechi.Challenge && !challenge)
	})
	slices.SortStableFunc(ladder, func(a, b Rung) int { return cmp.Compare(a.Score, b.Score) })
	return ladder
}

// decidable reports whether an action may stand in a decision: Pass and Hold are
// verdicts only.
func decidable(a haechi.Action) bool {
	switch a {
	case haechi.Watch, haechi.Throttle, haechi.Challenge, haechi.Deny, haechi.Drop:
		return true
	}
	return false
}

func (d *Deps) defaults() {
	if d.Allowed == nil {
		d.Allowed = func(netip.Prefix) bool { return false }
	}
	if d.Protected == nil {
		d.Protected = func(haechi.Scope) (string, bool) { return "", false }
	}
	if d.Internal == nil {
		d.Internal = func(netip.Prefix) bool { return false }
	}
	if d.GoodDevices == nil {
		d.GoodDevices = func(netip.Prefix, time.Time) int { return 0 }
	}
	if d.OnIncident == nil {
		d.OnIncident = func(haechi.Incident) {}
	}
}
