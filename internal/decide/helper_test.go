package decide_test

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func ip(text string) haechi.Scope {
	s, err := haechi.ParseScope("ip:" + text)
	if err != nil {
		panic(err)
	}
	return s
}

func device(key string) haechi.Scope { return haechi.Scope{Kind: haechi.ScopeDevice, Value: key} }

// against is a handshaken finding of an enforced rule about an address.
func against(addr string, score float64) *haechi.Finding {
	a := netip.MustParseAddr(addr)
	s := ip(addr)
	return &haechi.Finding{
		Rule: "auth/source-failures", Service: "bots", About: s, Severity: haechi.High, Mode: haechi.Enforce,
		Observed: 11, Threshold: 10, Window: 10 * time.Minute, Score: score,
		Actor: haechi.Actor{Addr: a, Client: s.Prefix, Assurance: haechi.Handshaken},
	}
}

// wants is a finding whose rule asks for an action itself.
func wants(addr string, a haechi.Action, d time.Duration) *haechi.Finding {
	f := against(addr, 0)
	f.Want, f.For = a, d
	return f
}

// byDevice is a finding about an authenticated device at an address.
func byDevice(key, addr string, a haechi.Action, d time.Duration) *haechi.Finding {
	f := wants(addr, a, d)
	f.Rule, f.About = "device/rapid-reconnect", device(key)
	f.Device, f.Assurance = key, haechi.Authenticated
	return f
}

func one(t *testing.T, d *decide.Decider, f *haechi.Finding, now time.Time) haechi.Decision {
	t.Helper()
	out := d.Decide(f, now, nil)
	if len(out) != 1 {
		t.Fatalf("got %d decisions, want 1: %+v", len(out), out)
	}
	return out[0]
}

func none(t *testing.T, d *decide.Decider, f *haechi.Finding, now time.Time) {
	t.Helper()
	if out := d.Decide(f, now, nil); len(out) != 0 {
		t.Fatalf("got %d decisions, want none: %+v", len(out), out)
	}
}

func stat(t *testing.T, d *decide.Decider, name string) uint64 {
	t.Helper()
	for _, c := range d.Stats() {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("no counter %s", name)
	return 0
}
