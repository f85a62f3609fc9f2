package httpgate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress"
)

type counting struct {
	nothing
	events, asked int
}

func (c *counting) Emit(*haechi.Event) { c.events++ }
func (c *counting) Inspect(*haechi.Request, time.Time) haechi.Verdict {
	c.asked++
	return haechi.Verdict{}
}
func (c *counting) Trusted(a netip.Addr) bool { return a == netip.AddrFrom4([4]byte{10, 0, 0, 1}) }
func (c *counting) Client(netip.Addr, []string) netip.Addr {
	return netip.AddrFrom4([4]byte{203, 0, 113, 7})
}

func benchGate(tb testing.TB, peer string) (*Gate, *counting, *http.Request) {
	tb.Helper()
	stub := &counting{}
	g, err := New(Config{Sites: []Site{{Service: "shop", Hosts: []string{"shop.test"}, Upstream: "http://127.0.0.1:1",
		Routes: []Route{{Path: "/static", Class: "asset"}, {Path: "/api", Class: "api"}, {Path: "/login", Class: "login"}}}}},
		Deps{Inspector: stub, Sink: stub, Sessions: stub, Clients: stub})
	if err != nil {
		tb.Fatal(err)
	}
	addr := netip.MustParseAddr(peer)
	c := g.open(ingress.NewConn(nil, haechi.Actor{Addr: addr, Client: netip.PrefixFrom(addr, 32), Assurance: haechi.Handshaken}, 1, 2, nil))
	r := httptest.NewRequest("GET", "http://shop.test/api/items?id=1", nil)
	r.Header.Set("User-Agent", "bench")
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	return g, stub, r.WithContext(context.WithValue(context.Background(), connKey{}, c))
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkInBand is what the gate adds to a request beside proxying it: client,
// route, inspector call and event. The budget is 5 µs (DESIGN.md section 10).
func BenchmarkInBand(b *testing.B) {
	for name, peer := range map[string]string{"direct": "203.0.113.7", "behind-proxy": "10.0.0.1"} {
		b.Run(name, func(b *testing.B) {
			g, stub, r := benchGate(b, peer)
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				x := g.begin(w, r)
				if !x.admit() || !x.enter() {
					b.Fatal("refused")
				}
				x.status = http.StatusOK
				x.end()
			}
			if stub.events != stub.asked || stub.events == 0 {
				b.Fatalf("%d events, %d questions", stub.events, stub.asked)
			}
		})
	}
}

// BenchmarkRefuse is the cost of a refusal, which a flood pays for us.
func BenchmarkRefuse(b *testing.B) {
	g, _, r := benchGate(b, "203.0.113.7")
	w := discard{http.Header{}}
	v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonRateLimit, Rule: "limit/address", Ref: "AAAAA-BBBBB"}
	b.ReportAllocs()
	for b.Loop() {
		x := g.begin(w, r)
		x.identify()
		x.refuse(v, http.StatusTooManyRequests)
		x.end()
	}
}

func TestNoAllocationInBand(t *testing.T) {
	g, _, r := benchGate(t, "203.0.113.7")
	w := discard{http.Header{}}
	n := testing.AllocsPerRun(200, func() {
		x := g.begin(w, r)
		if !x.admit() || !x.enter() {
			t.Fatal("refused")
		}
		x.status = http.StatusOK
		x.end()
	})
	// Below 1: the pool may be emptied in between. Under the race detector it drops
	// what it holds at random.
	if n >= 1 && !raceEnabled {
		t.Errorf("%v allocations a request", n)
	}
}
