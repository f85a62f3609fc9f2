package beacon_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/beacon"
)

type site struct {
	roles  map[netip.Addr]detect.Role
	listed netip.Addr
}

func (site) Internal(a netip.Addr) bool      { return a.IsPrivate() }
func (s site) Role(a netip.Addr) detect.Role { return s.roles[a] }
func (s site) Listed(a netip.Addr) bool      { return a == s.listed }

const (
	chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	usual  = haechi.HeadersRead | haechi.HasAccept | haechi.HasLanguage | haechi.HasEncoding | haechi.HasReferer | haechi.HasCookie
)

func begin() time.Time { return time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC) }

func newDetector() *beacon.Detector {
	return beacon.New(detect.Rule{ID: "network/c2-beacon", Version: 1, Detector: "c2_beacon", Severity: haechi.High}, site{}, beacon.Defaults())
}

func base(kind haechi.Kind, server string, port uint16) haechi.Event {
	client := netip.MustParseAddr("10.1.0.7")
	return haechi.Event{Kind: kind, LocalPort: port, BytesIn: 240, BytesOut: 900,
		Actor: haechi.Actor{Addr: client, Client: netip.PrefixFrom(client, 32), Assurance: haechi.Handshaken},
		Flow:  haechi.Flow{Sensor: "capture", Target: netip.MustParseAddr(server), Transport: haechi.TCP}}
}

func request(server, host, agent string, headers haechi.Headers) haechi.Event {
	e := base(haechi.KindRequest, server, 80)
	e.Host, e.UserAgent, e.Headers, e.Protocol, e.Method, e.Path, e.Status = host, agent, headers, "http", "GET", "/poll", 200
	return e
}

func turn(server string, port uint16, protocol string) haechi.Event {
	e := base(haechi.KindTurn, server, port)
	e.Protocol = protocol
	return e
}

// named is a lookup of the server's name.
func named(server, name string) haechi.Event {
	e := base(haechi.KindLookup, "10.1.0.1", 53)
	e.Name, e.Type, e.Transport, e.Answers[0] = name, "A", haechi.UDP, netip.MustParseAddr(server)
	return e
}

// connection is begin, hello and end of one connection.
func connection(server string, port uint16, sni, protocol string) []haechi.Event {
	open := base(haechi.KindFlow, server, port)
	open.Phase, open.State, open.BytesIn = haechi.FlowBegin, haechi.FlowAttempt, 60
	hello := base(haechi.KindHello, server, port)
	hello.Name, hello.Protocol = sni, "tls"
	end := base(haechi.KindFlow, server, port)
	end.Phase, end.State, end.Protocol, end.BytesIn = haechi.FlowEnd, haechi.FlowClosed, protocol, 800
	if protocol != "tls" {
		return []haechi.Event{open, end}
	}
	return []haechi.Event{open, hello, end}
}

// scenario plays its events again and again.
type scenario struct {
	name   string
	n      int
	gap    func(*rand.Rand) time.Duration
	events []haechi.Event
	size   func(*rand.Rand) int64 // if BytesIn varies
}

func every(d time.Duration, jitter float64) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		return time.Duration(float64(d) * (1 + jitter*(2*r.Float64()-1)))
	}
}

func (s scenario) play(d *beacon.Detector, seed uint64) []haechi.Finding {
	r, at := rand.New(rand.NewPCG(seed, 1)), begin()
	var out []haechi.Finding
	for range s.n {
		at = at.Add(s.gap(r))
		for i, e := range s.events {
			e.Time = at.Add(time.Duration(i) * 20 * time.Millisecond)
			if s.size != nil {
				e.BytesIn = s.size(r)
			}
			out = d.Observe(&e, out)
		}
	}
	return d.Tick(at.Add(60*24*time.Hour), out)
}

