package access_test

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/inspect/access"
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

func request(service, addr string) *haechi.Request {
	a := &haechi.Actor{}
	if addr != "" {
		a.Addr = netip.MustParseAddr(addr)
		a.Client = clientkey.Of(a.Addr, 64)
	}
	return &haechi.Request{Kind: haechi.KindConnect, Service: service, Actor: a}
}

func lists() map[string]access.List {
	return map[string]access.List{
		"open":   {},
		"closed": {Allow: prefixes("10.0.0.0/8", "2001:db8::/32")},
		"barred": {Deny: prefixes("203.0.113.0/24", "2001:db8:bad::/48")},
		"mixed":  {Allow: prefixes("203.0.113.10/32"), Deny: prefixes("203.0.113.0/24")},
		"sealed": {Allow: prefixes("203.0.113.10/32"), Deny: prefixes("0.0.0.0/0", "::/0")},
		"off":    {Mode: haechi.Off, Deny: prefixes("0.0.0.0/0")},
		"shadow": {Mode: haechi.Shadow, Deny: prefixes("0.0.0.0/0")},
	}
}

func TestInspect(t *testing.T) {
	a, now := access.New(lists()), time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		service, addr string
		pass          bool
	}{
		{"open", "203.0.113.1", true}, {"unknown", "203.0.113.1", true}, {"open", "", true},
		{"closed", "10.1.2.3", true}, {"closed", "11.0.0.1", false}, {"closed", "::ffff:10.0.0.1", true},
		{"closed", "2001:db8::1", true}, {"closed", "2001:db9::1", false}, {"closed", "", false},
		{"barred", "203.0.113.1", false}, {"barred", "203.0.114.1", true}, {"barred", "2001:db8:bad::1", false},
		{"mixed", "203.0.113.10", true}, {"mixed", "203.0.113.11", false}, {"mixed", "198.51.100.1", true},
		{"sealed", "203.0.113.10", true}, {"sealed", "198.51.100.1", false}, {"sealed", "2001:db8::1", false},
		{"off", "203.0.113.1", true},
	} {
		v := a.Inspect(request(tt.service, tt.addr), now)
		if (v == haechi.Verdict{}) != tt.pass || v.Refuses() == tt.pass {
			t.Errorf("%s from %q: %+v, want pass = %v", tt.service, tt.addr, v, tt.pass)
		}
		if !tt.pass && (v.Reason != haechi.ReasonAccess || v.Ref == "" || v.Rule != access.Rule) {
			t.Errorf("%s from %q: the refusal does not say why: %+v", tt.service, tt.addr, v)
		}
	}
}

func TestShadowIsReportedAndNotApplied(t *testing.T) {
	v := access.New(lists()).Inspect(request("shadow", "203.0.113.1"), time.Unix(1_800_000_000, 0))
	if v.Refuses() || !v.Shadow || v.Action != haechi.Deny {
		t.Errorf("got %+v", v)
	}
}

func TestAllowedActorsAlwaysPass(t *testing.T) {
	r := request("sealed", "198.51.100.1")
	r.Actor.Allowed = true
	if v := access.New(lists()).Inspect(r, time.Unix(1_800_000_000, 0)); v != (haechi.Verdict{}) {
		t.Errorf("got %+v", v)
	}
}

func TestEqualRefusalsOfAMinuteShareAReference(t *testing.T) {
	a, now := access.New(lists()), time.Unix(1_800_000_000, 0)
	first, same := a.Inspect(request("barred", "203.0.113.1"), now), a.Inspect(request("barred", "203.0.113.1"), now.Add(20*time.Second))
	other := a.Inspect(request("barred", "203.0.113.2"), now)
	if first.Ref != same.Ref || first.Ref == other.Ref {
		t.Errorf("references %s, %s and for another client %s", first.Ref, same.Ref, other.Ref)
	}
}

func TestPassingDoesNotAllocate(t *testing.T) {
	a, r, now := access.New(lists()), request("mixed", "198.51.100.1"), time.Unix(1_800_000_000, 0)
	if n := testing.AllocsPerRun(100, func() { a.Inspect(r, now) }); n != 0 {
		t.Errorf("%v allocations a call, want none", n)
	}
}
