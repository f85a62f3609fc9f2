package access_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/access"
)

func TestByCertificate(t *testing.T) {
	a, now := access.New(map[string]access.List{
		"allow":  {AllowCerts: []string{"phone", "spiffe://shop/*", "*.phones.test"}},
		"deny":   {DenyCerts: []string{"lost", "*.old.test"}},
		"both":   {AllowCerts: []string{"kept.old.test"}, DenyCerts: []string{"*.old.test"}},
		"twice":  {Allow: prefixes("10.0.0.0/8"), AllowCerts: []string{"phone"}},
		"shadow": {Mode: haechi.Shadow, DenyCerts: []string{"phone"}},
	}), time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		service, addr, name string
		pass                bool
	}{
		{"allow", "203.0.113.1", "phone", true}, {"allow", "203.0.113.1", "Phone", false}, {"allow", "203.0.113.1", "spiffe://shop/a", true},
		{"allow", "203.0.113.1", "a.phones.test", true}, {"allow", "203.0.113.1", "phones.test", false}, {"allow", "203.0.113.1", "a.phones.test.evil", false},
		{"allow", "203.0.113.1", "", true}, // not known yet
		{"deny", "203.0.113.1", "lost", false}, {"deny", "203.0.113.1", "phone", true}, {"deny", "203.0.113.1", "a.old.test", false},
		{"both", "203.0.113.1", "kept.old.test", true}, {"both", "203.0.113.1", "a.old.test", false},
		{"twice", "10.0.0.1", "phone", true}, {"twice", "10.0.0.1", "other", false}, {"twice", "203.0.113.1", "phone", false},
	} {
		r := request(tt.service, tt.addr)
		r.Actor.Certificate = tt.name
		v := a.Inspect(r, now)
		if v.Refuses() == tt.pass || !tt.pass && (v.Reason != haechi.ReasonAccess || v.Ref == "") {
			t.Errorf("%s: %q from %s: %+v", tt.service, tt.name, tt.addr, v)
		}
	}
	r := request("shadow", "203.0.113.1")
	r.Actor.Certificate = "phone"
	if v := a.Inspect(r, now); v.Refuses() || !v.Shadow {
		t.Errorf("in shadow: %+v", v)
	}
	r.Actor.Certificate, r.Actor.Allowed = "lost", true
	r.Service = "deny"
	if v := a.Inspect(r, now); v.Refuses() {
		t.Errorf("an allowed actor is refused: %+v", v)
	}
}