func TestImplantsAreFound(t *testing.T) {
	for _, s := range []scenario{
		{"over HTTP, as a browser", 14, every(5*time.Second, 0.02), []haechi.Event{request("10.9.9.9", "10.9.9.9", chrome, haechi.HeadersRead|haechi.HasCookie)}, nil},
		{"over HTTP to a name, with jitter", 60, every(time.Minute, 0.3), []haechi.Event{request("203.0.113.5", "cdn.example.tk", chrome, haechi.HeadersRead)}, nil},
		{"one connection of its own protocol", 30, every(5*time.Second, 0.01), []haechi.Event{turn("203.0.113.5", 8219, "")}, nil},
		{"one TLS connection without a name", 30, every(13*time.Second, 0.05), append(connection("203.0.113.5", 4041, "", "tls")[1:2], turn("203.0.113.5", 4041, "tls")), nil},
		{"TLS again and again", 30, every(4*time.Second, 0.1), connection("203.0.113.5", 1337, "", "tls"), nil},
		{"TLS to a name that anybody gets", 30, every(time.Minute, 0.2), append(connection("203.0.113.5", 7707, "", "tls"), named("203.0.113.5", "me.DuckDNS.org.")), func(r *rand.Rand) int64 { return int64(100 + r.IntN(9000)) }},
		{"to a hidden service through a gateway", 40, every(time.Hour, 0.1), connection("203.0.113.5", 443, "abcdef.onion", "tls"), nil},
	} {
		t.Run(s.name, func(t *testing.T) {
			found := s.play(newDetector(), 1)
			told := map[haechi.Reference]int{}
			for _, f := range found {
				told[f.Incident]++
				if f.Spoofable || f.Detector != "c2_beacon" || f.Severity < haechi.Low {
					t.Errorf("%+v", f)
				}
			}
			if len(told) != 1 || len(found) > 8 || !found[len(found)-1].Over {
				t.Fatalf("%d findings of %d incidents", len(found), len(told))
			}
		})
	}
}

func TestHonestTimersAndPeopleAreNotBeacons(t *testing.T) {
	people := func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(20*time.Second)) }
	ntp := base(haechi.KindFlow, "203.0.113.9", 123)
	ntp.Transport, ntp.Phase = haechi.UDP, haechi.FlowBegin
	for _, s := range []scenario{
		{"NTP", 300, every(64*time.Second, 0), []haechi.Event{ntp}, nil},
		{"monitoring by HTTP", 300, every(30*time.Second, 0), []haechi.Event{request("10.1.0.20", "10.1.0.20", "Prometheus/2.53", haechi.HeadersRead|haechi.HasAccept)}, nil},
		{"monitoring by a script without headers", 300, every(30*time.Second, 0), []haechi.Event{request("10.1.0.20", "10.1.0.20", "curl/8.1", haechi.HeadersRead)}, nil},
		{"checks of a port", 300, every(10*time.Second, 0), connection("10.1.0.20", 5432, "", ""), nil},
		{"an update from a name that anybody gets", 100, every(time.Hour, 0.01), append(connection("203.0.113.7", 443, "home.duckdns.org", "tls"), named("203.0.113.7", "home.duckdns.org")), nil},
		{"MQTT keepalive", 300, every(time.Minute, 0), []haechi.Event{turn("203.0.113.8", 1883, "mqtt")}, nil},
		{"MQTT keepalive over TLS", 300, every(time.Minute, 0), append(connection("203.0.113.8", 8883, "iot.example.com", "tls")[1:2], turn("203.0.113.8", 8883, "tls")), nil},
		{"update checks", 100, every(time.Hour, 0.01), connection("203.0.113.7", 443, "updates.example.com", "tls"), nil},
		{"an old program's updates", 100, every(time.Hour, 0.01), []haechi.Event{request("203.0.113.7", "updates.example.com", "Mozilla/4.0 (compatible; Updater)", haechi.HeadersRead)}, nil},
		{"a page that polls", 400, every(3*time.Second, 0.05), []haechi.Event{request("203.0.113.6", "app.example.com", chrome, usual)}, nil},
		{"a router's page that polls", 400, every(3*time.Second, 0.05), []haechi.Event{request("10.1.0.1", "10.1.0.1", chrome, usual)}, nil},
		{"mail every minute", 300, every(time.Minute, 0.02), connection("203.0.113.4", 993, "imap.example.com", "tls"), nil},
		{"a chat's keepalive", 300, every(30*time.Second, 0.01), append(connection("203.0.113.4", 5228, "push.example.com", "tls")[1:2], turn("203.0.113.4", 5228, "tls")), nil},
		{"a package mirror", 200, every(10*time.Minute, 0), []haechi.Event{request("203.0.113.3", "deb.example.org", "Debian APT-HTTP/1.3", haechi.HeadersRead)}, nil},
		{"a database pool", 500, every(5*time.Second, 0), []haechi.Event{turn("10.1.0.30", 5432, "postgresql")}, nil},
		{"machines of a plant", 500, every(time.Second, 0.01), []haechi.Event{turn("10.1.0.40", 502, "")}, nil},
		{"somebody at a shell", 300, people, []haechi.Event{turn("203.0.113.2", 22, "ssh")}, func(r *rand.Rand) int64 { return int64(r.IntN(2000)) }},
		{"somebody reads pages of a bare address", 300, people, []haechi.Event{request("203.0.113.1", "203.0.113.1", chrome, haechi.HeadersRead)}, func(r *rand.Rand) int64 { return 300 + int64(r.IntN(2000)) }},
	} {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(2) {
				for _, f := range s.play(newDetector(), seed) {
					t.Errorf("found: %v", f.Reasons)
				}
			}
		})
	}
}

