package decode_test

import (
	"net"
	"net/netip"
	"reflect"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"haechi/internal/sensor"
	"haechi/internal/sensor/decode"
)

func made(t testing.TB, all ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, all...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ether(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: kind}
}

func ip4(proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: proto, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{198, 51, 100, 2}}
}

func ip6(next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: next, SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2")}
}

func tcp() *layers.TCP {
	return &layers.TCP{SrcPort: 40000, DstPort: 443, Seq: 7, SYN: true, Window: 1024}
}

func udp(to layers.UDPPort) *layers.UDP { return &layers.UDP{SrcPort: 40000, DstPort: to} }

// frames are what the sensor meets, and what each must be read as.
func frames(t testing.TB) map[string][]byte {
	data := gopacket.Payload("hello")
	inner := []gopacket.SerializableLayer{ip4(layers.IPProtocolTCP), tcp(), data}
	out := map[string][]byte{
		"tcp over ipv4":  made(t, ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), data),
		"tcp over ipv6":  made(t, ether(layers.EthernetTypeIPv6), ip6(layers.IPProtocolTCP), tcp(), data),
		"one tag":        made(t, append([]gopacket.SerializableLayer{ether(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeIPv4}}, inner...)...),
		"two tags":       made(t, append([]gopacket.SerializableLayer{ether(layers.EthernetTypeQinQ), &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeDot1Q}, &layers.Dot1Q{VLANIdentifier: 8, Type: layers.EthernetTypeIPv4}}, inner...)...),
		"gre":            made(t, append([]gopacket.SerializableLayer{ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolGRE), &layers.GRE{Protocol: layers.EthernetTypeIPv4}}, inner...)...),
		"ip in ip":       made(t, append([]gopacket.SerializableLayer{ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolIPv4)}, inner...)...),
		"vxlan":          made(t, append([]gopacket.SerializableLayer{ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(4789), &layers.VXLAN{ValidIDFlag: true, VNI: 5}, ether(layers.EthernetTypeIPv4)}, inner...)...),
		"hop by hop":     made(t, ether(layers.EthernetTypeIPv6), ip6(layers.IPProtocolIPv6HopByHop), gopacket.Payload([]byte{6, 0, 1, 4, 0, 0, 0, 0}), tcp(), data),
		"first fragment": made(t, ether(layers.EthernetTypeIPv4), fragment(0, true), tcp(), gopacket.Payload("hello6789012")),
	}
	return out
}

func fragment(offset uint16, more bool) *layers.IPv4 {
	ip := ip4(layers.IPProtocolTCP)
	ip.FragOffset = offset
	if more {
		ip.Flags = layers.IPv4MoreFragments
	}
	return ip
}

func TestFramesAreRead(t *testing.T) {
	for name, b := range frames(t) {
		t.Run(name, func(t *testing.T) {
			d := decode.New(decode.LinkEthernet)
			var p sensor.Packet
			if r := d.Frame(b, &p); r != decode.Decoded {
				t.Fatal(r)
			}
			if p.Proto != sensor.ProtoTCP || p.SrcPort != 40000 || p.DstPort != 443 || p.Seq != 7 || p.Flags != sensor.SYN || string(p.Payload[:5]) != "hello" {
				t.Errorf("%+v", p)
			}
			if p.Malformed || p.Fragment != (name == "first fragment") {
				t.Errorf("malformed %v, fragment %v", p.Malformed, p.Fragment)
			}
		})
	}
}

// What no honest stack sends is marked; what only looks odd is not.
func TestMalformedIsMarked(t *testing.T) {
	ip := ip4(layers.IPProtocolICMPv4)
	ip.FragOffset = 8189 // × 8 = 65,512
	land := ip4(layers.IPProtocolTCP)
	land.DstIP = land.SrcIP
	both := tcp()
	both.FIN = true
	same := tcp()
	same.SrcPort = 443
	ack := tcp()
	ack.SYN, ack.ACK, ack.FIN = false, true, true
	big := make(gopacket.Payload, 1400)
	for name, c := range map[string]struct {
		frame []byte
		bad   bool
	}{
		"ping of death":        {made(t, ether(layers.EthernetTypeIPv4), ip, big), true},
		"tiny first fragment":  {made(t, ether(layers.EthernetTypeIPv4), fragment(0, true), gopacket.Payload("12345678")), true},
		"overlapping fragment": {made(t, ether(layers.EthernetTypeIPv4), fragment(1, false), gopacket.Payload("12345678")), true},
		"syn and fin":          {made(t, ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), both), true},
		"land":                 {made(t, ether(layers.EthernetTypeIPv4), land, same), true},
		"a later fragment":     {made(t, ether(layers.EthernetTypeIPv4), fragment(185, false), big), false},
		"fin and ack":          {made(t, ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), ack), false},
	} {
		var p sensor.Packet
		if r := decode.New(decode.LinkEthernet).Frame(c.frame, &p); r != decode.Decoded || p.Malformed != c.bad {
			t.Errorf("%s: %v, malformed %v", name, r, p.Malformed)
		}
	}
}

func TestErrorsNameThePacketTheyAreAbout(t *testing.T) {
	about := made(t, ip4(layers.IPProtocolUDP), udp(33434), gopacket.Payload("12345678"))
	icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}
	var p sensor.Packet
	if r := decode.New(decode.LinkEthernet).Frame(made(t, ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolICMPv4), icmp, gopacket.Payload(about)), &p); r != decode.Decoded {
		t.Fatal(r)
	}
	if !p.Refused || p.Embedded.DstPort != 33434 || p.Embedded.Target() != netip.MustParseAddr("198.51.100.2") {
		t.Errorf("%+v", p)
	}
}

