package listener_test

import (
	"io"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/brick/conncap"
	"haechi/internal/ingress/listener"
)

func TestDeniedAtAccept(t *testing.T) {
	s := newSink()
	j := &judge{verdict: haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "r", Ref: "AAAAA-BBBBB"}}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := open(t, newPool(t), listener.Config{Sink: s, Judge: j, Now: func() time.Time { return now }})
	c := dial(t, "127.0.0.3", l.Addr().String())
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("refused with %v, want a plain end", err)
	}
	e := s.next(t)
	if e.Outcome != haechi.Failure || e.Ref != "AAAAA-BBBBB" || e.Rule != "r" || e.Reason != haechi.ReasonDecision ||
		e.Verdict != haechi.Deny || !e.Time.Equal(now) || e.Addr.String() != "127.0.0.3" {
		t.Errorf("event %+v", e)
	}
	if l.Live() != 0 {
		t.Error("a refused connection is still counted")
	}
}

func TestVerdictsAtAccept(t *testing.T) {
	tests := []struct {
		name   string
		v      haechi.Verdict
		admits bool
	}{
		{"pass", haechi.Verdict{}, true},
		{"watch", haechi.Verdict{Action: haechi.Watch}, true},
		{"slow down", haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonDecision, Delay: time.Second}, true},
		{"limit", haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonRateLimit}, false},
		{"limit in shadow", haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonRateLimit, Shadow: true}, true},
		{"challenge", haechi.Verdict{Action: haechi.Challenge}, false},
		{"deny", haechi.Verdict{Action: haechi.Deny}, false},
		{"deny in shadow", haechi.Verdict{Action: haechi.Deny, Shadow: true}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSink()
			l := open(t, newPool(t), listener.Config{Sink: s, Judge: &judge{verdict: tt.v}})
			c := dial(t, "127.0.0.1", l.Addr().String())
			if !tt.admits {
				closed(t, c)
				if e := s.next(t); e.Ref == "" || e.Outcome != haechi.Failure {
					t.Errorf("a refusal without a reference: %+v", e)
				}
				return
			}
			accept(t, l)
			if !tt.v.Shadow {
				s.none(t)
			} else if e := s.next(t); e.Outcome != haechi.Success || !e.Shadow || e.Verdict != tt.v.Action {
				t.Errorf("shadow event %+v", e)
			}
		})
	}
}

func TestCap(t *testing.T) {
	s := newSink()
	limit := conncap.New(2, 100)
	l := open(t, newPool(t), listener.Config{Sink: s, Cap: limit, Allowed: only("127.0.0.9/32"), TrustedProxy: only("127.0.0.8/32")})
	addr := l.Addr().String()
	dial(t, "127.0.0.1", addr)
	first := accept(t, l)
	dial(t, "127.0.0.1", addr)
	second := accept(t, l)
	closed(t, dial(t, "127.0.0.1", addr))
	if e := s.next(t); e.Reason != haechi.ReasonConnectionLimit || e.Rule != listener.RuleConnections || e.Ref == "" {
		t.Errorf("event %+v", e)
	}
	first.Proved() // a proved device leaves the cap while its connection lives
	dial(t, "127.0.0.1", addr)
	accept(t, l)
	second.Close()
	first.Close() // gives nothing back a second time
	dial(t, "127.0.0.1", addr)
	accept(t, l)
	closed(t, dial(t, "127.0.0.1", addr))
	for _, from := range []string{"127.0.0.8", "127.0.0.9"} {
		for range 5 {
			dial(t, from, addr)
			accept(t, l)
		}
	}
	if limit.Clients() != 1 {
		t.Errorf("%d clients hold a place, want 1", limit.Clients())
	}
}

// Must show 4: 10,000 addresses of one /64 are one client; so are an IPv4
// address and its mapped form.
func TestOneV6NetworkIsOneClient(t *testing.T) {
	limit := conncap.New(10, 100_000)
	base := netip.MustParseAddr("2001:db8:1:2::").As16()
	granted := 0
	for i := range 10_000 {
		base[14], base[15] = byte(i>>8), byte(i)
		if limit.Acquire(clientkey.Of(netip.AddrFrom16(base), 0)) {
			granted++
		}
	}
	if granted != 10 || limit.Clients() != 1 {
		t.Errorf("%d places for %d clients", granted, limit.Clients())
	}
	if clientkey.Of(netip.MustParseAddr("::ffff:192.0.2.1"), 0) != clientkey.Of(netip.MustParseAddr("192.0.2.1"), 0) {
		t.Error("a mapped address is another client")
	}
}

func TestAllowedAndProxiesAreNotJudged(t *testing.T) {
	j := &judge{verdict: haechi.Verdict{Action: haechi.Deny}}
	l := open(t, newPool(t), listener.Config{Judge: j, Allowed: only("127.0.0.9/32"), TrustedProxy: only("127.0.0.8/32")})
	dial(t, "127.0.0.9", l.Addr().String())
	if c := accept(t, l); !c.Actor.Allowed {
		t.Error("the allowed actor is not marked")
	}
	dial(t, "127.0.0.8", l.Addr().String())
	accept(t, l)
	if j.count() != 0 {
		t.Errorf("the judge was asked %d times", j.count())
	}
}

func TestMaxConns(t *testing.T) {
	s := newSink()
	l := open(t, newPool(t), listener.Config{Sink: s, MaxConns: 2, Allowed: only("127.0.0.9/32")})
	addr := l.Addr().String()
	for range 2 {
		dial(t, "127.0.0.1", addr)
		accept(t, l)
	}
	closed(t, dial(t, "127.0.0.1", addr))
	if e := s.next(t); e.Reason != haechi.ReasonOverload || e.Threshold != 2 || e.Ref == "" {
		t.Errorf("event %+v", e)
	}
	dial(t, "127.0.0.9", addr)
	accept(t, l)
	closed(t, dial(t, "127.0.0.9", addr)) // bounded all the same
	for _, c := range l.Counters() {
		if c.Name == "listener_refused_overload" && c.Value != 2 {
			t.Errorf("%d refusals counted", c.Value)
		}
	}
}
