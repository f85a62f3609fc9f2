package shield_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
	"haechi/internal/enforce"
	"haechi/internal/enforce/nft"
	"haechi/internal/enforce/session"
)

// keep are those who must never be dropped, and one who may.
func keep() map[string]netip.Addr {
	return map[string]netip.Addr{
		"allow list": netip.MustParseAddr("192.0.2.1"), "console session": netip.MustParseAddr("203.0.113.200"),
		"default gateway": netip.MustParseAddr("10.77.0.2"), "console session by IPv6": netip.MustParseAddr("2001:db8:c::1"),
	}
}

func overlapsKept(p netip.Prefix) bool {
	for _, a := range keep() {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// TestNobodyIsLockedOutOfTheKernel does what rules, operators and a broken or hostile
// caller may do, at random, and asks after each step with a packet whether whoever is
// protected still gets in.
func TestNobodyIsLockedOutOfTheKernel(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	in := l.listen(t)
	var guard []netip.Prefix
	for _, a := range keep() {
		guard = append(guard, netip.PrefixFrom(a, a.BitLen()))
	}
	k, err := nft.Open(t.Context(), nft.Config{NetNS: l.guarded.FD(), From: haechi.Deny,
		Protected: func(p netip.Prefix) (string, bool) { return "protected", overlapsKept(p) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Guard(t.Context(), guard); err != nil {
		t.Fatal(err)
	}
	d := decide.New(decide.Config{}, decide.Deps{Protected: func(s haechi.Scope) (string, bool) {
		return "protected", s.Prefix.IsValid() && overlapsKept(s.Prefix)
	}})
	force := enforce.NewFan(nil, session.New(session.Config{}), k)
	steps := 300
	if os.Getenv("HAECHI_LONG") != "" {
		steps = 3000
	}
	seed := rand.Uint64()
	m := &mischief{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), land: l, d: d, force: force, k: k}
	t.Logf("seed %d", seed)
	for range steps {
		did := m.step()
		for who, a := range keep() {
			if !l.arrives(t, in, a) {
				t.Fatalf("after %s: %s is dropped\n%s", did, who, l.guarded.Run(t, "nft", "list", "ruleset"))
			}
		}
	}
	if m.applied < steps/10 || m.refused == 0 {
		t.Errorf("the test did little: %d applied, %d refused", m.applied, m.refused)
	}
}

// mischief is everything that somebody may do.
type mischief struct {
	t                testing.TB
	rnd              *rand.Rand
	land             *land
	d                *decide.Decider
	force            *enforce.Fan
	k                *nft.Enforcer
	applied, refused int
}

func (m *mischief) prefix() netip.Prefix {
	all := []string{"192.0.2.1", "192.0.2.2", "203.0.113.200", "203.0.113.7", "10.77.0.2", "10.77.0.3", "2001:db8:c::1", "2001:db8:d::1", "198.51.100.9"}
	a := netip.MustParseAddr(all[m.rnd.IntN(len(all))])
	bits := a.BitLen()
	if m.rnd.IntN(2) == 0 {
		bits = 8 + m.rnd.IntN(bits-7)
	}
	return netip.PrefixFrom(a, bits).Masked()
}

func (m *mischief) step() string {
	p, now := m.prefix(), time.Now()
	s := haechi.Scope{Kind: haechi.ScopePrefix, Prefix: p}
	dec := haechi.Decision{Scope: s, Action: haechi.Drop, Mode: haechi.Enforce, Origin: haechi.OriginOperator, From: now, Until: now.Add(time.Hour)}
	switch m.rnd.IntN(5) {
	case 0: // an operator
		dec, err := m.d.Operator(dec, now)
		if err == nil {
			err = m.force.Apply(m.t.Context(), []haechi.Decision{dec})
		}
		m.note(err)
	case 1: // a rule
		f := haechi.Finding{Rule: "r", Service: "shop", About: s, Severity: haechi.High, Mode: haechi.Enforce, Want: haechi.Drop, For: time.Hour, Score: 200}
		f.Addr, f.Client, f.Assurance = p.Addr(), p, haechi.Handshaken
		m.note(m.force.Apply(m.t.Context(), m.d.Decide(&f, now, nil)))
	case 2: // a caller who asks the kernel's enforcer without deciding
		dec.ID = haechi.Reference(fmt.Sprint("raw", m.rnd.IntN(20)))
		m.note(m.k.Apply(m.t.Context(), []haechi.Decision{dec}))
	case 3: // somebody with nft, who puts an element in where there is a set
		what := fmt.Sprintf("%s/%d", p.Addr(), p.Bits())
		family := 4
		if p.Addr().Is6() {
			family = 6
		}
		_ = m.land.guarded.Do(func() error {
			return command("nft", fmt.Sprintf("add element inet haechi deny%d_%d { %s }", family, p.Bits(), p.Addr()))
		})
		return "nft " + what
	case 4:
		in, err := m.k.InForce(m.t.Context())
		if err == nil && len(in) > 0 {
			err = m.force.Lift(m.t.Context(), []haechi.Reference{in[m.rnd.IntN(len(in))].ID})
		}
		m.note(err)
	}
	return "something about " + p.String()
}

func (m *mischief) note(err error) {
	switch kind := haechi.KindOf(err); {
	case err == nil:
		m.applied++
	case kind == haechi.Denied || kind == haechi.Invalid || kind == haechi.Conflict:
		m.refused++
	default:
		m.t.Error(err)
	}
}
