package baseline_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/baseline"
)

type site struct{}

func (site) Internal(a netip.Addr) bool { return a.IsPrivate() }
func (site) Listed(netip.Addr) bool     { return false }

func (site) Role(netip.Addr) detect.Role { return 0 }

func begin() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) } // a Monday

func newDetector(cfg baseline.Config) *baseline.Detector {
	return baseline.New(detect.Rule{ID: "network/unusual", Version: 1, Severity: haechi.High}, site{}, cfg)
}

// office is hosts that work by day, sleep by night and rest on Sundays.
type office struct {
	d     *baseline.Detector
	rng   *rand.Rand
	hosts int
	hour  int
	found []haechi.Finding
}

func newOffice(hosts int) *office {
	return &office{d: newDetector(baseline.Defaults()), rng: rand.New(rand.NewPCG(5, 6)), hosts: hosts}
}

// change is what one host does otherwise in an hour.
type change struct {
	host             int
	rate             float64 // times
	peers            int     // more
	failing, sending float64 // share; times
}

func (o *office) rate(host int) float64 {
	day, hour := o.hour/24%7, o.hour%24
	r := 4.0
	if hour >= 8 && hour < 18 && day < 6 {
		r = 60 * (1 + float64(host%5))
	}
	return r * math.Exp(0.3*o.rng.NormFloat64())
}

// play lets hours pass; the changes hold in each of them.
func (o *office) play(hours int, changes ...change) {
	for range hours {
		for host := range o.hosts {
			c := change{rate: 1, sending: 1}
			for _, x := range changes {
				if x.host == host {
					c = x
				}
			}
			o.host(host, c)
		}
		o.hour++
	}
}

func (o *office) host(host int, c change) {
	n := int(o.rate(host)*c.rate) + 1
	events := min(n, 12) + c.peers
	for i := range events {
		peer := i % 12
		if i >= 12 {
			peer = i
		}
		e := flow(begin().Add(time.Duration(o.hour)*time.Hour+time.Duration(i)*time.Second), host, peer)
		e.Count = uint64(max(n/events, 1))
		e.BytesIn, e.BytesOut = int64(float64(2000*e.Count)*c.sending), int64(20000*e.Count)
		if o.rng.Float64() < 0.02+c.failing {
			e.State = haechi.FlowRejected
		}
		o.found = o.d.Observe(&e, o.found)
	}
}

func flow(at time.Time, host, peer int) haechi.Event {
	a := netip.AddrFrom4([4]byte{10, 1, byte(host / 250), byte(host % 250)})
	return haechi.Event{Time: at, Kind: haechi.KindFlow, LocalPort: 443,
		Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Handshaken},
		Flow: haechi.Flow{Sensor: "capture", Phase: haechi.FlowEnd, State: haechi.FlowClosed, Transport: haechi.TCP,
			Target: netip.AddrFrom4([4]byte{203, 0, byte(peer / 250), byte(peer % 250)})}}
}

// begun counts the incidents that began after so many hours.
func (o *office) begun(after int) map[haechi.Reference]haechi.Finding {
	out := map[haechi.Reference]haechi.Finding{}
	for _, f := range o.found {
		if _, known := out[f.Incident]; !known && !f.First.Before(begin().Add(time.Duration(after)*time.Hour)) {
			out[f.Incident] = f
		}
	}
	return out
}

const weekHours = 7 * 24

func TestAlarmsStayWithinTheBudget(t *testing.T) {
	o := newOffice(20)
	o.play(4 * weekHours)
	if n := len(o.begun(0)); n > 2*3*7 {
		t.Errorf("%d alarms in three weeks; two a day are allowed", n)
		perDay := map[int]int{}
		for _, f := range o.begun(0) {
			perDay[int(f.First.Sub(begin()).Hours())/24]++
		}
		t.Log(perDay)
	}
	first := begin().Add(weekHours * time.Hour)
	for _, f := range o.found {
		if f.First.Before(first) || f.Severity > haechi.Medium {
			t.Errorf("%v: severity %v within the warm-up or too high", f.First, f.Severity)
		}
	}
}

