package detect_test

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
)

func TestDomain(t *testing.T) {
	for name, want := range map[string]string{
		"www.example.com":              "example.com",
		"a.b.example.co.uk.":           "example.co.uk.",
		"co.uk":                        "co.uk",
		"x.daum.co.kr":                 "daum.co.kr",
		"example.com":                  "example.com",
		"go.example.dev":               "example.dev",
		"localhost":                    "localhost",
		"www.xn--3e0b707e.xn--3e0b707": "xn--3e0b707e.xn--3e0b707",
	} {
		if i := detect.Domain(name); i < 0 || name[i:] != want {
			t.Errorf("%s: begins at %d, want %s", name, i, want)
		}
	}
	for _, name := range []string{"", ".", "10.0.0.1", "dnscat.5a03b5b1e1aa", "a.b.c1", "host.x"} {
		if i := detect.Domain(name); i != -1 {
			t.Errorf("%q: begins at %d, want none", name, i)
		}
	}
}

func FuzzDomain(f *testing.F) {
	f.Add("www.example.co.uk.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, name string) {
		i := detect.Domain(name)
		if i < -1 || i > len(name) || i > 0 && name[i-1] != '.' {
			t.Fatalf("%q: begins at %d", name, i)
		}
	})
}

func TestHostName(t *testing.T) {
	for host, want := range map[string]string{"example.com:8080": "example.com", "10.0.0.1": "", "10.0.0.1:80": "", "[2001:db8::1]:80": "",
		"": "", "web1": "web1", ":80": ""} {
		if got := detect.HostName(host); got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
}

func TestNamesOfAnswersHellosAndRequests(t *testing.T) {
	n := detect.NewNames(2)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a, b, c := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
	n.Learn(&haechi.Event{Time: at, Kind: haechi.KindLookup, Flow: haechi.Flow{Name: "one.example", Answers: [2]netip.Addr{a}}})
	n.Learn(&haechi.Event{Time: at, Kind: haechi.KindRequest, Host: "192.0.2.2", Flow: haechi.Flow{Target: b}})
	n.Learn(&haechi.Event{Time: at, Kind: haechi.KindHello, Flow: haechi.Flow{Name: "two.example", Target: b}})
	n.Learn(&haechi.Event{Time: at, Kind: haechi.KindHello, Flow: haechi.Flow{Name: "three.example", Target: c}})
	if n.Of(a) != "one.example" || n.Of(b) != "two.example" || n.Of(c) != "" || n.Refused() != 1 {
		t.Fatalf("got %q, %q, %q, refused %d", n.Of(a), n.Of(b), n.Of(c), n.Refused())
	}
}

func TestAnAttackIsToldOnceWhenItGrewAndWhenItIsOver(t *testing.T) {
	var a detect.Attack
	var out []haechi.Finding
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	actor := haechi.Actor{Client: netip.MustParsePrefix("192.0.2.1/32")}
	for i := range 64 {
		f := haechi.Finding{Rule: "network/x", Actor: actor, Severity: haechi.Low, First: at.Add(time.Duration(i) * time.Second), Last: at.Add(time.Duration(i) * time.Second)}
		out = a.Tell(f, "x", float64(i+1), out)
	}
	a.Note(haechi.Finding{Rule: "network/x", Actor: actor, Observed: 99, First: at.Add(time.Minute), Last: at.Add(63 * time.Second)})
	out = a.End(at.Add(time.Hour), out)
	if len(out) != 8 { // 1, 2, 4, …, 64, end
		t.Fatalf("%d findings", len(out))
	}
	for i, f := range out {
		if f.Incident == "" || f.Incident != out[0].Incident || !f.First.Equal(at) || f.Over != (i == 7) {
			t.Errorf("finding %d: %+v", i, f)
		}
	}
	if out[7].Observed != 99 || out[7].Severity != haechi.Low {
		t.Errorf("the end does not say what was noted: %+v", out[7])
	}
	a.Note(haechi.Finding{})
	if a.Open() || !out[7].Last.Equal(at.Add(63*time.Second)) {
		t.Errorf("the end: %+v", out[7])
	}
}