func TestFewVisitsAreNotEnough(t *testing.T) {
	for _, c := range []struct {
		visits int
		found  bool
	}{{8, false}, {9, true}, {10, true}} { // eight intervals
		s := scenario{n: c.visits, gap: every(5*time.Second, 0), events: []haechi.Event{request("10.9.9.9", "10.9.9.9", chrome, haechi.HeadersRead)}}
		if got := len(s.play(newDetector(), 1)) > 0; got != c.found {
			t.Errorf("%d visits: found %v", c.visits, got)
		}
	}
}

func TestRolesAreNotAskedAbout(t *testing.T) {
	s := scenario{n: 50, gap: every(5*time.Second, 0), events: []haechi.Event{request("10.9.9.9", "10.9.9.9", chrome, haechi.HeadersRead)}}
	for a, role := range map[string]detect.Role{"10.1.0.7": detect.Monitoring, "10.9.9.9": detect.Backup} {
		d := beacon.New(detect.Rule{Severity: haechi.High}, site{roles: map[netip.Addr]detect.Role{netip.MustParseAddr(a): role}}, beacon.Defaults())
		if out := s.play(d, 1); len(out) != 0 {
			t.Errorf("%s: %d findings", a, len(out))
		}
	}
	s.events[0].Addr = netip.MustParseAddr("198.51.100.1") // somebody outside polls our server
	if out := s.play(newDetector(), 1); len(out) != 0 {
		t.Errorf("from outside: %d findings", len(out))
	}
}

func TestMemoryIsBoundedAndNothingIsAllocated(t *testing.T) {
	cfg := beacon.Defaults()
	cfg.Peers = 64
	d := beacon.New(detect.Rule{}, site{}, cfg)
	for i := range 1000 {
		e := turn(fmt.Sprintf("203.0.113.%d", i%250), uint16(1000+i/250), "")
		e.Time = begin()
		d.Observe(&e, nil)
	}
	if d.Refused() < 1000-64 {
		t.Errorf("refused %d", d.Refused())
	}
	d = newDetector()
	e := request("203.0.113.6", "app.example.com", chrome, usual)
	e.Time = begin()
	if n := testing.AllocsPerRun(1000, func() { e.Time = e.Time.Add(5 * time.Second); d.Observe(&e, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	d := newDetector()
	e := turn("203.0.113.6", 8219, "")
	e.Time = begin()
	b.ReportAllocs()
	for b.Loop() {
		e.Time = e.Time.Add(5 * time.Second)
		d.Observe(&e, nil)
	}
}

// TestADestinationOnADenyListIsEnough: what an honest program does as well is told of where
// the operator's own list names whom it calls.
func TestADestinationOnADenyListIsEnough(t *testing.T) {
	updates := scenario{"update checks", 100, every(time.Hour, 0.01), connection("203.0.113.7", 443, "updates.example.com", "tls"), nil}
	for listed, want := range map[string]bool{"203.0.113.7": true, "203.0.113.8": false} {
		d := beacon.New(detect.Rule{ID: "network/c2-beacon", Version: 1, Detector: "c2_beacon", Severity: haechi.High}, site{listed: netip.MustParseAddr(listed)}, beacon.Defaults())
		if found := updates.play(d, 1); len(found) > 0 != want {
			t.Errorf("with %s on a list: %d findings", listed, len(found))
		}
	}
}