func TestTunnelsEnd(t *testing.T) {
	all := []gopacket.SerializableLayer{ether(layers.EthernetTypeIPv4)}
	for range 5 {
		all = append(all, ip4(layers.IPProtocolIPv4))
	}
	var p sensor.Packet
	if r := decode.New(decode.LinkEthernet).Frame(made(t, append(all, ip4(layers.IPProtocolTCP), tcp())...), &p); r != decode.TooDeep {
		t.Error(r)
	}
}

func TestNoAllocation(t *testing.T) {
	all := frames(t)
	d := decode.New(decode.LinkEthernet)
	var p sensor.Packet
	for name, b := range all {
		if n := testing.AllocsPerRun(100, func() { d.Frame(b, &p) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// FuzzFrame: whatever is read stays within the frame, and addresses and ports are those
// that gopacket reads, where both read the frame without a tunnel.
func FuzzFrame(f *testing.F) {
	for _, b := range frames(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p sensor.Packet
		if decode.New(decode.LinkEthernet).Frame(b, &p) != decode.Decoded {
			return
		}
		if len(p.Payload) > len(b) || p.PayloadLength < 0 && !p.Malformed {
			t.Fatalf("%d bytes of payload, %d stated, in %d", len(p.Payload), p.PayloadLength, len(b))
		}
		compare(t, b, &p)
	})
}

// FuzzLinks: no frame of any link type stops it, and what it reads stays within the frame
// and is the same the second time.
func FuzzLinks(f *testing.F) {
	all := []uint32{decode.LinkNull, decode.LinkEthernet, decode.LinkRaw, decode.LinkLoop, decode.LinkSLL, decode.LinkIPv4, decode.LinkIPv6, decode.LinkSLL2}
	for i := range all {
		for _, b := range frames(f) {
			f.Add(b[min(14, len(b)):], uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		d := decode.New(all[int(which)%len(all)])
		var p, again sensor.Packet
		r := d.Frame(b, &p)
		if r == decode.Decoded && (len(p.Payload) > len(b) || p.PayloadLength < 0 && !p.Malformed) {
			t.Fatalf("%d bytes of payload, %d stated, in %d", len(p.Payload), p.PayloadLength, len(b))
		}
		again.Payload, again.Malformed, again.Embedded.SrcPort = []byte("left"), true, 7
		if d.Frame(b, &again) != r || r == decode.Decoded && !reflect.DeepEqual(p, again) {
			t.Fatalf("first %+v, then %+v", p, again)
		}
	})
}

func compare(t *testing.T, b []byte, p *sensor.Packet) {
	other := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: false, NoCopy: true})
	ip, ok := other.NetworkLayer().(*layers.IPv4)
	if other.ErrorLayer() != nil || !ok || len(other.Layers()) > 4 || p.Fragment || p.V6 {
		return
	}
	seg, ok := other.TransportLayer().(*layers.TCP)
	if !ok || p.Proto != sensor.ProtoTCP {
		return
	}
	if p.Source() != addrOf(ip.SrcIP) || p.Target() != addrOf(ip.DstIP) || p.SrcPort != uint16(seg.SrcPort) || p.DstPort != uint16(seg.DstPort) ||
		p.Seq != seg.Seq || p.Ack != seg.Ack || (p.Flags&sensor.SYN != 0) != seg.SYN || (p.Flags&sensor.RST != 0) != seg.RST {
		t.Fatalf("read %+v, gopacket %+v %+v", p, ip, seg)
	}
}

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

func BenchmarkFrame(b *testing.B) {
	frame := frames(b)["tcp over ipv4"]
	d := decode.New(decode.LinkEthernet)
	var p sensor.Packet
	b.ReportAllocs()
	for b.Loop() {
		d.Frame(frame, &p)
	}
}

func BenchmarkFrameGopacket(b *testing.B) {
	frame := frames(b)["tcp over ipv4"]
	var eth layers.Ethernet
	var v4 layers.IPv4
	var seg layers.TCP
	var data gopacket.Payload
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &eth, &v4, &seg, &data)
	parser.IgnoreUnsupported = true
	var found []gopacket.LayerType
	b.ReportAllocs()
	for b.Loop() {
		if err := parser.DecodeLayers(frame, &found); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAClosedWindow: a window of 0 says that its sender takes no more, but not in a SYN
// or RST.
func TestAClosedWindow(t *testing.T) {
	for name, c := range map[string]struct {
		seg  layers.TCP
		want bool
	}{
		"closed": {layers.TCP{SrcPort: 40000, DstPort: 443, ACK: true}, true},
		"open":   {layers.TCP{SrcPort: 40000, DstPort: 443, ACK: true, Window: 1}, false},
		"SYN":    {layers.TCP{SrcPort: 40000, DstPort: 443, SYN: true}, false},
		"reset":  {layers.TCP{SrcPort: 40000, DstPort: 443, RST: true, ACK: true}, false},
	} {
		var p sensor.Packet
		frame := made(t, ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), &c.seg)
		if got := decode.New(decode.LinkEthernet).Frame(frame, &p); got != decode.Decoded || (p.Flags&sensor.Stalled != 0) != c.want {
			t.Errorf("%s: %v, flags %b", name, got, p.Flags)
		}
	}
}
