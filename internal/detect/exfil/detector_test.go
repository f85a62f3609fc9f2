package exfil_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/exfil"
)

type site struct{ roles map[string]detect.Role }

func (site) Internal(a netip.Addr) bool {
	return a.IsPrivate() || netip.MustParsePrefix("2001:db8:1::/48").Contains(a)
}

func (site) Listed(netip.Addr) bool { return false }

func (s site) Role(a netip.Addr) detect.Role {
	if s.roles == nil {
		return 0
	}
	return s.roles[a.String()]
}

const mib = 1 << 20

func begin() time.Time { return time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC) }

func rule() detect.Rule {
	return detect.Rule{ID: "network/exfiltration", Version: 1, Detector: "exfiltration", Severity: haechi.Critical}
}

func newDetector() *exfil.Detector { return exfil.New(rule(), site{}, exfil.Defaults()) }

// flow is the end of one flow.
func flow(at time.Time, from, to string, in, out int64) haechi.Event {
	a := netip.MustParseAddr(from)
	bits := 32
	if a.Is6() {
		bits = 64
	}
	client, _ := a.Prefix(bits)
	return haechi.Event{Time: at, Kind: haechi.KindFlow, Port: uint16(at.Unix()%20000 + 30000), LocalPort: 443, BytesIn: in, BytesOut: out,
		Actor: haechi.Actor{Addr: a, Client: client, Assurance: haechi.Handshaken},
		Flow: haechi.Flow{Sensor: "capture", Target: netip.MustParseAddr(to), Transport: haechi.TCP, Phase: haechi.FlowEnd,
			State: haechi.FlowClosed, Start: at.Add(-time.Minute)}}
}

type transfer struct {
	every    time.Duration
	n        int
	from, to string
	in, out  int64
}

func (s transfer) play(d *exfil.Detector, at time.Time) (out []haechi.Finding, end time.Time) {
	for range s.n {
		at = at.Add(s.every)
		e := flow(at, s.from, s.to, s.in, s.out)
		out = d.Observe(&e, out)
		out = d.Tick(at, out)
	}
	return out, at
}

func TestTheLimit(t *testing.T) {
	for _, c := range []struct {
		bytes int64
		found bool
	}{{100*mib - 1, false}, {100 * mib, false}, {100*mib + 1, true}} {
		e := flow(begin(), "10.1.0.7", "203.0.113.5", c.bytes, mib)
		out := newDetector().Observe(&e, nil)
		if len(out) > 0 != c.found {
			t.Errorf("%d bytes: %d findings", c.bytes, len(out))
		}
	}
}

