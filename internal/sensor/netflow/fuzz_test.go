package netflow

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
)

// Whatever comes, twice: what is told is between two hosts, begins in the last day, ends
// before now, and nothing waits after the end.
func FuzzDatagram(f *testing.F) {
	f.Add(five(1, 1<<14|7, one{"198.51.100.9", "10.0.0.80", 40000, 443, protoTCP, syn, 1}))
	var template, option, data writer
	template.u16(256, 6, ieSrc4, 4, ieDst4, 4, iePackets, 8, ieStartNs, 8, ieLasted, 4, 95, varying)
	option.u16(257, 2, 1, ieSelector, 4, ieTaken, 4)
	data.ip("198.51.100.9").ip("10.0.0.80").u32(0, 1, 1<<31, 0, 9).u8(2, 65, 66)
	f.Add(ten(1, set(2, &template), set(3, &option), set(256, &data)))
	f.Add(nine(1, set(0, &template), set(1, &option), set(256, &data)))
	f.Add(sflow(1, sample(false, 100, one{"198.51.100.9", "10.0.0.80", 40000, 443, protoTCP, syn, 1}, 60), sample(true, 1, one{"2001:db8::9", "2001:db8:1::80", 1, 2, protoUDP, 0, 1}, 60)))
	var frame, body writer
	frame.u32(4, 9, 100, 9, 0, 1, 2, 1, sflowFrame, 24, sflowRawV4, 60, 0, 6).u8(1, 2, 3, 4, 5, 6, 0, 0)
	body.u32(sflowFlow, uint32(len(frame)))
	f.Add(sflow(2, append(body, frame...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		now := came()
		r := New(Config{Exporters: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Waiting: 64, Decode: anyPacket}, func(e *haechi.Event) {
			age := now.Sub(e.Start)
			if !e.Addr.IsValid() || e.Addr.Is4() != e.Target.Is4() || age < 0 || age > mostAge+time.Minute || e.Duration < 0 || e.Duration > age ||
				e.BytesIn < 0 || e.BytesOut < 0 {
				t.Errorf("%+v", e)
			}
		})
		from := netip.MustParseAddr("192.0.2.1")
		r.Datagram(from, b, now)
		r.Datagram(from, b, now)
		now = now.Add(20 * time.Second)
		r.End(now)
		if s := r.Stats(); r.pairs.len+r.samples.len != 0 || len(r.pairs.at)+len(r.samples.at) != 0 || s.Told > s.Records || len(r.known[from].templates) > mostTemplates {
			t.Errorf("%+v", s)
		}
	})
}

// anyPacket reads something in any frame.
func anyPacket(_ uint32, b []byte, p *sensor.Packet) bool {
	if len(b) < 4 {
		return false
	}
	p.Path = sensor.Path{Src: [16]byte{198, 51, 100, b[0]}, Dst: [16]byte{10, 0, 0, b[1]}, SrcPort: uint16(b[2]), DstPort: 80, Proto: b[3]}
	p.Flags, p.Length = b[2], uint32(len(b))
	return true
}
