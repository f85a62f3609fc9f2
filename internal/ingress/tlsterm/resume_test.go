package tlsterm_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"haechi/internal/ingress/tlsterm"
)

// talk does a handshake and one byte more, with which the tickets of TLS 1.3 come.
func talk(t *testing.T, server, client *tls.Config) bool {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		c := tls.Server(far, server)
		if c.Handshake() == nil {
			_, _ = c.Write([]byte{1}) // the client's error is the one judged
		}
	}()
	defer func() { <-done }()
	defer near.Close()
	c := tls.Client(near, client)
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().DidResume
}

func remembering(version uint16) *tls.Config {
	return &tls.Config{ServerName: "localhost", InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(4), MaxVersion: version}
}

// TestResumption: a session is resumed under the certificate it was opened under, and
// not under another, whichever of those at the address was replaced.
func TestResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, make := range map[string]func(one, other *tlsterm.Set) *tls.Config{
			"by name":                      func(one, other *tlsterm.Set) *tls.Config { return tlsterm.Config(one, other) },
			"any name":                     func(_, other *tlsterm.Set) *tls.Config { return tlsterm.Any(other) },
			"a copy, as net/http makes it": func(one, other *tlsterm.Set) *tls.Config { return tlsterm.Config(one, other).Clone() },
		} {
			one, other := devCA(t, t.TempDir()), devCA(t, t.TempDir(), "shop.example.com")
			server, client := make(one, other), remembering(version)
			if talk(t, server, client) {
				t.Errorf("%x, %s: the first handshake resumed something", version, name)
			}
			if !talk(t, server, client) || !talk(t, server.Clone(), client) {
				t.Errorf("%x, %s: not resumed", version, name)
			}
			if changed, err := other.Refresh(time.Now().Add(61 * 24 * time.Hour)); !changed || err != nil {
				t.Fatal(changed, err)
			}
			if talk(t, server, client) {
				t.Errorf("%x, %s: resumed under another certificate", version, name)
			}
			if !talk(t, server, client) {
				t.Errorf("%x, %s: never resumed again", version, name)
			}
			if talk(t, make(one, other), client) {
				t.Errorf("%x, %s: a ticket of another configuration was taken", version, name)
			}
		}
	}
}

func TestTicketsLiveADay(t *testing.T) {
	s := devCA(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		if _, err := s.Refresh(time.Now()); err != nil {
			t.Fatal(err)
		}
		server, client := tlsterm.Config(s), remembering(0)
		talk(t, server, client)
		<-time.After(23 * time.Hour)
		if !talk(t, server, client) {
			t.Error("not resumed after 23 hours")
		}
		<-time.After(25 * time.Hour)
		if talk(t, server, client) {
			t.Error("resumed after 25 hours")
		}
	})
}
