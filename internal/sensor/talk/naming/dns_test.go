package naming_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/talk"
	"haechi/internal/sensor/talk/naming"
	"haechi/internal/sensor/talk/talktest"
)

// dnsName puts labels into the form of the wire.
func dnsName(labels ...string) (out string) {
	for _, l := range labels {
		out += string(rune(len(l))) + l
	}
	return out + "\x00"
}

// query is a question; answer repeats it with records behind it.
func query(id uint16, name string, kind uint16) string {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = append(b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	b = append(b, name...)
	b = binary.BigEndian.AppendUint16(b, kind)
	return string(append(b, 0, 1))
}

func answer(query string, rcode byte, records ...string) string {
	b := []byte(query)
	b[2], b[3] = 0x81, 0x80|rcode
	b[7] = byte(len(records))
	return string(b) + strings.Join(records, "")
}

func record(kind byte, data string) string {
	return "\xc0\x0c\x00" + string([]byte{kind}) + "\x00\x01\x00\x00\x00\x3c\x00" + string([]byte{byte(len(data))}) + data
}

func framed(msg string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(msg)))) + msg
}

func lookups() []said {
	www := query(7, dnsName("www", "Example", "com"), 1)
	none := query(8, dnsName("nx", "example", "com"), 28)
	return []said{
		in(www), out(answer(www, 0, record(5, "\xc0\x10"), record(1, "\xc0\x00\x02\x01"), record(1, "\xc0\x00\x02\x02"), record(1, "\xc0\x00\x02\x03"))),
		in(none), in(none), out(answer(none, 3)),
		in(query(9, dnsName("silent", "example", "com"), 16)),
	}
}

func TestLookups(t *testing.T) {
	e := newEar(talktest.Config())
	if p := e.Datagrams(53, lookups()); p != "dns" || len(e.Events) != 3 {
		t.Fatalf("%q, told %q", p, talktest.Facts(e.Events))
	}
	talktest.Check(t, e)
	a, b, c := e.Events[0], e.Events[1], e.Events[2]
	if a.Name != "www.Example.com" || a.Type != "A" || a.Outcome != haechi.Success || a.Answers[0].String() != "192.0.2.1" || a.Answers[1].String() != "192.0.2.2" ||
		a.BytesIn != 33 || a.BytesOut != 33+14+3*16 || a.Duration != time.Millisecond || a.Assurance != haechi.Seen {
		t.Errorf("told %+v", a)
	}
	if b.Type != "AAAA" || b.Outcome != haechi.Failure || c.Type != "TXT" || c.Outcome != haechi.Unknown || c.BytesOut != 0 {
		t.Errorf("told %q", talktest.Facts(e.Events))
	}
}

func TestLookupsOverTCP(t *testing.T) {
	talk := lookups()
	for i := range talk {
		talk[i].Text = framed(talk[i].Text)
	}
	if events := anyCut(t, 53, talk); len(events) != 3 || events[0].Answers[1].String() != "192.0.2.2" || events[0].Transport != haechi.TCP {
		t.Errorf("told %q", talktest.Facts(events))
	}
	if events := anyCut(t, 5300, talk); len(events) != 3 {
		t.Errorf("by another port: told %q", talktest.Facts(events))
	}
	// An answer longer than what is looked at is passed over.
	big := query(1, dnsName("big"), 16)
	long := answer(big, 0) + strings.Repeat("x", 60000)
	next := query(2, dnsName("next"), 1)
	if events := anyCut(t, 53, []said{in(framed(big)), out(framed(long)), in(framed(next)), out(framed(answer(next, 0)))}); len(events) != 2 ||
		events[0].BytesOut != int64(len(long)) || events[1].Name != "next" {
		t.Errorf("told %q", talktest.Facts(events))
	}
}

