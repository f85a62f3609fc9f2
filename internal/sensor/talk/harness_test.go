package talk_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/talk"
)

// said is what one side says in one go.
type said struct {
	server bool
	text   string
}

func in(text string) said  { return said{text: text} }
func out(text string) said { return said{server: true, text: text} }

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func ends(transport haechi.Transport, port uint16) sensor.Ends {
	return sensor.Ends{Client: netip.MustParseAddrPort("192.0.2.7:40000"), Server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.9"), port), Transport: transport}
}

// ear collects what a listener tells.
type ear struct {
	*talk.Listener
	events []haechi.Event
}

func newEar(cfg talk.Config) *ear {
	e := &ear{}
	e.Listener = talk.New(cfg, func(ev *haechi.Event) { e.events = append(e.events, *ev) })
	return e
}

// hear plays a conversation over TCP in segments of the sizes that next gives.
func (e *ear) hear(port uint16, talk []said, next func() int) string {
	id := e.Open(ends(haechi.TCP, port), start())
	seq, at, protocol := [2]uint32{1 << 31, 0xfffffff0}, start(), ""
	for _, s := range talk {
		side := 0
		if s.server {
			side = 1
		}
		for b := []byte(s.text); len(b) > 0; {
			n := min(max(1, next()), len(b))
			at = at.Add(time.Millisecond)
			p, more := e.Data(id, sensor.Segment{Time: at, FromClient: !s.server, Seq: seq[side], Bytes: b[:n:n], Length: n})
			if p != "" {
				protocol = p
			}
			if !more {
				return protocol
			}
			seq[side] += uint32(n)
			b = b[n:]
		}
	}
	e.Close(id, at)
	return protocol
}

func whole() int { return 1 << 30 }

// play hears a conversation in whole messages and returns its events.
func play(t testing.TB, port uint16, talk []said) []haechi.Event {
	t.Helper()
	e := newEar(config())
	e.hear(port, talk, whole)
	check(t, e)
	return e.events
}

func config() talk.Config {
	return talk.Config{Default: func(user, password []byte) string {
		if string(user) == "root" && string(password) == "12345" {
			return "mirai"
		}
		return ""
	}}
}

func check(t testing.TB, e *ear) {
	t.Helper()
	if s := e.Stats(); s.Open != 0 || s.Bytes != 0 || s.Panics != 0 {
		t.Errorf("left behind: %+v", s)
	}
	for _, ev := range e.events {
		for _, text := range []string{ev.Name, ev.Type, ev.User, ev.Host, ev.Path, ev.UserAgent, ev.Method, ev.Protocol} {
			if len(text) > 512 || slices.ContainsFunc([]rune(text), func(r rune) bool { return r < ' ' || r == 127 }) {
				t.Errorf("text %q", text)
			}
		}
	}
}

// facts are the events without what depends on when the segments came.
func facts(events []haechi.Event) (all []string) {
	for _, e := range events {
		all = append(all, fmt.Sprintf("%s %s>%s:%d %s %s name=%q type=%q user=%q %q %q %q %d ua=%q %s %v %d/%d", e.Kind, e.Addr, e.Target, e.LocalPort, e.Protocol,
			e.Outcome, e.Name, e.Type, e.User, e.Method, e.Host, e.Path, e.Status, e.UserAgent, e.Fingerprint, e.Answers, e.BytesIn, e.BytesOut))
	}
	return all
}

func same(t testing.TB, what string, got, want []haechi.Event) {
	t.Helper()
	if g, w := facts(got), facts(want); !slices.Equal(g, w) {
		t.Fatalf("%s:\n got %q\nwant %q", what, g, w)
	}
}

// anyCut shows that the events do not depend on the segments.
func anyCut(t *testing.T, port uint16, talk []said) []haechi.Event {
	t.Helper()
	want := play(t, port, talk)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 20 {
		most := 1 + i*i
		e := newEar(config())
		e.hear(port, talk, func() int { return 1 + r.IntN(most) })
		check(t, e)
		same(t, fmt.Sprintf("in pieces of at most %d", most), e.events, want)
	}
	return want
}

// clientHello is the first record of the standard library's client.
func clientHello(t testing.TB, name string, quic bool) []byte {
	t.Helper()
	if quic {
		return quicHello(t, name)
	}
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		_ = tls.Client(client, &tls.Config{ServerName: name, NextProtos: []string{"h2"}}).HandshakeContext(context.Background()) // ends with the pipe
		client.Close()
	}()
	head := make([]byte, 5)
	if _, err := io.ReadFull(server, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(server, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// quicHello is the ClientHello, without records, that a QUIC client sends.
func quicHello(t testing.TB, name string) []byte {
	t.Helper()
	q := tls.QUICClient(&tls.QUICConfig{TLSConfig: &tls.Config{ServerName: name, NextProtos: []string{"h3"}, MinVersion: tls.VersionTLS13}})
	defer q.Close()
	q.SetTransportParameters([]byte{})
	if err := q.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for {
		switch ev := q.NextEvent(); ev.Kind {
		case tls.QUICWriteData:
			return slices.Clone(ev.Data)
		case tls.QUICNoEvent:
			t.Fatal("no hello")
		}
	}
}
