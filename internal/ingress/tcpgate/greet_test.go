package tcpgate_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"haechi"
	"haechi/internal/ingress/tcpgate"
)

func TestChoose(t *testing.T) {
	cfg := tcpgate.Config{Names: []tcpgate.Name{{Name: "git.example.com", Upstream: "git"}, {Name: "*.example.com", Upstream: "any"}}}
	other := cfg
	other.Upstream = "other"
	for name, want := range map[string]string{
		"git.example.com": "git", "www.example.com": "any", "a.b.example.com": "", "example.com": "", "": "", "com": "", ".example.com": "any", "evilexample.com": "",
	} {
		got, ok := tcpgate.Choose(cfg, name)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t", name, got, ok)
		}
		if want == "" {
			want = "other"
		}
		if got, ok := tcpgate.Choose(other, name); got != want || !ok {
			t.Errorf("with an upstream for others, %q: %q, %t", name, got, ok)
		}
	}
}

// secure speaks TLS with whoever serves the name.
func secure(t *testing.T, c net.Conn, name string) (*tls.Conn, error) {
	t.Helper()
	s := tls.Client(c, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	return s, s.Handshake()
}

// TestPassThrough: the server behind is chosen by name and ends TLS itself, with a
// certificate that the gate never has.
func TestPassThrough(t *testing.T) {
	one, two := tlsServer(t, "one.test"), tlsServer(t, "two.test")
	r := newRig(t, tcpgate.Config{Names: []tcpgate.Name{{Name: "one.test", Upstream: one.addr()}, {Name: "*.two.test", Upstream: two.addr()}}, Quiet: 10 * time.Millisecond})
	for name, cert := range map[string]string{"one.test": "one.test", "ONE.test": "one.test", "a.two.test": "two.test"} {
		c, err := secure(t, r.dial(), name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := c.ConnectionState().PeerCertificates[0].DNSNames[0]; got != cert {
			t.Errorf("%s is served by %s", name, got)
		}
		says(t, c, strings.Repeat("hello", 10_000))
		e := r.events.want(t, haechi.KindConnect)
		if !e.TLS || e.Host != strings.ToLower(name) || e.Outcome != haechi.Success {
			t.Errorf("told %+v", e)
		}
		_ = c.Close()
		if e := r.events.want(t, haechi.KindClose); e.BytesIn < 50_000 || e.BytesOut < 50_000 || !e.TLS {
			t.Errorf("closed with %+v", e)
		}
	}
	q := r.judge.questions()
	if len(q) != 3 || q[0].Host == "" || q[0].Kind != haechi.KindConnect {
		t.Errorf("asked %+v", q)
	}
}

// TestUnknownName: the client is told by a TLS alert, and no server hears of it.
func TestUnknownName(t *testing.T) {
	up := tlsServer(t, "one.test")
	r := newRig(t, tcpgate.Config{Names: []tcpgate.Name{{Name: "one.test", Upstream: up.addr()}}})
	for _, name := range []string{"other.test", ""} {
		_, err := secure(t, r.dial(), name)
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%q: told %v", name, err)
		}
		e := r.events.want(t, haechi.KindHandshake)
		if e.Reason != haechi.ReasonUnknownHost || e.Rule != tcpgate.RuleName || e.Host != name || !e.Refusal() || e.Ref == "" {
			t.Errorf("refused with %+v", e)
		}
		if end := r.events.want(t, haechi.KindClose); end.Ref != e.Ref {
			t.Errorf("closed with %+v", end)
		}
	}
	if len(up.conns) != 0 || r.counter("name_refused") != 2 {
		t.Errorf("%d connections behind, %d counted", len(up.conns), r.counter("name_refused"))
	}
}

// TestTermination: TLS ends here, the server behind gets the bytes, and a goodbye
// passes both ways.
func TestTermination(t *testing.T) {
	up := newServer(t, echo)
	cert := selfSigned(t, "git.test")
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	for name, kind := range kinds() {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tcpgate.Config{Upstream: up.addr(), TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}, kind)
			c := tls.Client(r.dial(), &tls.Config{RootCAs: pool, ServerName: "git.test"})
			text := strings.Repeat("hello", 100_000)
			var wg sync.WaitGroup
			wg.Go(func() {
				_, _ = io.WriteString(c, text)
				_ = c.CloseWrite()
			})
			got, err := io.ReadAll(c) // ends with a goodbye, or it is an error
			wg.Wait()
			if err != nil || string(got) != text {
				t.Errorf("%d of %d bytes came back, %v", len(got), len(text), err)
			}
			if e := r.events.want(t, haechi.KindConnect); !e.TLS || e.Host != "git.test" {
				t.Errorf("told %+v", e)
			}
			if e := r.events.want(t, haechi.KindClose); e.BytesIn != int64(len(text)) || e.BytesOut != e.BytesIn {
				t.Errorf("closed with %+v", e)
			}
		})
	}
}

