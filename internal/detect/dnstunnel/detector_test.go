package dnstunnel_test

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/dnstunnel"
)

type site struct{ roles map[netip.Addr]detect.Role }

func (site) Internal(a netip.Addr) bool { return a.IsPrivate() }
func (site) Listed(netip.Addr) bool     { return false }

func (s site) Role(a netip.Addr) detect.Role { return s.roles[a] }
func rule() detect.Rule {
	return detect.Rule{ID: "network/dns-tunnel", Version: 1, Detector: "dns_tunnel", Severity: haechi.High}
}
func begin() time.Time                 { return time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC) }
func random() *rand.Rand               { return rand.New(rand.NewPCG(1, 2)) }
func newDetector() *dnstunnel.Detector { return dnstunnel.New(rule(), site{}, dnstunnel.Defaults()) }
func token(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func lookup(at time.Time, name, typ string, answers ...netip.Addr) haechi.Event {
	client := netip.MustParseAddr("10.1.0.7")
	e := haechi.Event{Time: at, Kind: haechi.KindLookup, Outcome: haechi.Success, LocalPort: 53,
		Actor:   haechi.Actor{Addr: client, Client: netip.PrefixFrom(client, 32), Assurance: haechi.Handshaken},
		BytesIn: int64(len(name)) + 18, BytesOut: int64(len(name)) + 60,
		Flow: haechi.Flow{Target: netip.MustParseAddr("10.1.0.1"), Transport: haechi.UDP, Protocol: "dns", Name: name, Type: typ}}
	copy(e.Answers[:], answers)
	return e
}

// scenario is n lookups that a function names.
type scenario struct {
	name  string
	n     int
	every time.Duration
	ask   func(i int, r *rand.Rand) (name, typ string)
}

func (s scenario) play(d *dnstunnel.Detector) []haechi.Finding {
	var out []haechi.Finding
	r := random()
	for i := range s.n {
		name, typ := s.ask(i, r)
		e := lookup(begin().Add(time.Duration(i)*s.every), name, typ)
		out = d.Observe(&e, out)
	}
	return d.Tick(begin().Add(time.Duration(s.n)*s.every+time.Hour), out)
}

func pick(i int, of ...string) string { return of[i%len(of)] }

func TestTunnelsAreFound(t *testing.T) {
	b32 := base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	for _, s := range []scenario{
		{"polls in NULL records", 60, 200 * time.Millisecond, func(i int, r *rand.Rand) (string, string) {
			return "p" + b32.EncodeToString(token(r, 4)) + ".t.example.net", "NULL"
		}},
		{"hexadecimal in three types", 60, time.Second, func(i int, r *rand.Rand) (string, string) {
			return hex.EncodeToString(token(r, 9)) + ".example.org", pick(i, "TXT", "CNAME", "MX")
		}},
		{"straight to a server of its own", 60, time.Second, func(i int, r *rand.Rand) (string, string) {
			return "tag." + hex.EncodeToString(token(r, 20)), pick(i, "TXT", "CNAME", "MX")
		}},
		{"long address questions", 150, time.Second, func(i int, r *rand.Rand) (string, string) {
			return b32.EncodeToString(token(r, 38)) + "." + b32.EncodeToString(token(r, 38)) + ".example.co.uk", "A"
		}},
		{"binary names in private records", 60, time.Second, func(i int, r *rand.Rand) (string, string) {
			return string(token(r, 30)) + ".example.net", "TYPE65399"
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			found := s.play(newDetector())
			if len(found) < 2 || !found[len(found)-1].Over {
				t.Fatalf("%d findings", len(found))
			}
			for _, f := range found {
				if f.Severity < haechi.Low || f.Incident != found[0].Incident || f.Spoofable || f.Detector != "dns_tunnel" {
					t.Errorf("%+v", f)
				}
			}
			if n := found[0].Observed; n > 100 && s.n < 100 {
				t.Errorf("first told at %v names", n)
			}
		})
	}
}

func TestOrdinaryLookupsAreNotTunnels(t *testing.T) {
	words := []string{"mail", "www", "static", "img", "api", "login", "cdn", "assets", "video", "beta", "shop", "news"}
	for _, s := range []scenario{
		{"a delivery network", 600, time.Second, func(i int, r *rand.Rand) (string, string) {
			return fmt.Sprintf("r%d---sn-%s.video.example.com", i%20, pick(i, "4g5e6nez", "ab5l6nzk", "q4fl6nds")), pick(i, "A", "AAAA", "HTTPS")
		}},
		{"a blocklist, not listed", 900, 500 * time.Millisecond, func(i int, r *rand.Rand) (string, string) {
			return fmt.Sprintf("%d.%d.%d.%d.bl.example.org", i%250, i/7%250, i/3%250, i%90), "A"
		}},
		{"reverse lookups", 900, 100 * time.Millisecond, func(i int, r *rand.Rand) (string, string) {
			return fmt.Sprintf("%d.%d.168.192.in-addr.arpa", i%250, i/250), "PTR"
		}},
		{"services in the local network", 500, 100 * time.Millisecond, func(i int, r *rand.Rand) (string, string) {
			return hex.EncodeToString(token(r, 16)) + "._airplay._tcp.local", "TXT"
		}},
		{"mail: DKIM, SPF and DMARC of many senders", 600, time.Second, func(i int, r *rand.Rand) (string, string) {
			return pick(i, "s1._domainkey", "20230601._domainkey", "_dmarc", "_spf") + "." + words[i%12] + fmt.Sprint(i%200) + ".example" + fmt.Sprint(i%97 + 100)[:0] + ".com", "TXT"
		}},
		{"mail to many domains", 600, time.Second, func(i int, r *rand.Rand) (string, string) {
			return words[i%12] + fmt.Sprint(i) + ".com", "MX"
		}},
		{"digests to a virus scanner's service", 150, 5 * time.Second, func(i int, r *rand.Rand) (string, string) {
			return hex.EncodeToString(token(r, 16)) + ".hash.example.com", "A"
		}},
		{"digests as text, some", 60, 10 * time.Second, func(i int, r *rand.Rand) (string, string) {
			return hex.EncodeToString(token(r, 16)) + ".hash.example.com", "TXT"
		}},
		{"an identifier of each visit", 400, 2 * time.Second, func(i int, r *rand.Rand) (string, string) {
			return hex.EncodeToString(token(r, 18)) + ".metrics.example.com", "A"
		}},
		{"a directory's services", 300, time.Second, func(i int, r *rand.Rand) (string, string) {
			return pick(i, "_ldap._tcp.dc._msdcs.corp.example", "_kerberos._tcp.site._sites.corp.example", "dc1.corp.example"), "SRV"
		}},
		{"hosts of a cloud", 900, time.Second, func(i int, r *rand.Rand) (string, string) {
			return fmt.Sprintf("ec2-%d-%d-%d-%d.ap-northeast-2.compute.example.com", r.IntN(255), r.IntN(255), r.IntN(255), r.IntN(255)), "A"
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			for _, f := range s.play(newDetector()) {
				t.Errorf("found %v names, facts %v", f.Observed, f.Reasons)
			}
		})
	}
}

func TestListedAddressesOfABlocklistDoNotCount(t *testing.T) {
	d, r := newDetector(), random()
	var out []haechi.Finding
	for i := range 2000 {
		e := lookup(begin().Add(time.Duration(i)*100*time.Millisecond), hex.EncodeToString(token(r, 40))[:60]+".x."+hex.EncodeToString(token(r, 20))+".example.org", "A", netip.MustParseAddr("127.0.0.2"))
		out = d.Observe(&e, out)
	}
	if len(out) != 0 {
		t.Fatalf("%d findings", len(out))
	}
}

func TestTheThresholdOfNames(t *testing.T) {
	n := dnstunnel.Defaults().Names
	for _, c := range []struct {
		names int
		found bool
	}{{n - 1, false}, {n, true}, {n + 1, true}} {
		s := scenario{n: c.names, every: time.Second, ask: func(i int, _ *rand.Rand) (string, string) { return fmt.Sprintf("zq%d.example.com", i), "NULL" }}
		if got := len(s.play(newDetector())) > 0; got != c.found {
			t.Errorf("%d names: found %v", c.names, got)
		}
	}
}

func TestForgedQuestionsAreSpoofable(t *testing.T) {
	d, r := newDetector(), random()
	var out []haechi.Finding
	for i := range 50 {
		e := lookup(begin().Add(time.Duration(i)*time.Second), hex.EncodeToString(token(r, 12))+".example.com", pick(i, "NULL", "TXT"))
		e.Assurance = haechi.Seen
		out = d.Observe(&e, out)
	}
	if len(out) == 0 || !out[0].Spoofable {
		t.Fatalf("%d findings", len(out))
	}
}

func TestAResolverThatAsksForOthersIsNotCutOff(t *testing.T) {
	r := rule()
	r.Want, r.For = haechi.Deny, time.Hour
	d := dnstunnel.New(r, site{roles: map[netip.Addr]detect.Role{netip.MustParseAddr("10.1.0.7"): detect.Directory}}, dnstunnel.Defaults())
	s := scenario{n: 50, every: time.Second, ask: func(i int, r *rand.Rand) (string, string) {
		return hex.EncodeToString(token(r, 12)) + ".example.com", pick(i, "NULL", "TXT")
	}}
	if out := s.play(d); len(out) == 0 || out[0].Want != haechi.Pass {
		t.Fatalf("%d findings", len(out))
	}
}

func TestPort53WithoutDNS(t *testing.T) {
	for _, c := range []struct {
		protocol string
		bytes    int64
		found    bool
	}{{"", 1 << 20, true}, {"", 1<<20 - 1, false}, {"dns", 1 << 30, false}} {
		e := lookup(begin(), "", "")
		e.Kind, e.Phase, e.State, e.Protocol, e.BytesIn = haechi.KindFlow, haechi.FlowEnd, haechi.FlowClosed, c.protocol, c.bytes
		if got := newDetector().Observe(&e, nil); len(got) > 0 != c.found {
			t.Errorf("%q, %d bytes: %v", c.protocol, c.bytes, got)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	cfg := dnstunnel.Defaults()
	cfg.Keys = 64
	d := dnstunnel.New(rule(), site{}, cfg)
	for i := range 1000 {
		e := lookup(begin(), fmt.Sprintf("a.b%d.com", i), "A")
		d.Observe(&e, nil)
	}
	if d.Refused() != 1000-64 {
		t.Fatalf("refused %d", d.Refused())
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	d := newDetector()
	e := lookup(begin(), "www.example.com", "A")
	if n := testing.AllocsPerRun(1000, func() { d.Observe(&e, nil) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func FuzzObserve(f *testing.F) {
	f.Add("a.b.example.com", "TXT", uint8(3))
	f.Add(strings.Repeat("x", 300), "", uint8(0))
	f.Fuzz(func(t *testing.T, name, typ string, n uint8) {
		one, two := newDetector(), newDetector()
		for i := range int(n) {
			e := lookup(begin().Add(time.Duration(i)*time.Second), fmt.Sprint(i)+name, typ)
			if a, b := one.Observe(&e, nil), two.Observe(&e, nil); len(a) != len(b) {
				t.Fatal("the same events gave different findings")
			}
		}
	})
}
