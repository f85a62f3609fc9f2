package app

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/detect"
	"haechi/internal/detect/dnstunnel"
	"haechi/internal/detect/rules"
	"haechi/internal/pipeline"
	shipped "haechi/rules"
)

func shippedSet(t *testing.T) *rules.Set {
	t.Helper()
	set, err := rules.Load(shipped.FS, rules.Options{Detectors: networkDefaults()})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestEveryNetworkDetectorHasAFile: what the files set is what the code has by default,
// so that neither says one thing and does another.
func TestEveryNetworkDetectorHasAFile(t *testing.T) {
	set := shippedSet(t)
	files := map[string]rules.Named{}
	for _, n := range set.Named() {
		files[n.Detector] = n
	}
	for _, k := range append(networkKinds(), hostKinds()...) {
		if k.hears == 0 {
			t.Errorf("%s looks at no kind of event", k.name)
		}
		n, ok := files[k.name]
		if !ok {
			t.Errorf("no file in rules/network names the detector %s", k.name)
		} else if !reflect.DeepEqual(n.Config, k.defaults) {
			t.Errorf("%s: the file says %+v, the code %+v", n.ID, n.Config, k.defaults)
		}
	}
	if got := len(detectorsOf(hostKinds(), set, networkSite(&config.Site{}))); got != len(hostKinds()) {
		t.Errorf("%d detectors of %d kinds", got, len(hostKinds()))
	}
	if got := len(networkDetectors(set, networkSite(&config.Site{}))); got != len(networkKinds()) {
		t.Errorf("%d detectors of %d kinds", got, len(networkKinds()))
	}
}

// TestDetectorsLookAtNothingElse: events of the kinds that a detector is not said to look
// at change nothing in what it finds.
func TestDetectorsLookAtNothingElse(t *testing.T) {
	type pair struct {
		networkKind
		all, some pipeline.Detector
		want, got []haechi.Finding
	}
	var pairs []*pair
	for _, k := range networkKinds() {
		rule := detect.Rule{ID: "network/x", Version: 1, Detector: k.name, Severity: haechi.High}
		pairs = append(pairs, &pair{networkKind: k, all: k.build(rule, networkSite(&config.Site{}), nil), some: k.build(rule, networkSite(&config.Site{}), nil)})
	}
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	for i := range 60_000 {
		at = at.Add(time.Duration(r.Int64N(int64(20 * time.Millisecond))))
		e := anyEvent(r, at) // the same for all: most of the time is spent here
		for _, p := range pairs {
			p.want = p.all.Observe(&e, p.want)
			if p.hears.has(&e) {
				p.got = p.some.Observe(&e, p.got)
			}
			if i%100 == 0 {
				p.want, p.got = p.all.Tick(at, p.want), p.some.Tick(at, p.got)
			}
		}
	}
	end := at.Add(24 * time.Hour)
	for _, p := range pairs {
		want, got := p.all.Tick(end, p.want), p.some.Tick(end, p.got)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s finds %d with all events, and %d with those that it looks at", p.name, len(want), len(got))
		}
		t.Logf("%s: %d findings", p.name, len(want))
	}
}

// anyEvent is one of any kind between few hosts, some of them ours, with much that
// detectors look for.
func anyEvent(r *rand.Rand, at time.Time) haechi.Event {
	from, to := netip.AddrFrom4([4]byte{10, 1, 0, byte(r.IntN(6))}), netip.AddrFrom4([4]byte{10, 1, 0, byte(r.IntN(40))})
	if r.IntN(2) == 0 {
		to = netip.AddrFrom4([4]byte{192, 0, 3, byte(r.IntN(40))})
	}
	if r.IntN(3) == 0 {
		from = netip.AddrFrom4([4]byte{192, 0, 3, 100 + byte(r.IntN(6))})
	}
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	e := haechi.Event{Time: at, Kind: haechi.KindConnect + haechi.Kind(r.IntN(int(haechi.KindAlert))), Outcome: haechi.Outcome(r.IntN(3)),
		Actor: haechi.Actor{Addr: from, Client: netip.PrefixFrom(from, 32), Assurance: haechi.Handshaken},
		Port:  uint16(40000 + r.IntN(2000)), LocalPort: []uint16{21, 22, 23, 53, 80, 123, 443, 445, uint16(r.IntN(1000))}[r.IntN(9)],
		BytesIn: r.Int64N(1 << 20), BytesOut: r.Int64N(1 << 20), Status: []int{200, 401, 404, 500}[r.IntN(4)],
		Path: pick("/", "/login", "/a"), Host: pick("a.example", "b.example")}
	e.User, e.Type, e.Name = pick("root", "admin", "kim", ""), pick("password", "default:root", "TXT", "A", ""), fmt.Sprintf("%x.t.example.com", r.Uint64())
	e.Sensor, e.Protocol = pick("capture", "capture", "log:sshd"), pick("ssh", "http", "telnet", "ftp", "smb", "")
	e.Target, e.Transport, e.Phase = to, []haechi.Transport{haechi.TCP, haechi.TCP, haechi.UDP, haechi.ICMP}[r.IntN(4)], haechi.FlowPhase(r.IntN(4))
	e.Before = haechi.FlowState(r.IntN(2) * r.IntN(9))
	e.State, e.Start, e.PacketsIn, e.PacketsOut = haechi.FlowState(r.IntN(9)), at, uint64(r.IntN(3000)), uint64(r.IntN(3))
	e.First, e.FlagsIn, e.Fragments, e.Malformed = uint8(r.IntN(9)), uint8(r.IntN(64)), uint32(r.IntN(2)*r.IntN(2)*r.IntN(50)), uint32(r.IntN(8)/7)
	return e
}

func TestParametersOfTheConfigurationReachTheDetector(t *testing.T) {
	cfg := &config.Config{Rules: map[string]config.Rule{"network/dns-tunnel": {Parameters: map[string]string{"names": "40"}}}}
	set, err := loadRules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range set.Named() {
		if c, ok := n.Config.(dnstunnel.Config); ok && c.Names != 40 {
			t.Errorf("the detector runs with %+v", c)
		}
	}
}