// TestBadGreetings: each ends in its refusal, with counter and reference, and nothing
// reaches the server behind. The other connection notices nothing.
func TestBadGreetings(t *testing.T) {
	up := newServer(t, echo)
	whole := hello("one.test")
	trickle := func(c net.Conn) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for _, b := range whole {
			<-tick.C
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	}
	say := func(b []byte) func(net.Conn) { return func(c net.Conn) { _, _ = c.Write(b) } }
	// A hello of 60,000 bytes, in records as large as they may be.
	large := append([]byte{22, 3, 1, 0x40, 0, 1, 0, 0xea, 0x60}, make([]byte, 0x4000-4)...)
	large = append(append(large, 22, 3, 1, 0x40, 0), make([]byte, 0x4000)...)
	broken := append([]byte{}, whole...)
	broken[9] = 9 // a version that the rest does not fit
	broken[43] = 255
	cert := selfSigned(t)
	for name, c := range map[string]struct {
		do     func(net.Conn)
		reason haechi.Reason
		rule   string
	}{
		"half a hello":       {say(whole[:len(whole)/2]), haechi.ReasonTimeout, tcpgate.RuleTimeout},
		"silence":            {func(net.Conn) {}, haechi.ReasonTimeout, tcpgate.RuleTimeout},
		"one byte at a time": {trickle, haechi.ReasonTimeout, tcpgate.RuleTimeout},
		"plain HTTP":         {say([]byte("GET / HTTP/1.1\r\nHost: one.test\r\n\r\n")), haechi.ReasonMalformed, tcpgate.RuleNotTLS},
		"plain JSON":         {say([]byte(`{"event":"handshake"}` + "\n")), haechi.ReasonMalformed, tcpgate.RuleNotTLS},
		"a defective hello":  {say(broken), haechi.ReasonHandshake, tcpgate.RuleHandshake},
		"a large hello":      {say(large), haechi.ReasonOversize, tcpgate.RuleSize},
	} {
		for kind, cfg := range map[string]tcpgate.Config{
			"pass-through": {Names: []tcpgate.Name{{Name: "one.test", Upstream: up.addr()}}},
			"termination":  {Upstream: up.addr(), TLS: &tls.Config{Certificates: []tls.Certificate{cert}}},
		} {
			if kind == "termination" && name == "a large hello" {
				continue // crypto/tls has its own bound, 64 KiB
			}
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				cfg.HelloTimeout = 300 * time.Millisecond
				r := newRig(t, cfg)
				conn := r.dial()
				go c.do(conn)
				e := r.events.want(t, haechi.KindHandshake)
				if e.Reason != c.reason || e.Rule != c.rule || !e.Refusal() || e.Ref == "" {
					t.Errorf("refused with %+v", e)
				}
				if end := r.events.want(t, haechi.KindClose); end.Ref != e.Ref || end.Duration > 3*time.Second {
					t.Errorf("closed with %+v", end)
				}
				if r.counter("hello_refused") != 1 || len(r.judge.questions()) != 0 {
					t.Errorf("%d counted, asked %v", r.counter("hello_refused"), r.judge.questions())
				}
			})
		}
	}
}

// TestABareConnectIsNoOffence: balancers look whether somebody is there.
func TestABareConnectIsNoOffence(t *testing.T) {
	up := newServer(t, echo)
	r := newRig(t, tcpgate.Config{Names: []tcpgate.Name{{Name: "one.test", Upstream: up.addr()}}})
	_ = r.dial().Close()
	for {
		e := <-r.events
		if e.Outcome == haechi.Failure || e.Refusal() {
			t.Errorf("told %+v", e)
		}
		if e.Kind == haechi.KindClose {
			break
		}
	}
	if r.counter("hello_refused") != 0 {
		t.Error("it is counted")
	}
}

// TestHellosOfAllTogetherAreBounded, but for those on the allow list.
func TestHellosOfAllTogetherAreBounded(t *testing.T) {
	up := newServer(t, echo)
	r := newRig(t, tcpgate.Config{Names: []tcpgate.Name{{Name: "one.test", Upstream: up.addr()}}, Hellos: 1000, HelloTimeout: 5 * time.Second})
	half := hello("one.test")[:400]
	for range 3 {
		_, _ = r.dial().Write(half)
	}
	e := r.events.want(t, haechi.KindHandshake)
	if e.Reason != haechi.ReasonOverload || e.Rule != tcpgate.RuleOverload || r.counter("overload_refused") != 1 {
		t.Errorf("refused with %+v", e)
	}
}

// TestProxyHeader: the server behind learns who the client is, before the first byte.
func TestProxyHeader(t *testing.T) {
	got := make(chan *proxyproto.Header, 1)
	rest := make(chan string, 1)
	up := newServer(t, func(c net.Conn) {
		br := bufio.NewReader(c)
		h, err := proxyproto.Read(br)
		if err != nil {
			t.Error(err)
		}
		got <- h
		b := make([]byte, 5)
		_, _ = io.ReadFull(br, b)
		rest <- string(b)
	})
	for version := 1; version <= 2; version++ {
		r := newRig(t, tcpgate.Config{Upstream: up.addr(), SendProxy: version})
		c := r.dial()
		_, _ = io.WriteString(c, "hello")
		h := <-got
		if h.Version != byte(version) || h.SourceAddr.String() != c.LocalAddr().String() || h.DestinationAddr.String() != r.front.Addr().String() || h.Command != proxyproto.PROXY {
			t.Errorf("version %d: %+v", version, h)
		}
		if s := <-rest; s != "hello" {
			t.Errorf("then came %q", s)
		}
	}
	r := newRig(t, tcpgate.Config{Upstream: up.addr(), Names: []tcpgate.Name{{Name: "one.test", Upstream: up.addr()}}, SendProxy: 2})
	whole := hello("one.test")
	_, _ = r.dial().Write(whole)
	tlvs, err := (<-got).TLVs()
	if err != nil || len(tlvs) != 1 || tlvs[0].Type != proxyproto.PP2_TYPE_AUTHORITY || string(tlvs[0].Value) != "one.test" {
		t.Errorf("%v, %v", tlvs, err)
	}
	if s := <-rest; s != string(whole[:5]) {
		t.Errorf("then came %q", s)
	}
}
