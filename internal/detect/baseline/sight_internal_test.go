package baseline

import (
	"net/netip"
	"testing"
	"unsafe"

	"haechi"
	"haechi/internal/brick/clientkey"
)

func TestSightLosesNothing(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")
	var s sight
	for _, a := range []haechi.Actor{
		{},
		{Addr: v4, Client: clientkey.Of(v4, 64), Device: "a/1", Assurance: haechi.Authenticated},
		{Addr: v6, Client: clientkey.Of(v6, 64), Device: "a/1", Allowed: true},
		{Addr: v6, Client: clientkey.Of(v6, 48), Device: "a/1", User: "u", Country: "KR"},
		{Client: clientkey.Of(v4, 64)},
		{Addr: v4, Client: clientkey.Of(v6, 64), Device: "a/1"},
		{Addr: v4, Device: "a/1", Certificate: "c", ASN: 7, Fingerprint: "f"},
		{Addr: v4, Client: clientkey.Of(v4, 64), Device: "a/1"},
	} {
		s.take(&a)
		if got := s.actor(a.Device); got != a {
			t.Errorf("%+v was taken, %+v came back", a, got)
		}
		if n := testing.AllocsPerRun(10, func() { s.take(&a) }); n != 0 {
			t.Errorf("%+v: %v allocations when it is seen again", a, n)
		}
	}
}

// There may be thousands, most of them silent.
func TestSubjectIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(subject{}); n > 96 {
		t.Errorf("a subject has %d bytes, at most 96", n)
	}
}