func TestUploadsAreFound(t *testing.T) {
	for name, s := range map[string]transfer{
		"many small ones":  {10 * time.Second, 300, "10.1.0.7", "203.0.113.5", mib / 2, 20 << 10},
		"a few great ones": {time.Minute, 4, "10.1.0.7", "203.0.113.5", 60 * mib, mib},
		"over IPv6":        {time.Minute, 4, "2001:db8:1::7", "2a00::5", 60 * mib, mib},
	} {
		out, _ := s.play(newDetector(), begin())
		d := newDetector()
		out2, at := s.play(d, begin())
		out2 = d.Tick(at.Add(2*time.Hour), out2)
		if len(out) < 1 || len(out2) != len(out)+1 || !out2[len(out2)-1].Over {
			t.Fatalf("%s: %d findings, %d with the end", name, len(out), len(out2))
		}
		for _, f := range out2 {
			if f.Severity != haechi.High || f.Incident != out2[0].Incident || f.Spoofable || f.Target.String() == "invalid Prefix" {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

func TestManyDestinationsTogether(t *testing.T) {
	d := newDetector()
	var out []haechi.Finding
	for i := range 20 {
		e := flow(begin().Add(time.Duration(i)*time.Minute), "10.1.0.7", fmt.Sprintf("203.0.%d.5", 100+i), 10*mib, mib)
		out = d.Observe(&e, out)
	}
	if len(out) != 1 || out[0].Targets < 10 || out[0].Target.IsValid() {
		t.Fatalf("%+v", out)
	}
}

func TestWhatIsNoExfiltration(t *testing.T) {
	for name, s := range map[string]transfer{
		"a copy within the site":              {time.Minute, 50, "10.1.0.7", "10.1.0.30", 500 * mib, mib},
		"a download":                          {time.Minute, 50, "10.1.0.7", "203.0.113.5", 20 * mib, 900 * mib},
		"a call with pictures":                {time.Minute, 50, "10.1.0.7", "203.0.113.5", 15 * mib, 14 * mib},
		"a server of ours serves":             {time.Minute, 50, "203.0.113.5", "10.1.0.30", mib, 900 * mib},
		"somebody sends to us":                {time.Minute, 50, "203.0.113.5", "10.1.0.30", 900 * mib, mib},
		"slowly, below the limit in any hour": {time.Minute, 600, "10.1.0.7", "203.0.113.5", 3 * mib / 2, 0},
		"to a group":                          {time.Minute, 50, "10.1.0.7", "239.1.2.3", 900 * mib, 0},
	} {
		if out, _ := s.play(newDetector(), begin()); len(out) != 0 {
			t.Errorf("%s: %d findings", name, len(out))
		}
	}
}

func TestBackupsAreNotFindings(t *testing.T) {
	s := transfer{time.Minute, 50, "10.1.0.7", "203.0.113.5", 500 * mib, mib}
	for _, host := range []string{s.from, s.to} {
		d := exfil.New(rule(), site{roles: map[string]detect.Role{host: detect.Backup}}, exfil.Defaults())
		if out, _ := s.play(d, begin()); len(out) != 0 {
			t.Errorf("role of %s: %d findings", host, len(out))
		}
	}
}

// workday is ten days of 80 MiB an hour to one destination.
func workdays(d *exfil.Detector) (out []haechi.Finding, at time.Time) {
	at = begin()
	for day := range 10 {
		var f []haechi.Finding
		f, _ = transfer{10 * time.Minute, 5, "10.1.0.7", "203.0.113.5", 16 * mib, mib}.play(d, at.AddDate(0, 0, day))
		out = append(out, f...)
	}
	return out, at.AddDate(0, 0, 10)
}

func TestHabitsRaiseTheLimit(t *testing.T) {
	d := newDetector()
	out, at := workdays(d)
	more, _ := transfer{10 * time.Minute, 5, "10.1.0.7", "203.0.113.5", 40 * mib, mib}.play(d, at)
	if len(out)+len(more) != 0 {
		t.Fatalf("%d findings on habitual days, %d on a busy one", len(out), len(more))
	}
	tooMuch, _ := transfer{10 * time.Minute, 5, "10.1.0.7", "203.0.113.5", 80 * mib, mib}.play(d, at.AddDate(0, 0, 1))
	if len(tooMuch) != 1 || tooMuch[0].Severity != haechi.Critical || tooMuch[0].Targets != 1 {
		t.Fatalf("five times the habit: %+v", tooMuch)
	}
}

func TestANewDestinationOfAHostWithAHabit(t *testing.T) {
	d := newDetector()
	_, at := workdays(d)
	out, _ := transfer{10 * time.Minute, 5, "10.1.0.7", "198.51.100.9", 60 * mib, mib}.play(d, at)
	if len(out) != 1 || out[0].Severity != haechi.Critical || out[0].Threshold < 200*mib {
		t.Fatalf("%+v", out)
	}
}

func TestUpdatesOfOneFlowAreCountedOnce(t *testing.T) {
	d := newDetector()
	var out []haechi.Finding
	for i := range 10 {
		e := flow(begin().Add(time.Duration(i)*10*time.Second), "10.1.0.7", "203.0.113.5", int64(i+1)*9*mib, mib)
		e.Port = 40000
		if e.Phase = haechi.FlowUpdate; i == 9 {
			e.Phase = haechi.FlowEnd
		}
		out = d.Observe(&e, out)
	}
	if len(out) != 0 {
		t.Fatalf("90 MiB in one flow: %+v", out)
	}
	e := flow(begin().Add(200*time.Second), "10.1.0.7", "203.0.113.5", 11*mib, 0)
	if out = d.Observe(&e, nil); len(out) != 1 || out[0].Observed != 101*mib {
		t.Fatalf("101 MiB: %+v", out)
	}
}

func TestAServiceWithManyAddressesIsOneDestination(t *testing.T) {
	d := newDetector()
	at := begin()
	var out []haechi.Finding
	for i := range 10 * 5 { // other addresses every day, one name
		now := at.AddDate(0, 0, i/5).Add(time.Duration(i%5) * 10 * time.Minute)
		to := fmt.Sprintf("203.0.%d.5", i)
		hello := flow(now, "10.1.0.7", to, 0, 0)
		hello.Kind, hello.Name = haechi.KindHello, fmt.Sprintf("n%d.store.example.com", i)
		e := flow(now, "10.1.0.7", to, 18*mib, mib)
		out = d.Observe(&e, d.Observe(&hello, out))
	}
	last := transfer{10 * time.Minute, 5, "10.1.0.7", "203.0.49.5", 40 * mib, mib}
	more, _ := last.play(d, at.AddDate(0, 0, 10))
	if len(out)+len(more) != 0 {
		t.Fatalf("%d, %d findings", len(out), len(more))
	}
}

func TestMemoryIsBoundedAndNothingIsAllocated(t *testing.T) {
	cfg := exfil.Defaults()
	cfg.Hosts = 16
	d := exfil.New(rule(), site{}, cfg)
	for i := range 1000 {
		e := flow(begin(), fmt.Sprintf("10.1.%d.%d", i/250, i%250), fmt.Sprintf("203.0.%d.5", i%250), mib, 0)
		d.Observe(&e, nil)
	}
	if d.Refused() == 0 {
		t.Error("nothing was refused")
	}
	d = newDetector()
	e := flow(begin(), "10.1.0.7", "203.0.113.5", 1000, 10)
	if n := testing.AllocsPerRun(1000, func() { d.Observe(&e, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
