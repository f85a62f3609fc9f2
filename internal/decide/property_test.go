package decide_test

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"haechi"
	"haechi/internal/decide"
)

// The world of the property tests: what must never be acted on, next to what may.
func untouchable() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/30"),       // allow list
		netip.MustParsePrefix("2001:db8:a::5/128"),  // allow list, one address of a /64
		netip.MustParsePrefix("127.0.0.1/32"),       // own address
		netip.MustParsePrefix("198.51.100.1/32"),    // trusted proxy
		netip.MustParsePrefix("198.51.100.200/32"),  // live console session
		netip.MustParsePrefix("2001:db8:b::1/128"),  // trusted proxy
		netip.MustParsePrefix("2001:db8:c:1::/112"), // own addresses
	}
}

const allowList = 2 // the first so many of untouchable

const sharedAddr = "203.0.113.50" // 50 good devices behind it

func overlaps(ps []netip.Prefix, p netip.Prefix) bool {
	for _, q := range ps {
		if q.Overlaps(p) {
			return true
		}
	}
	return false
}

func propertyDeps() decide.Deps {
	all := untouchable()
	return decide.Deps{
		Allowed: func(p netip.Prefix) bool { return overlaps(all[:allowList], p) },
		Protected: func(s haechi.Scope) (string, bool) {
			if s == device("console/admin") {
				return "a live console session", true
			}
			return "protected", s.Prefix.IsValid() && overlaps(all[allowList:], s.Prefix)
		},
		GoodDevices: func(p netip.Prefix, _ time.Time) int {
			if p.Contains(netip.MustParseAddr(sharedAddr)) {
				return 50
			}
			return 0
		},
	}
}

func genAddr() *rapid.Generator[netip.Addr] {
	return rapid.Map(rapid.SampledFrom([]string{
		"192.0.2.1", "192.0.2.4", "127.0.0.1", "127.0.0.2", "198.51.100.1", "198.51.100.200", "203.0.113.7", sharedAddr,
		"::ffff:192.0.2.2", "::ffff:203.0.113.8", "::ffff:198.51.100.1", "2001:db8:a::5", "2001:db8:a::6", "2001:db8:b::1",
		"2001:db8:b::2", "2001:db8:c:1::9", "2001:db8:d::1",
	}), netip.MustParseAddr)
}

func genScope() *rapid.Generator[haechi.Scope] {
	return rapid.Custom(func(t *rapid.T) haechi.Scope {
		s := haechi.Scope{Kind: haechi.ScopeKind(rapid.IntRange(0, 9).Draw(t, "kind"))}
		if s.Kind == haechi.ScopeAddress || s.Kind == haechi.ScopePrefix {
			a := genAddr().Draw(t, "addr")
			s.Prefix = netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
			if s.Kind == haechi.ScopeAddress && rapid.Bool().Draw(t, "single") {
				s.Prefix = netip.PrefixFrom(a, a.BitLen())
			}
		} else {
			s.Value = rapid.SampledFrom([]string{"", "a/1", "a/2", "console/admin", "KR", "64500"}).Draw(t, "value")
		}
		return s
	})
}

func genFinding() *rapid.Generator[haechi.Finding] {
	return rapid.Custom(func(t *rapid.T) haechi.Finding {
		f := haechi.Finding{
			Rule:     rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "rule"),
			Service:  rapid.SampledFrom([]string{"bots", "shop"}).Draw(t, "service"),
			About:    genScope().Draw(t, "about"),
			Severity: haechi.Severity(rapid.IntRange(0, 4).Draw(t, "severity")),
			Mode:     haechi.Mode(rapid.IntRange(0, 3).Draw(t, "mode")),
			Want:     haechi.Action(rapid.IntRange(0, 6).Draw(t, "want")),
			For:      time.Duration(rapid.Int64Range(-1e9, 1e14).Draw(t, "for")),
			Score:    rapid.Float64Range(-10, 200).Draw(t, "score"), Observed: 11, Threshold: 10,
			Spoofable: rapid.IntRange(0, 4).Draw(t, "spoofable") == 0,
		}
		f.Addr = genAddr().Draw(t, "addr")
		f.Assurance = haechi.Assurance(rapid.IntRange(0, 2).Draw(t, "assurance"))
		f.Device = rapid.SampledFrom([]string{"", "a/1", "a/2", "console/admin"}).Draw(t, "device")
		f.Client = ip(f.Addr.String()).Prefix
		if f.Client.Addr().Is6() {
			f.Client = netip.PrefixFrom(f.Client.Addr(), 64).Masked()
		}
		return f
	})
}

func TestNoSequenceTouchesWhatIsProtected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{d: decide.New(decide.Config{MaxOpen: 20, MaxScopes: 30, MaxIncidents: 10}, propertyDeps()), now: start}
		t.Repeat(map[string]func(*rapid.T){
			"find": m.find, "operator": m.operator, "lift": m.lift, "tick": m.tick, "load": m.load, "": m.check,
		})
	})
}

type machine struct {
	d   *decide.Decider
	now time.Time
}

func (m *machine) find(t *rapid.T) {
	f := genFinding().Draw(t, "finding")
	for _, dec := range m.d.Decide(&f, m.now, nil) {
		switch {
		case f.Spoofable || f.Assurance == haechi.Seen:
			t.Fatalf("unverified evidence led to %+v", dec)
		case f.Mode != haechi.Enforce && dec.Applies(m.now):
			t.Fatalf("a rule in mode %v led to an enforced %+v", f.Mode, dec)
		case !dec.Until.After(m.now) || !dec.Until.After(dec.From):
			t.Fatalf("no positive duration: %+v", dec)
		case f.About.Kind == haechi.ScopeService:
			t.Fatalf("a service finding led to %+v", dec)
		case dec.Scope.Kind == haechi.ScopeDevice && f.Assurance != haechi.Authenticated:
			t.Fatalf("a claimed device was acted on: %+v", dec)
		case !dec.Scope.IsSource() && overlaps(untouchable()[:allowList], netip.PrefixFrom(f.Addr.Unmap(), f.Addr.Unmap().BitLen())):
			t.Fatalf("an actor at an allowed address was acted on: %+v", dec)
		case dec.Scope.Prefix.IsValid() && dec.Scope.Prefix.Contains(netip.MustParseAddr(sharedAddr)) && dec.Action > haechi.Throttle:
			t.Fatalf("fifty good devices lost their address: %+v", dec)
		}
	}
}

