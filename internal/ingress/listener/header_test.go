package listener_test

import (
	"net"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"haechi"
	"haechi/internal/brick/conncap"
	"haechi/internal/ingress/listener"
)

func header(t *testing.T, version byte, src string) string {
	t.Helper()
	from, err := net.ResolveTCPAddr("tcp", src)
	if err != nil {
		t.Fatal(err)
	}
	to := &net.TCPAddr{IP: net.ParseIP("192.0.2.80"), Port: 443}
	if from.IP.To4() == nil {
		to.IP = net.ParseIP("2001:db8::80")
	}
	b, err := proxyproto.HeaderProxyFromAddrs(version, from, to).Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func behindBalancer(s *sink) listener.Config {
	return listener.Config{Sink: s, ProxyProtocol: only("127.0.0.8/32"), HeaderTimeout: 200 * time.Millisecond}
}

func TestHeaderFromTheBalancer(t *testing.T) {
	for _, version := range []byte{1, 2} {
		for src, key := range map[string]string{
			"203.0.113.7:4711":        "203.0.113.7/32",
			"[2001:db8:7:8::9]:4711":  "2001:db8:7:8::/64",
			"[2001:db8:7:8:f::]:4711": "2001:db8:7:8::/64",
		} {
			l := open(t, newPool(t), behindBalancer(newSink()))
			c := dial(t, "127.0.0.8", l.Addr().String())
			write(t, c, header(t, version, src)+"hello")
			got := accept(t, l)
			if got.Actor.Client.String() != key || got.Port != 4711 || got.Actor.Assurance != haechi.Handshaken {
				t.Errorf("v%d %s: actor %+v port %d", version, src, got.Actor, got.Port)
			}
			write(t, c, "!")
			if text := read(t, got, 6); text != "hello!" {
				t.Errorf("v%d: read %q behind the header", version, text)
			}
		}
	}
}

func TestHeaderIsCappedAndJudgedByClient(t *testing.T) {
	j := &judge{}
	cfg := behindBalancer(newSink())
	cfg.Cap, cfg.Judge = conncap.New(1, 100), j
	l := open(t, newPool(t), cfg)
	for _, src := range []string{"203.0.113.7:1", "203.0.113.8:1"} {
		write(t, dial(t, "127.0.0.8", l.Addr().String()), header(t, 2, src))
		accept(t, l)
	}
	c := dial(t, "127.0.0.8", l.Addr().String())
	write(t, c, header(t, 1, "203.0.113.8:2"))
	closed(t, c)
	if j.count() != 3 {
		t.Errorf("judged %d of 3", j.count())
	}
}

func TestLocalHeaderIsTheBalancerItself(t *testing.T) {
	b, err := proxyproto.HeaderProxyFromAddrs(2, nil, nil).Format()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(b), "PROXY UNKNOWN\r\n"} {
		j := &judge{verdict: haechi.Verdict{Action: haechi.Deny}}
		cfg := behindBalancer(newSink())
		cfg.Judge = j
		l := open(t, newPool(t), cfg)
		write(t, dial(t, "127.0.0.8", l.Addr().String()), text)
		if c := accept(t, l); c.Actor.Addr.String() != "127.0.0.8" || j.count() != 0 {
			t.Errorf("actor %v, judged %d times", c.Actor.Addr, j.count())
		}
	}
}