// Names that a tunnel asks for, with bytes of any value, are read and told.
func TestHostileNames(t *testing.T) {
	loop := query(3, "\xc0\x0c", 1)
	e := newEar(talktest.Config())
	e.Datagrams(53, []said{in(query(1, dnsName("a.b\x00\xff\x7f\"", "t", "example"), 10)), in(query(2, dnsName(), 2)), in(loop), in(query(4, "\x3fcut", 1)),
		in(query(5, "\xc0\xff", 1)), in(query(6, strings.Repeat("\x01a", 130)+"\x00", 1))})
	talktest.Check(t, e)
	if len(e.Events) != 2 || e.Events[0].Name != `a\.b\000\255\127".t.example` || e.Events[0].Type != "NULL" || e.Events[1].Name != "." {
		t.Errorf("told %q", talktest.Facts(e.Events))
	}
}

// Questions to a group are answered by others; NetBIOS hides names in letters.
func TestOtherNameServices(t *testing.T) {
	nb := query(1, "\x20FHEPFCELFDFEEBFEEJEPEOCACACACAAA\x00", 32)
	for port, want := range map[uint16]string{5353: "mdns", 5355: "llmnr", 137: "nbns"} {
		e := newEar(talktest.Config())
		q := query(0, dnsName("printer", "local"), 12)
		if port == 137 {
			q = nb
		}
		if p := e.Datagrams(port, []said{in(q), out(answer(q, 0))}); p != want || len(e.Events) != 1 || e.Events[0].Outcome != haechi.Unknown {
			t.Errorf("%s: %q, told %q", want, p, talktest.Facts(e.Events))
		} else if port == 137 && e.Events[0].Name != "WORKSTATION" {
			t.Errorf("name %q", e.Events[0].Name)
		}
	}
}

// Elsewhere only what reads to its last byte is a lookup; and answers that nobody asked
// for are none.
func TestNotALookup(t *testing.T) {
	q := query(7, dnsName("www", "example"), 1)
	for name, talk := range map[string][]said{"more": {in(q + "x")}, "answer": {out(answer(q, 0))}, "short": {in(q[:10])}, "type": {in(query(7, dnsName("a"), 999))}} {
		e := newEar(talktest.Config())
		if p := e.Datagrams(4000, talk); p != "" || len(e.Events) != 0 {
			t.Errorf("%s: taken for %q", name, p)
		}
	}
	e := newEar(talktest.Config())
	e.Datagrams(53, []said{out(answer(q, 0)), in(q), out(answer(query(8, dnsName("www", "example"), 1), 0)), out(answer(query(7, dnsName("other"), 1), 0))})
	if len(e.Events) != 1 || e.Events[0].Outcome != haechi.Unknown {
		t.Errorf("told %q", talktest.Facts(e.Events))
	}
	talktest.Check(t, e)
	e = newEar(talktest.Config())
	if p := e.Datagrams(4000, []said{in(q), out(answer(q, 0))}); p != "dns" || len(e.Events) != 1 {
		t.Errorf("a plain question elsewhere: %q, told %q", p, talktest.Facts(e.Events))
	}
}

// Of many questions without an answer the oldest is told of when there is no more room.
func TestWaitingLookups(t *testing.T) {
	e := newEar(talktest.Config())
	id := e.Open(talktest.Ends(haechi.UDP, 53), talktest.Start())
	for i := range 20 {
		q := []byte(query(uint16(i), dnsName("www", "example"), 1))
		e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Bytes: q, Length: len(q)})
	}
	if len(e.Events) != 12 {
		t.Errorf("told of %d", len(e.Events))
	}
	e.Close(id, talktest.Start())
	if len(e.Events) != 20 {
		t.Errorf("told of %d", len(e.Events))
	}
	talktest.Check(t, e)
}

// BenchmarkLookup is a question and its answer in a conversation of their own.
func BenchmarkLookup(b *testing.B) {
	l := talk.New(talktest.Config(), func(*haechi.Event) {}, naming.Accents())
	q := query(7, dnsName("www", "example", "com"), 1)
	ask, said := []byte(q), []byte(answer(q, 0, record(1, "\xc0\x00\x02\x01")))
	b.ReportAllocs()
	for b.Loop() {
		id := l.Open(talktest.Ends(haechi.UDP, 53), talktest.Start())
		l.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Bytes: ask, Length: len(ask)})
		l.Data(id, &sensor.Segment{Time: talktest.Start(), Bytes: said, Length: len(said)})
		l.Close(id, talktest.Start())
	}
}