func (m *machine) operator(t *rapid.T) {
	dec := haechi.Decision{Scope: genScope().Draw(t, "scope"), Action: haechi.Action(rapid.IntRange(0, 6).Draw(t, "action")),
		Mode: haechi.Mode(rapid.IntRange(0, 4).Draw(t, "mode"))}
	if rapid.Bool().Draw(t, "ends") {
		dec.Until = m.now.Add(time.Duration(rapid.Int64Range(-1e12, 1e15).Draw(t, "length")))
	}
	got, err := m.d.Operator(dec, m.now)
	if err == nil && !got.Open(m.now) {
		t.Fatalf("accepted, and not open: %+v", got)
	}
}

func (m *machine) lift(t *rapid.T) {
	open := m.d.Open(m.now)
	if len(open) == 0 {
		return
	}
	id := rapid.SampledFrom(open).Draw(t, "open").ID
	if _, err := m.d.Lift(id, "kim", "", m.now); err != nil {
		t.Fatal(err)
	}
	if _, yes := m.d.Get(id, m.now); yes {
		t.Fatalf("%s is open after it was lifted", id)
	}
}

func (m *machine) tick(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.Int64Range(0, 1e13).Draw(t, "passes")))
	m.d.Tick(m.now)
}

func (m *machine) load(t *rapid.T) {
	open := m.d.Open(m.now)
	stranger := haechi.Decision{ID: "AAAAA-AAAAA", Scope: genScope().Draw(t, "scope"), Action: haechi.Deny,
		Mode: haechi.Enforce, Origin: haechi.OriginPeer, From: m.now, Until: m.now.Add(time.Hour)}
	m.d.Load(append(open, stranger), m.now)
}

func (m *machine) check(t *rapid.T) {
	type slot struct {
		s       haechi.Scope
		service string
		mode    haechi.Mode
		origin  haechi.Origin
	}
	seen := map[slot]bool{}
	for _, dec := range m.d.Open(m.now) {
		if dec.Scope.Prefix.IsValid() && overlaps(untouchable(), dec.Scope.Prefix) || dec.Scope == device("console/admin") {
			t.Fatalf("acted on what is protected: %+v", dec)
		}
		if !dec.Until.IsZero() && !dec.Until.After(dec.From) {
			t.Fatalf("no positive duration: %+v", dec)
		}
		k := slot{dec.Scope, dec.Service, dec.Mode, dec.Origin}
		if seen[k] {
			t.Fatalf("two open decisions about %+v", k)
		}
		seen[k] = true
	}
	for _, c := range m.d.Stats() {
		if c.Name == "decide_open" && c.Value > 20 || c.Name == "decide_scopes" && c.Value > 30 || c.Name == "decide_incidents" && c.Value > 10 {
			t.Fatalf("unbounded: %+v", c)
		}
	}
}

// The promise to a rule: its action, at least, for at least its time. A watch's time
// is kept only as long as nothing stronger takes its place.
func TestAnEnforcedRuleGetsItsActionAndTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := decide.New(decide.Config{}, decide.Deps{})
		type promise struct {
			action haechi.Action
			until  time.Time
		}
		var made []promise
		now, beyond := start, false // whether anything stronger than a watch was decided
		for range rapid.IntRange(1, 20).Draw(t, "n") {
			f := wants("203.0.113.7", rapid.SampledFrom([]haechi.Action{haechi.Watch, haechi.Throttle, haechi.Deny, haechi.Drop}).Draw(t, "want"),
				time.Duration(rapid.Int64Range(1, 1e14).Draw(t, "for")))
			f.Score = rapid.Float64Range(0, 100).Draw(t, "score")
			for _, dec := range d.Decide(f, now, nil) {
				beyond = beyond || dec.Action > haechi.Watch
			}
			made = append(made, promise{f.Want, now.Add(f.For)})
			now = now.Add(time.Duration(rapid.Int64Range(0, 1e13).Draw(t, "passes")))
			for _, p := range made {
				if p.action == haechi.Watch && beyond {
					continue // it prolongs nothing stronger
				}
				open := d.Open(now)
				if now.Before(p.until) && (len(open) != 1 || open[0].Action < p.action || open[0].Until.Before(p.until)) {
					t.Fatalf("promised %v until %v, open at %v: %+v", p.action, p.until, now, open)
				}
			}
		}
	})
}

func TestSameInputSameDecisions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		findings := rapid.SliceOfN(genFinding(), 1, 40).Draw(t, "findings")
		run := func() (out []haechi.Decision, told []haechi.Incident) {
			deps := propertyDeps()
			deps.OnIncident = func(in haechi.Incident) { told = append(told, in) }
			d := decide.New(decide.Config{MaxScopes: 5}, deps)
			for i := range findings {
				now := start.Add(time.Duration(i) * time.Minute)
				out = d.Decide(&findings[i], now, out)
				d.Tick(now)
			}
			return append(out, d.Open(start)...), told
		}
		a, ai := run()
		b, bi := run()
		if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(ai, bi) {
			t.Fatalf("%+v\n%+v", a, b)
		}
	})
}
