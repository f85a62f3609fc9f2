package simulate_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"haechi/internal/operate/simulate"
)

func written(t *testing.T, s *simulate.Scenario, cfg simulate.Config) ([]byte, simulate.Written) {
	t.Helper()
	var b bytes.Buffer
	w, err := s.Write(&b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w
}

// named reports whether an address may stand in a scenario: of a private or a
// documentation range.
func named(a netip.Addr) bool {
	for _, p := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return a.IsPrivate()
}

// TestPacketsAreWhole reads every packet of every scenario with another decoder: headers
// that belong together, checksums that are right, times that never go back, addresses of
// nobody.
func TestPacketsAreWhole(t *testing.T) {
	for _, s := range simulate.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			b, w := written(t, &s, simulate.Config{})
			r, err := pcapgo.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			n, last, wrong := 0, time.Time{}, 0
			for ; wrong < 5; n++ {
				data, info, err := r.ZeroCopyReadPacketData()
				if err != nil {
					break
				}
				if err := whole(data, info); err != nil || info.Timestamp.Before(last) {
					t.Errorf("packet %d at %v: %v", n, info.Timestamp, err)
					wrong++
				}
				last = info.Timestamp
			}
			if n != w.Packets || !last.Equal(w.Last) || int64(len(b)) != w.Bytes || n == 0 {
				t.Errorf("%d packets to %v in %d bytes; it said %+v", n, last, len(b), w)
			}
		})
	}
}

func whole(data []byte, info gopacket.CaptureInfo) error {
	data = append(data[:len(data):len(data)], make([]byte, info.Length-info.CaptureLength)...) // what is cut off was zeros
	p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.NoCopy)
	if f := p.ErrorLayer(); f != nil && !strings.Contains(f.Error().Error(), "NTP") { // the time servers send noise
		return f.Error()
	}
	net := p.NetworkLayer()
	if net == nil {
		return errors.New("no IP")
	}
	for _, e := range []gopacket.Endpoint{net.NetworkFlow().Src(), net.NetworkFlow().Dst()} {
		if a, ok := netip.AddrFromSlice(e.Raw()); !ok || !named(a) {
			return fmt.Errorf("%v may be somebody's", a)
		}
	}
	if ip, ok := net.(*layers.IPv4); ok && (ip.Flags&layers.IPv4MoreFragments != 0 || ip.FragOffset > 0) {
		return nil // the checksum is that of the whole datagram
	}
	if c, ok := p.TransportLayer().(interface {
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	}); ok {
		if err := c.SetNetworkLayerForChecksum(net); err != nil {
			return err
		}
	}
	if err, mismatches := p.VerifyChecksums(); err != nil || len(mismatches) > 0 {
		return fmt.Errorf("checksums: %v %v", err, mismatches)
	}
	return nil
}

// TestTheSameAgain: the same start and seed give the same file, others another one.
func TestTheSameAgain(t *testing.T) {
	s, ok := simulate.Find("document-network")
	if !ok {
		t.Fatal("no such scenario")
	}
	start := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	a, w := written(t, &s, simulate.Config{Start: start, Seed: 7})
	if b, _ := written(t, &s, simulate.Config{Start: start, Seed: 7}); !bytes.Equal(a, b) {
		t.Error("the same seed gave another file")
	}
	if b, _ := written(t, &s, simulate.Config{Start: start, Seed: 8}); bytes.Equal(a, b) {
		t.Error("another seed gave the same file")
	}
	if b, _ := written(t, &s, simulate.Config{Start: start.Add(time.Second), Seed: 7}); bytes.Equal(a, b) || len(a) != len(b) {
		t.Error("another start must change the times and nothing else")
	}
	if w.First.Before(start) || w.First.After(start.Add(time.Minute)) {
		t.Errorf("began at %v", w.First)
	}
}

// TestTheDocumentsNumbers counts in the packets what rows B56 and B113 say.
func TestTheDocumentsNumbers(t *testing.T) {
	s, _ := simulate.Find("document-network")
	b, _ := written(t, &s, simulate.Config{})
	knocks, guesses, shares := map[string]int{}, map[string]int{}, map[string]int{}
	begun(t, b, func(from netip.Addr, to netip.AddrPort) {
		switch from.String() {
		case "10.0.0.1":
			knocks[to.String()]++
		case "203.0.113.50":
			guesses[to.String()]++
		case "192.168.1.150":
			shares[to.String()]++
		}
	})
	if len(knocks) != 15 || len(guesses) != 1 || guesses["192.168.1.200:22"] != 10 || len(shares) != 10 {
		t.Errorf("%v, %v, %v", knocks, guesses, shares)
	}
	s, _ = simulate.Find("document-flood")
	b, _ = written(t, &s, simulate.Config{})
	visitors, attackers := 0, map[netip.Addr]int{}
	begun(t, b, func(from netip.Addr, _ netip.AddrPort) {
		if strings.HasPrefix(from.String(), "192.168.1.") {
			visitors++
		} else {
			attackers[from]++
		}
	})
	all := 0
	for _, n := range attackers {
		all += n
	}
	if visitors != 100 || all != 2000 || len(attackers) < 190 || len(attackers) > 200 {
		t.Errorf("%d requests of visitors, %d of %d attackers", visitors, all, len(attackers))
	}
}

// begun calls f for each TCP connection that is begun.
func begun(t *testing.T, capture []byte, f func(from netip.Addr, to netip.AddrPort)) {
	t.Helper()
	r, err := pcapgo.NewReader(bytes.NewReader(capture))
	if err != nil {
		t.Fatal(err)
	}
	for data, _, err := r.ReadPacketData(); err == nil; data, _, err = r.ReadPacketData() {
		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.NoCopy)
		tcp, ok := p.TransportLayer().(*layers.TCP)
		if !ok || !tcp.SYN || tcp.ACK {
			continue
		}
		from, _ := netip.AddrFromSlice(p.NetworkLayer().NetworkFlow().Src().Raw())
		to, _ := netip.AddrFromSlice(p.NetworkLayer().NetworkFlow().Dst().Raw())
		f(from, netip.AddrPortFrom(to, uint16(tcp.DstPort)))
	}
}

type full struct{}

var errFull = errors.New("the disk is full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAFullDiskIsToldOf(t *testing.T) {
	s, _ := simulate.Find("port-scan")
	if _, err := s.Write(full{}, simulate.Config{}); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if _, ok := simulate.Find("no-such-play"); ok {
		t.Error("found what is not there")
	}
}
