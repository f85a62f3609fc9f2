package decide_test

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
)

func TestNarrowestScope(t *testing.T) {
	const dev = "LOA.i/0123456789abcdef"
	withDevice := func(f *haechi.Finding) { f.Device, f.Assurance = dev, haechi.Authenticated }
	tests := []struct {
		name string
		set  func(*haechi.Finding)
		want haechi.Scope
	}{
		{"address", func(*haechi.Finding) {}, ip("203.0.113.7")},
		{"proved device", func(f *haechi.Finding) { withDevice(f); f.About = device(dev) }, device(dev)},
		{"claimed device", func(f *haechi.Finding) { f.Device, f.About = dev, device(dev) }, ip("203.0.113.7")},
		{"address, all evidence by one device", func(f *haechi.Finding) {
			withDevice(f)
			f.Evidence = []haechi.Event{{Actor: f.Actor}, {Actor: f.Actor}}
		}, device(dev)},
		{"address, evidence by several", func(f *haechi.Finding) {
			withDevice(f)
			f.Evidence = []haechi.Event{{Actor: haechi.Actor{Device: "x/y", Assurance: haechi.Authenticated}}, {Actor: f.Actor}}
		}, ip("203.0.113.7")},
		{"address, evidence partly a claim", func(f *haechi.Finding) {
			withDevice(f)
			claim := f.Actor
			claim.Assurance = haechi.Handshaken
			f.Evidence = []haechi.Event{{Actor: claim}, {Actor: f.Actor}}
		}, ip("203.0.113.7")},
		{"certificate", func(f *haechi.Finding) { f.Certificate, f.Assurance = "spiffe://a/b", haechi.Authenticated },
			haechi.Scope{Kind: haechi.ScopeCertificate, Value: "spiffe://a/b"}},
		{"device before certificate", func(f *haechi.Finding) { withDevice(f); f.Certificate = "spiffe://a/b" }, device(dev)},
		{"about the user", func(f *haechi.Finding) {
			withDevice(f)
			f.User, f.About = "kim", haechi.Scope{Kind: haechi.ScopeUser, Value: "kim"}
		}, haechi.Scope{Kind: haechi.ScopeUser, Value: "kim"}},
		{"fingerprint", func(f *haechi.Finding) {
			f.Fingerprint = "t13d"
			f.About = haechi.Scope{Kind: haechi.ScopeFingerprint, Value: "t13d"}
		}, haechi.Scope{Kind: haechi.ScopeFingerprint, Value: "t13d"}},
		{"IPv4-mapped", func(f *haechi.Finding) {
			f.About.Prefix = netip.MustParsePrefix("::ffff:203.0.113.9/128")
		}, ip("203.0.113.9")},
		{"about nobody", func(f *haechi.Finding) { f.About = haechi.Scope{} }, ip("203.0.113.7")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := decide.New(decide.Config{}, decide.Deps{})
			f := wants("203.0.113.7", haechi.Deny, time.Hour)
			tt.set(f)
			if got := one(t, d, f, start); got.Scope != tt.want {
				t.Fatalf("acted on %s, want %s", got.Scope, tt.want)
			}
		})
	}
}

func TestNobodyIsActedOn(t *testing.T) {
	tests := []struct {
		name, counter string
		set           func(*haechi.Finding)
	}{
		{"spoofable", "decide_refused_unverified", func(f *haechi.Finding) { f.Spoofable = true }},
		{"only seen", "decide_refused_unverified", func(f *haechi.Finding) { f.Assurance = haechi.Seen }},
		{"allowed actor", "decide_refused_allowed", func(f *haechi.Finding) { f.Allowed = true }},
		{"allowed address", "decide_refused_allowed", func(f *haechi.Finding) {
			*f = *byDevice("a/b", "192.0.2.1", haechi.Deny, time.Hour)
		}},
		{"prefix with an allowed address", "decide_refused_allowed", func(f *haechi.Finding) {
			f.About = haechi.Scope{Kind: haechi.ScopePrefix, Prefix: netip.MustParsePrefix("192.0.2.0/24")}
		}},
		{"protected", "decide_refused_protected", func(f *haechi.Finding) { *f = *wants("127.0.0.1", haechi.Deny, time.Hour) }},
		{"too broad", "decide_refused_broad", func(f *haechi.Finding) {
			f.About = haechi.Scope{Kind: haechi.ScopePrefix, Prefix: netip.MustParsePrefix("203.0.0.0/16")}
		}},
		{"country", "", func(f *haechi.Finding) { f.About = haechi.Scope{Kind: haechi.ScopeCountry, Value: "KR"} }},
		{"no address", "", func(f *haechi.Finding) {
			f.About, f.Actor = haechi.Scope{}, haechi.Actor{Assurance: haechi.Handshaken}
		}},
	}
	deps := decide.Deps{
		Allowed: func(p netip.Prefix) bool { return p.Overlaps(netip.MustParsePrefix("192.0.2.1/32")) },
		Protected: func(s haechi.Scope) (string, bool) {
			return "an own address", s.IsSource() && s.Prefix.Overlaps(netip.MustParsePrefix("127.0.0.1/32"))
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := decide.New(decide.Config{}, deps)
			f := wants("203.0.113.7", haechi.Deny, time.Hour)
			tt.set(f)
			f.Score = 1000
			none(t, d, f, start)
			if tt.counter != "" && stat(t, d, tt.counter) != 1 {
				t.Fatalf("%s was not counted: %+v", tt.counter, d.Stats())
			}
		})
	}
}

func TestAllowedIsNotEvenAnIncident(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	f := wants("203.0.113.7", haechi.Deny, time.Hour)
	f.Allowed = true
	none(t, d, f, start)
	if n := len(d.Incidents()); n != 0 {
		t.Fatalf("%d incidents", n)
	}
}

func TestSeveralGoodDevicesProtectTheAddress(t *testing.T) {
	good := 0
	deps := decide.Deps{GoodDevices: func(p netip.Prefix, _ time.Time) int { return good }}
	for _, tt := range []struct {
		good int
		want haechi.Action
		long time.Duration
	}{{0, haechi.Deny, time.Hour}, {1, haechi.Deny, time.Hour}, {2, haechi.Throttle, time.Minute}, {50, haechi.Throttle, time.Minute}} {
		good = tt.good
		d := decide.New(decide.Config{}, deps)
		got := one(t, d, wants("203.0.113.7", haechi.Deny, time.Hour), start)
		if got.Action != tt.want || got.Until.Sub(start) != tt.long {
			t.Errorf("%d good devices: %v for %v", tt.good, got.Action, got.Until.Sub(start))
		}
		// The one bad device is acted on in full, whoever else is there.
		got = one(t, d, byDevice("a/bad", "203.0.113.7", haechi.Deny, time.Hour), start)
		if got.Scope != device("a/bad") || got.Action != haechi.Deny {
			t.Errorf("%d good devices: %+v", tt.good, got)
		}
	}
	good = 50
	d := decide.New(decide.Config{Shared: -1}, deps)
	if got := one(t, d, wants("203.0.113.7", haechi.Deny, time.Hour), start); got.Action != haechi.Deny {
		t.Fatal("the protection can be turned off")
	}
}

func TestKernelDropIsForAddresses(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	if got := one(t, d, byDevice("a/b", "203.0.113.7", haechi.Drop, time.Hour), start); got.Action != haechi.Deny {
		t.Fatalf("got %v", got.Action)
	}
	if got := one(t, d, wants("203.0.113.7", haechi.Drop, time.Hour), start); got.Action != haechi.Drop {
		t.Fatalf("got %v", got.Action)
	}
}
