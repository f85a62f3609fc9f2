package shield_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/decide"
	"haechi/internal/enforce"
	"haechi/internal/enforce/nft"
	"haechi/internal/enforce/session"
	"haechi/internal/enforce/xdp"
)

// keep are those who must never be dropped, and one who may.
func keep() map[string]netip.Addr {
	return map[string]netip.Addr{
		"allow list": netip.MustParseAddr("192.0.2.1"), "console session": netip.MustParseAddr("203.0.113.200"),
		"default gateway": netip.MustParseAddr("10.77.0.2"), "console session by IPv6": netip.MustParseAddr("2001:db8:c::1"),
		"default gateway by IPv6": netip.MustParseAddr("fd77::2"),
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

// protectKept is what an enforcer is told.
func protectKept(p netip.Prefix) (string, bool) { return "protected", overlapsKept(p) }

// TestNobodyIsLockedOutOfTheKernel does what rules, operators and a broken or hostile
// caller may do, at random, and asks after each step with a packet whether whoever is
// protected still gets in. Somebody with nft puts elements in where there is a set.
func TestNobodyIsLockedOutOfTheKernel(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	k, err := nft.Open(t.Context(), nft.Config{NetNS: l.guarded.FD(), From: haechi.Deny, Protected: protectKept})
	if err != nil {
		t.Fatal(err)
	}
	nobodyIsLockedOut(t, l, k, func(_ *rand.Rand, p netip.Prefix) {
		family := 4
		if p.Addr().Is6() {
			family = 6
		}
		_ = l.guarded.Do(func() error {
			return command("nft", fmt.Sprintf("add element inet haechi deny%d_%d { %s }", family, p.Bits(), p.Addr()))
		})
	})
}

// TestNobodyIsLockedOutOfTheDriver does the same by XDP; besides, lists are loaded that name
// whoever is protected, and meters are set that nobody can keep to.
func TestNobodyIsLockedOutOfTheDriver(t *testing.T) {
	l := newLand(t)
	k, err := xdp.Open(t.Context(), xdp.Config{NetNS: l.guarded.FD(), Interfaces: []string{"in0"}, Dir: filepath.Join(netnstest.BPF(t), "haechi"), From: haechi.Deny, Protected: protectKept})
	if err != nil {
		t.Fatal(err)
	}
	nobodyIsLockedOut(t, l, k, func(rnd *rand.Rand, p netip.Prefix) {
		if rnd.IntN(4) > 0 {
			m := xdp.Meters{Source: xdp.Drop, Limit: xdp.Limit{Packets: 1, Per: time.Minute}}
			if err := k.SetMeters(t.Context(), m); err != nil {
				t.Error(err)
			}
			return
		}
		if err := k.Load(t.Context(), enforce.List{Prefixes: []netip.Prefix{p}}); err != nil {
			t.Error(err)
		}
	})
	if err := k.Remove(); err != nil {
		t.Error(err)
	}
}

// guarding is an enforcer of the kernel.
type guarding interface {
	enforce.Enforcer
	Guard(ctx context.Context, ps []netip.Prefix) error
}

// nobodyIsLockedOut takes the steps. meddle goes past the enforcer's own judgement.
func nobodyIsLockedOut(t *testing.T, l *land, k guarding, meddle func(rnd *rand.Rand, p netip.Prefix)) {
	in := l.listen(t)
	guard := []netip.Prefix{netip.MustParsePrefix("fe80::/64")} // by which the gateway asks who is where
	for _, a := range keep() {
		guard = append(guard, netip.PrefixFrom(a, a.BitLen()))
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
	m := &mischief{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), d: d, force: force, k: k, meddle: meddle}
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
	d                *decide.Decider
	force            *enforce.Fan
	k                enforce.Enforcer
	meddle           func(rnd *rand.Rand, p netip.Prefix)
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
	case 3:
		m.meddle(m.rnd, p)
		return "meddling with " + p.String()
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