func TestWhatIsUnusualIsFoundAndExplained(t *testing.T) {
	for name, c := range map[string]struct {
		change
		fact string
	}{
		"a night of work":   {change{host: 3, rate: 60, sending: 1}, "events bytes"},
		"many peers":        {change{host: 3, rate: 1, sending: 1, peers: 400}, "peers"},
		"everything fails":  {change{host: 3, rate: 12, sending: 1, failing: 0.9}, "failed"},
		"a thousand times ": {change{host: 3, rate: 1, sending: 1000}, "bytes"},
	} {
		o := newOffice(8)
		from := 3*weekHours + 2
		if c.peers > 0 {
			from += 8 // by day, when there are events enough to spread
		}
		o.play(from)
		o.play(2, c.change)
		o.play(3)
		incidents, hit := o.begun(from), 0
		for _, f := range incidents {
			if f.Client != netip.MustParsePrefix("10.1.0.3/32") {
				continue
			}
			hit++
			if !strings.Contains(c.fact, f.Reasons[0].Name) || f.Observed <= f.Threshold || f.About.Kind != haechi.ScopeAddress {
				t.Errorf("%s: explained by %v, observed %v of %v", name, f.Reasons, f.Observed, f.Threshold)
			}
		}
		over := 0
		for _, f := range o.found {
			if f.Over && f.Client == netip.MustParsePrefix("10.1.0.3/32") && f.First.After(begin().Add(3*weekHours*time.Hour)) {
				over++
			}
		}
		if hit != 1 || over != 1 {
			t.Errorf("%s: %d incidents, %d ends", name, hit, over)
		}
	}
}

func TestToldHoursAreNotLearnedUntilTheyAreTheHabit(t *testing.T) {
	o := newOffice(10)
	o.play(3 * weekHours)
	before := 3 * weekHours
	o.play(30, change{host: 3, rate: 100, sending: 1})
	if n := len(hers(o.begun(before))); n != 1 {
		t.Fatalf("%d incidents in thirty hours of one change", n)
	}
	o.play(2*weekHours, change{host: 3, rate: 100, sending: 1})
	calm := 5 * weekHours
	if n := len(hers(o.begun(calm))); n > 2 {
		t.Errorf("%d incidents after the change had become the habit", n)
	}
}

func hers(all map[haechi.Reference]haechi.Finding) (out []haechi.Finding) {
	for _, f := range all {
		if f.Client == netip.MustParsePrefix("10.1.0.3/32") {
			out = append(out, f)
		}
	}
	return out
}

