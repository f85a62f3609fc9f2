package scenario_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"testing"
	"time"

	"haechi"
)

// shows dials over TLS from the rig's i-th address, with a certificate of the
// authority's; "": with none.
func (a *opensslCA) shows(t *testing.T, r *rig, server *testCA, i int, who string) dialer {
	t.Helper()
	conf := &tls.Config{RootCAs: server.pool(), ServerName: shopHost}
	if who != "" {
		cert, err := tls.LoadX509KeyPair(a.path(who+".pem"), a.path(who+".key"))
		must(t, err)
		// As a client does that has but one: whatever the server's hint of authorities.
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		c, err := dialFrom(ctx, r.addr(i), address)
		if err != nil {
			return nil, err
		}
		s := tls.Client(bounded(c), conf)
		if err := s.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return nil, err
		}
		return s, nil
	}
}

// turnedAway wants somebody not to be served, and a reference in the records that why
// explains with the reason.
func (k kind) turnedAway(t *testing.T, r *rig, d dialer, i int, reason haechi.Reason) {
	t.Helper()
	// Once something else may arrive meanwhile: what was on its way when a connection was cut.
	for left := 1; ; left-- {
		before := k.heard(r)
		if l, err := k.enter(t, r, d); err == nil {
			l.close()
			t.Fatalf("served, wanted %s", reason)
		}
		if k.heard(r) == before {
			break
		}
		if left == 0 {
			t.Errorf("%s: the server behind heard it", reason)
			break
		}
	}
	var ref haechi.Reference
	eventually(t, fmt.Sprintf("%s to be recorded", reason), 20*time.Second, func() bool {
		es, err := r.api.Events(t.Context(), haechi.EventFilter{Service: k.service, Failures: true, Limit: 200})
		must(t, err)
		for _, e := range es {
			if e.Addr == r.addr(i) && e.Reason == reason && e.Verdict >= haechi.Deny {
				ref = e.Ref
			}
		}
		return ref != ""
	})
	var x haechi.Explanation
	eventually(t, "the refusal to be explained", 20*time.Second, func() bool { return len(askedOr(r, &x, "why", string(ref)).Refusals) > 0 })
	if e := x.Refusals[0]; e.Reason != reason {
		t.Errorf("why %s says %+v, want %s", ref, e, reason)
	}
}

// TestClientCertificatesOfEveryKind: a web service, a device service and an opaque TCP
// service ask for the certificates of one authority by the same settings. Who shows a
// good one comes in, everybody else is turned away with the same reasons, and a
// revocation ends what is open and nothing else.
func TestClientCertificatesOfEveryKind(t *testing.T) {
	t.Parallel()
	r, server := newRig(t, settings{}), newTestCA(t)
	server.issue(nil)
	a, other := phonesCA(t)
	r.raw = newRawSide(t, r.at(hostUpstream, portRawUpstream))
	r.configurePolicy(policy{set: eachKind(server.tlsShop(fmt.Sprintf(", clients: { ca: %s, crl: %s }", a.path("ca.pem"), a.path("ca.crl"))) +
		"\naccess: { certificates: { deny: [barred] } }\n")})
	r.start()
	honest, lost := map[string]line{}, map[string]line{}
	whole := t // a phone's session ends with the test that opened it
	for i, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			r, at := r.with(t), 10+30*i
			k.turnedAway(t, r, a.shows(t, r, server, at, ""), at, haechi.ReasonClientCertMissing)
			k.turnedAway(t, r, other.shows(t, r, server, at+1, "phone"), at+1, haechi.ReasonClientCertUntrusted)
			k.turnedAway(t, r, a.shows(t, r, server, at+2, "old"), at+2, haechi.ReasonClientCertExpired)
			k.turnedAway(t, r, a.shows(t, r, server, at+3, "barred"), at+3, haechi.ReasonAccess)
			for who, into := range map[string]map[string]line{"phone": honest, "lost": lost} {
				l, err := k.enter(whole, r, a.shows(t, r, server, at+4, who))
				if err != nil {
					t.Fatalf("%s is not served: %v", who, err)
				}
				into[k.name] = l
			}
		})
	}
	t.Cleanup(func() {
		for _, l := range honest {
			l.close()
		}
		for _, l := range lost {
			l.close()
		}
	})
	a.ca("-revoke", a.path("lost.pem"))
	a.list()
	for i, k := range kinds() {
		t.Run(k.name+" after the revocation", func(t *testing.T) {
			r, at := r.with(t), 10+30*i
			if lost[k.name] == nil || honest[k.name] == nil {
				t.Fatal("not served before")
			}
			eventually(t, "the open connection to end", 60*time.Second, func() bool { return lost[k.name].again() != nil })
			k.turnedAway(t, r, a.shows(t, r, server, at+5, "lost"), at+5, haechi.ReasonClientCertRevoked)
			if err := honest[k.name].again(); err != nil {
				t.Errorf("somebody else's connection ended too: %v", err)
			}
			k.enters(t, r, a.shows(t, r, server, at+6, "phone"))
		})
	}
}
