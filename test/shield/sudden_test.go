package shield_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"haechi"
	"haechi/internal/brick/netnstest"
)

// newStorm is a siege whose gateway, through a shield or by itself, has limits in the
// driver, of which a machine under any load is beyond.
func newStorm(t *testing.T) *siege {
	t.Helper()
	r := newRig(t, "{ kernel: auto, interfaces: [in0], pins: PINS, reflection: drop, ping_rate: 20/s burst 40, fragment_rate: 20/s burst 40 }")
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(text), `upstream: "10.77.0.9:7001"`, `upstream: "10.77.0.1:7001", limits: { connections: 1000 }`, 1) + `
attack: { mode: enforce, calm: 10s }
rules:
  network/host-icmp-flood: { parameters: { packets: 100, replies: 100, window: 2s, quiet: 5s } }
  network/host-fragment-flood: { parameters: { packets: 100, window: 2s, quiet: 5s } }
  network/host-udp-flood: { parameters: { packets: 100, window: 2s, quiet: 5s } }
`
	if err := os.WriteFile(r.config, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	r.land.strangers.Run(t, "ip", "route", "add", "local", "10.79.0.0/16", "dev", "lo")
	echo(t, r.land.guarded, "10.77.0.1:7001")
	r.start()
	s := &siege{r}
	s.eventually("the service is open", time.Minute, func() bool { return s.visit("10.79.200.1", 5*time.Second) == nil })
	return s
}

// stoppedBy is how many packets the driver dropped for one reason, by its place.
func (s *siege) stoppedBy(reason uint32) (n uint64) {
	s.t.Helper()
	m, err := ebpf.LoadPinnedMap(filepath.Join(s.pins, "haechi_dropped"), &ebpf.LoadPinOptions{ReadOnly: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	var each []struct{ Packets, Bytes uint64 }
	if err := m.Lookup(reason, &each); err != nil {
		s.t.Fatal(err)
	}
	for _, c := range each {
		n += c.Packets
	}
	return n
}

// The places of the reasons.
const (
	byUnasked   = 7
	byPings     = 11
	byFragments = 12
)

// TestAFloodIsDroppedInTheDriverAtOnce: must-show 4: pings, fragments and answers that name
// a thousand customers are dropped before anybody decides; the flood is told of and raises a
// stage all the same; the customers and strangers get in while it goes on, and nobody is
// banned.
func TestAFloodIsDroppedInTheDriverAtOnce(t *testing.T) {
	to := netip.MustParseAddrPort("10.77.0.1:7000")
	for name, c := range map[string]struct {
		reason   uint32
		detector string
		send     func(f *netnstest.Forge, from netip.Addr, i int) error
	}{
		"pings":     {byPings, "host_icmp", func(f *netnstest.Forge, from netip.Addr, i int) error { return f.Ping(from, to.Addr(), uint16(i)) }},
		"fragments": {byFragments, "host_fragments", func(f *netnstest.Forge, from netip.Addr, i int) error { return f.Fragment(from, to.Addr(), uint16(i)) }},
		"answers": {byUnasked, "host_udp", func(f *netnstest.Forge, from netip.Addr, _ int) error {
			return f.UDP(netip.AddrPortFrom(from, 53), to, "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorm(t)
			customer := func(i int) string { return fmt.Sprintf("10.79.%d.%d", 10+i/250, 1+i%250) }
			if n := s.stoppedBy(c.reason); n != 0 {
				t.Fatalf("at peace %d are dropped", n)
			}
			stop := s.storm(func(f *netnstest.Forge, i int) error { return c.send(f, netip.MustParseAddr(customer(i%1000)), i) })
			defer stop()
			s.eventually("it is dropped", time.Minute, func() bool { return s.stoppedBy(c.reason) > 100 })
			for i := 0; i < 1000; i += 25 {
				if err := s.visit(customer(i), 20*time.Second); err != nil {
					t.Errorf("the customer %s is cut off: %v", customer(i), err)
				}
			}
			if err := s.visit("10.79.99.99", 20*time.Second); err != nil {
				t.Errorf("a stranger is cut off: %v", err)
			}
			s.eventually("the flood is told of", time.Minute, func() bool {
				return slices.ContainsFunc(s.status().Attacks, func(a haechi.Attack) bool { return a.Detector == c.detector })
			})
			if st := s.status(); st.Stage < haechi.StageTighten {
				t.Errorf("the stage: %+v", st)
			}
			if err := s.visit(customer(1), 20*time.Second); err != nil {
				t.Errorf("a customer is cut off by the stage: %v", err)
			}
			t.Logf("%d packets were sent, %d dropped", stop(), s.stoppedBy(c.reason))
			s.nobodyBanned()
		})
	}
}

// storm sends packets as a flood does, until it is stopped.
func (s *siege) storm(send func(f *netnstest.Forge, i int) error) (stop func() int) {
	i := 0
	return s.pour(func(f *netnstest.Forge) { _ = send(f, i); i++ })
}

// TestTheDriverTakesAStage: an operator's stage is in the driver as well, survives a shield
// that is killed, and goes with its end.
func TestTheDriverTakesAStage(t *testing.T) {
	r := newRig(t, "{ kernel: auto, interfaces: [in0], pins: PINS, socket: DIR/run/shield.sock }")
	shield := r.shield()
	r.run(powerless(t, r))
	r.proc.Troubled = true // the shield is killed below
	s := &siege{r}
	f, err := s.land.strangers.NewForge()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	syns := func() (dropped uint64) {
		before := s.stoppedBy(bySYN)
		for i := range 40 {
			if err := f.SYN(netip.MustParseAddrPort(fmt.Sprintf("203.0.113.7:%d", 2000+i)), netip.MustParseAddrPort("10.77.0.1:7000"), uint32(i)); err != nil {
				t.Fatal(err)
			}
		}
		return s.stoppedBy(bySYN) - before
	}
	if n := syns(); n != 0 {
		t.Fatalf("at peace %d SYNs are dropped", n)
	}
	if a := s.haechi("attack", "stage", "tighten", "--for", "2m"); a.Code != 0 {
		t.Fatal(a.Err)
	}
	s.eventually("the driver drops", time.Minute, func() bool { return syns() > 0 })
	s.eventually("it is told", time.Minute, func() bool {
		return slices.ContainsFunc(s.status().Dropped, func(c haechi.Counter) bool { return c.Name == "metered_syn" && c.Value > 0 })
	})
	shield.Kill()
	r.shield()
	s.eventually("the driver drops again", time.Minute, func() bool { return syns() > 0 })
	s.eventually("nftables too", time.Minute, func() bool { return strings.Contains(s.land.guarded.Run(t, "nft", "list", "tables"), "haechi_meters") })
	if a := s.haechi("attack", "release"); a.Code != 0 {
		t.Fatal(a.Err)
	}
	s.eventually("the driver drops nobody", time.Minute, func() bool { return syns() == 0 })
	s.nobodyBanned()
}

const bySYN = 8