func TestWhatWasLearnedIsSavedAndRestored(t *testing.T) {
	one := newOffice(10)
	one.play(3 * weekHours)
	saved, err := one.d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	two := newOffice(10)
	if err := two.d.UnmarshalBinary(saved); err != nil {
		t.Fatal(err)
	}
	again, _ := two.d.MarshalBinary()
	if !bytes.Equal(saved, again) {
		t.Error("what was restored is saved otherwise")
	}
	two.hour = 3 * weekHours
	two.play(2, change{host: 3, rate: 100, sending: 1})
	two.play(2)
	if n := len(hers(two.begun(0))); n != 1 {
		t.Errorf("%d incidents after a restart", n)
	}
	for _, b := range [][]byte{nil, saved[:100], append(bytes.Clone(saved), 0)} {
		if err := two.d.UnmarshalBinary(b); !errors.Is(err, baseline.ErrState) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

func TestStateIsKeptEveryHour(t *testing.T) {
	o := newOffice(2)
	kept := 0
	o.d.Keep(func(b []byte) {
		if kept++; newDetector(baseline.Defaults()).UnmarshalBinary(b) != nil {
			t.Error("what is kept cannot be restored")
		}
	})
	o.play(5)
	if kept != 4 {
		t.Errorf("kept %d times", kept)
	}
}

func TestDevicesAndServicesHaveHabitsToo(t *testing.T) {
	cfg := baseline.Defaults()
	for name, e := range map[string]haechi.Event{
		"device:bot/1": {Kind: haechi.KindMessage, Outcome: haechi.Success, Room: "a", Actor: haechi.Actor{Device: "bot/1", Assurance: haechi.Authenticated,
			Client: netip.MustParsePrefix("203.0.113.1/32")}},
		"service:shop": {Kind: haechi.KindRequest, Service: "shop", Outcome: haechi.Success},
	} {
		d := newDetector(cfg)
		var found []haechi.Finding
		r := rand.New(rand.NewPCG(1, 2))
		for hour := range 4 * weekHours {
			e.Time, e.Count = begin().Add(time.Duration(hour)*time.Hour), uint64(100+r.IntN(30))
			if hour == 4*weekHours-2 {
				e.Count = 100_000
			}
			found = d.Observe(&e, found)
		}
		if len(found) != 1 || found[0].About.String() != name {
			t.Errorf("%s: %d findings: %+v", name, len(found), found)
		}
	}
}

func TestWhatDoesNotCount(t *testing.T) {
	d := newDetector(baseline.Defaults())
	refused := haechi.Event{Kind: haechi.KindRequest, Service: "shop", Verdict: haechi.Deny, Outcome: haechi.Failure}
	claim := haechi.Event{Kind: haechi.KindMessage, Actor: haechi.Actor{Device: "bot/1", Assurance: haechi.Handshaken}}
	outside := flow(begin(), 1, 1)
	outside.Addr = netip.MustParseAddr("203.0.113.9")
	for i, e := range []haechi.Event{refused, claim, outside} {
		e.Time = begin()
		d.Observe(&e, nil)
		if saved, _ := d.MarshalBinary(); len(saved) > 4000 {
			t.Errorf("event %d counts", i)
		}
	}
	// An hour in which nobody did anything is none.
	o := newOffice(5)
	o.play(2 * weekHours)
	o.hour += 500
	before := len(o.found)
	o.play(1)
	o.found = o.d.Tick(begin().Add(time.Duration(o.hour+1)*time.Hour), o.found)
	if len(o.found)-before > 1 {
		t.Errorf("%d findings after a pause of the sensor", len(o.found)-before)
	}
}

func TestMemoryIsBoundedAndNothingIsAllocated(t *testing.T) {
	cfg := baseline.Defaults()
	cfg.Subjects = 16
	d := newDetector(cfg)
	for i := range 1000 {
		e := flow(begin(), i, 1)
		d.Observe(&e, nil)
	}
	if d.Refused() != 1000-16 {
		t.Errorf("refused %d", d.Refused())
	}
	e := flow(begin(), 1, 1)
	if n := testing.AllocsPerRun(1000, func() { d.Observe(&e, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzState(f *testing.F) {
	o := newOffice(2)
	o.play(3)
	b, _ := o.d.MarshalBinary()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newDetector(baseline.Defaults())
		if d.UnmarshalBinary(b) != nil {
			return
		}
		for i := range 50 {
			e := flow(begin().Add(time.Duration(i)*time.Hour), i%3, i)
			d.Observe(&e, nil)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	d := newDetector(baseline.Defaults())
	events := make([]haechi.Event, 256)
	for i := range events {
		events[i] = flow(begin(), i, i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Observe(&events[i&255], nil)
	}
}

func ExampleDetector() {
	o := newOffice(10)
	o.play(3*weekHours + 2)
	o.play(1, change{host: 3, rate: 60, sending: 1})
	o.play(1)
	for _, f := range hers(o.begun(3*weekHours + 2)) {
		fmt.Println(f.Client, f.Observed > f.Threshold)
	}
	// Output: 10.1.0.3/32 true
}