func TestBadHeaderFromTheBalancer(t *testing.T) {
	for name, text := range map[string]string{
		"none":           "GET / HTTP/1.1\r\n\r\n",
		"truncated v1":   "PROXY TCP4 203.0.113.7",
		"no addresses":   "PROXY TCP4\r\n",
		"wrong family":   "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
		"unspecified":    "PROXY TCP4 0.0.0.0 192.0.2.1 1 2\r\n",
		"multicast":      "PROXY TCP6 ff02::1 2001:db8::2 1 2\r\n",
		"zone":           "PROXY TCP6 fe80::1%lo 2001:db8::2 1 2\r\n",
		"too long":       "PROXY TCP4 " + string(make([]byte, 200)),
		"v2 cut short":   string(proxyproto.SIGV2) + "\x21\x11\x00\x0c\x01\x02",
		"v2 unix socket": string(proxyproto.SIGV2) + "\x21\x31\x00\xd8" + string(make([]byte, 216)),
		"v2 datagram":    string(proxyproto.SIGV2) + "\x21\x12\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02",
		"silence":        "",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink()
			l := open(t, newPool(t), behindBalancer(s))
			c := dial(t, "127.0.0.8", l.Addr().String())
			write(t, c, text)
			closed(t, c)
			e := s.next(t)
			if e.Reason != haechi.ReasonProxyHeader || e.Outcome != haechi.Failure || e.Ref == "" || e.Addr.String() != "127.0.0.8" {
				t.Errorf("event %+v", e)
			}
		})
	}
}

// A balancer's bare health check is no offence.
func TestBareConnectOfTheBalancer(t *testing.T) {
	s := newSink()
	p := newPool(t)
	l := open(t, p, behindBalancer(s))
	c := dial(t, "127.0.0.8", l.Addr().String())
	c.(*net.TCPConn).CloseWrite()
	closed(t, c)
	s.none(t)
}

func TestHeaderFromAStranger(t *testing.T) {
	for name, text := range map[string]string{
		"v1": "PROXY TCP4 10.0.0.1 192.0.2.1 1 2\r\n",
		"v2": header(t, 2, "10.0.0.1:1"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink()
			l := open(t, newPool(t), behindBalancer(s))
			c := dial(t, "127.0.0.1", l.Addr().String())
			for i := range len(text) { // also when it comes in pieces
				write(t, c, text[i:i+1])
			}
			got := accept(t, l)
			if got.Actor.Addr.String() != "127.0.0.1" {
				t.Fatalf("the stranger became %v", got.Actor.Addr)
			}
			if n, err := got.Read(make([]byte, 100)); err == nil || n != 0 {
				t.Errorf("read %d bytes, %v", n, err)
			}
			if e := s.next(t); e.Reason != haechi.ReasonProxyHeader || e.Ref == "" || e.Outcome != haechi.Failure {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func TestStrangersBytesAreUntouched(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n", "PROPFIND / HTTP/1.1\r\n", "PROXYING is no header", "\x16\x03\x01", "\r\n\r\nx", "P", "{}"} {
		l := open(t, newPool(t), behindBalancer(newSink()))
		c := dial(t, "127.0.0.1", l.Addr().String())
		for i := range len(text) {
			write(t, c, text[i:i+1])
		}
		c.(*net.TCPConn).CloseWrite()
		if got := read(t, accept(t, l), len(text)); got != text {
			t.Errorf("read %q, want %q", got, text)
		}
	}
}

func TestHeaderIsBytesWhenOff(t *testing.T) {
	l := open(t, newPool(t), listener.Config{TrustedProxy: only("127.0.0.1/32")})
	const text = "PROXY TCP4 10.0.0.1 192.0.2.1 1 2\r\n"
	write(t, dial(t, "127.0.0.1", l.Addr().String()), text)
	got := accept(t, l)
	if read(t, got, len(text)) != text || got.Actor.Addr.String() != "127.0.0.1" {
		t.Error("a header was read although the protocol is off")
	}
}

// Peers that send no header hold up neither the accept loop nor more than their
// share.
func TestSilentPeersDoNotBlock(t *testing.T) {
	s := newSink()
	cfg := behindBalancer(s)
	cfg.HeaderTimeout, cfg.MaxHeaders = time.Minute, 3
	p := newPool(t)
	l := open(t, p, cfg)
	var silent []net.Conn
	for range 3 {
		silent = append(silent, dial(t, "127.0.0.8", l.Addr().String()))
	}
	dial(t, "127.0.0.1", l.Addr().String())
	accept(t, l)
	closed(t, dial(t, "127.0.0.8", l.Addr().String()))
	if e := s.next(t); e.Reason != haechi.ReasonOverload {
		t.Errorf("event %+v", e)
	}
	p.Close() // does not wait for the minute
	for _, c := range silent {
		closed(t, c)
	}
}
