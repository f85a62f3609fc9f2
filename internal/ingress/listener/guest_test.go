package listener_test

import (
	"net/netip"
	"testing"

	"haechi"
	"haechi/internal/brick/conncap"
	"haechi/internal/ingress/listener"
)

// TestAGuestIsAdmittedLikeAConnection: same judge, caps, counters and events.
func TestAGuestIsAdmittedLikeAConnection(t *testing.T) {
	s, lists, j := newSink(), &judge{}, &judge{}
	l := open(t, newPool(t), listener.Config{Sink: s, Cap: conncap.New(2, 100), Lists: lists, Judge: j, Announce: true, MaxConns: 3,
		Allowed: only("127.0.0.9/32"), TrustedProxy: only("127.0.0.8/32")})
	admit := func(addr string) (func(), bool) {
		a, release, ok := l.Admit(netip.AddrPortFrom(netip.MustParseAddr(addr), 4433), 443)
		e := s.next(t)
		if e.Kind != haechi.KindConnect || e.Transport != haechi.UDP || e.Port != 4433 || e.LocalPort != 443 || e.Addr.String() != addr ||
			e.Outcome == haechi.Success != ok || ok && (a.Addr != e.Addr || a.Assurance != haechi.Handshaken || release == nil) {
			t.Errorf("%s: admitted %v as %+v with %+v", addr, ok, a, e)
		}
		return release, ok
	}
	doubt := func(addr string) bool { return l.Doubtful(netip.MustParseAddr(addr)) }
	first, ok1 := admit("127.0.0.2")
	second, ok2 := admit("127.0.0.2")
	if !ok1 || !ok2 || l.Live() != 2 || !doubt("127.0.0.2") || doubt("127.0.0.3") {
		t.Errorf("admitted %v %v, %d live", ok1, ok2, l.Live())
	}
	if _, ok := admit("127.0.0.2"); ok || l.Live() != 2 {
		t.Errorf("the third got in; %d live", l.Live())
	}
	for _, free := range []string{"127.0.0.8", "127.0.0.9"} {
		release, ok := admit(free)
		if !ok || doubt(free) {
			t.Errorf("%s was refused", free)
			continue
		}
		release()
	}
	proxy, _ := admit("127.0.0.8")
	if _, ok := admit("127.0.0.3"); ok || !doubt("127.0.0.3") || doubt("127.0.0.9") {
		t.Error("one too many got in")
	}
	proxy()
	first()
	second()
	if l.Live() != 0 || doubt("127.0.0.2") {
		t.Errorf("%d live", l.Live())
	}
	deny := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonAccess, Rule: "access"}
	lists.verdict = deny
	asked := j.count()
	if !doubt("127.0.0.4") || j.count() != asked {
		t.Error("the lists were not asked, or the judge was")
	}
	j.verdict = deny
	if _, ok := admit("127.0.0.4"); ok || l.Live() != 0 {
		t.Error("a denied client got in")
	}
	counts := map[string]uint64{}
	for _, c := range l.Counters() {
		counts[c.Name] = c.Value
	}
	if counts["listener_admitted"] != 5 || counts["listener_refused_cap"] != 1 || counts["listener_refused_overload"] != 1 || counts["listener_refused_verdict"] != 1 {
		t.Errorf("counted %v", counts)
	}
	if n := len(s.events); n != 0 {
		t.Errorf("%d events of who was only doubted", n)
	}
}
