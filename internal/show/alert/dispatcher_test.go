package alert_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/show/alert"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a channel that keeps what it was sent.
type desk struct {
	mu    sync.Mutex
	got   []alert.Update
	times []time.Time
	fail  []error // answers, first to last; then success
	hang  bool
}

func (d *desk) Name() string { return "desk" }

func (d *desk) Deliver(ctx context.Context, u *alert.Update) error {
	if d.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.times = append(d.times, time.Now())
	if len(d.fail) > 0 {
		err := d.fail[0]
		d.fail = d.fail[1:]
		return err
	}
	d.got = append(d.got, *u)
	return nil
}

func (d *desk) kinds() (out []alert.Kind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.got {
		out = append(out, d.got[i].Kind)
	}
	return out
}

// bubble runs the dispatcher under a fake clock and stops it at the end.
func bubble(t *testing.T, cfg alert.Config, f func(t *testing.T, d *alert.Dispatcher), channels ...alert.Channel) {
	synctest.Test(t, func(t *testing.T) {
		d := alert.New(cfg, channels...)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		synctest.Wait()
		f(t, d)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func incident(id string, s haechi.Severity) haechi.Incident {
	now := time.Now()
	return haechi.Incident{ID: haechi.Reference(id), Rule: "auth/source-failures", Service: "bots", Severity: s, Mode: haechi.Enforce,
		About: haechi.Scope{Kind: haechi.ScopeDevice, Value: "LOA.i/1"}, Start: now, Last: now, Findings: 1, Peak: 11}
}

func over(in haechi.Incident) haechi.Incident {
	in.End = time.Now()
	return in
}

func stat(t *testing.T, d *alert.Dispatcher, name string) uint64 {
	t.Helper()
	for _, c := range d.Stats() {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("no counter %s", name)
	return 0
}

func expect(t *testing.T, c *desk, want ...alert.Kind) {
	t.Helper()
	synctest.Wait()
	if got := c.kinds(); !slices.Equal(got, want) {
		t.Fatalf("delivered %v, want %v", got, want)
	}
}

// W18: 10,000 updates of 3 incidents are 3 alerts and 3 all-clears.
func TestThreeIncidentsAreThreeAlerts(t *testing.T) {
	c := &desk{}
	bubble(t, alert.Config{}, func(t *testing.T, d *alert.Dispatcher) {
		for i := range 10_000 {
			in := incident(fmt.Sprint(i%3), haechi.High)
			in.Findings = uint64(i)
			d.Incident(in)
		}
		expect(t, c, alert.Opened, alert.Opened, alert.Opened)
		for i := range 3 {
			d.Incident(over(incident(fmt.Sprint(i), haechi.High)))
			d.Incident(over(incident(fmt.Sprint(i), haechi.High)))
		}
		expect(t, c, alert.Opened, alert.Opened, alert.Opened, alert.Cleared, alert.Cleared, alert.Cleared)
	}, c)
}

func TestGrowthIsTold(t *testing.T) {
	c := &desk{}
	bubble(t, alert.Config{}, func(t *testing.T, d *alert.Dispatcher) {
		for _, s := range []haechi.Severity{haechi.Low, haechi.Low, haechi.High, haechi.Medium, haechi.High, haechi.Critical} {
			d.Incident(incident("A", s))
		}
		expect(t, c, alert.Opened, alert.Grew, alert.Grew)
		if c.got[1].Was != haechi.Low || c.got[2].Was != haechi.High {
			t.Fatalf("got %+v", c.got)
		}
	}, c)
}

func TestWhatIsNotAlerted(t *testing.T) {
	c := &desk{}
	bubble(t, alert.Config{AtLeast: haechi.Medium}, func(t *testing.T, d *alert.Dispatcher) {
		shadow := incident("S", haechi.Critical)
		shadow.Mode = haechi.Shadow
		for _, in := range []haechi.Incident{incident("A", haechi.Low), shadow} {
			d.Incident(in)
			d.Incident(over(in))
		}
		expect(t, c)
		d.Incident(incident("A", haechi.Medium))
		expect(t, c, alert.Opened)
	}, c)
}

func TestFloodBecomesADigest(t *testing.T) {
	c := &desk{}
	bubble(t, alert.Config{Burst: 2, MaxOpen: 50}, func(t *testing.T, d *alert.Dispatcher) {
		for i := range 100 {
			in := incident(fmt.Sprint(i), haechi.Medium)
			in.Rule = fmt.Sprintf("rule/%d", i%15)
			d.Incident(in)
		}
		for i := range 10 {
			d.Incident(over(incident(fmt.Sprint(i), haechi.Medium)))
		}
		expect(t, c, alert.Opened, alert.Opened, alert.Cleared, alert.Cleared)
		time.Sleep(time.Minute)
		expect(t, c, alert.Opened, alert.Opened, alert.Cleared, alert.Cleared, alert.Flood)
		sum := c.got[4].Digest
		told := sum.Other
		for _, r := range sum.Rules {
			told += r.Count
		}
		if sum.Opened != 98 || sum.Cleared != 8 || sum.Worst != haechi.Medium || len(sum.Rules) != 10 || told != 98 {
			t.Fatalf("digest %+v", sum)
		}
		if stat(t, d, "alert_open_refused") != 50 || stat(t, d, "alert_open") != 40 {
			t.Fatalf("%+v", d.Stats())
		}
		time.Sleep(time.Hour)
		expect(t, c, alert.Opened, alert.Opened, alert.Cleared, alert.Cleared, alert.Flood)
		d.Incident(incident("20", haechi.Critical)) // out of the digest, as news
		expect(t, c, alert.Opened, alert.Opened, alert.Cleared, alert.Cleared, alert.Flood, alert.Opened)
	}, c)
}

func TestRetriesBackOff(t *testing.T) {
	down := errors.New("down")
	c := &desk{fail: []error{down, down, &alert.Refused{Status: 429, After: 20 * time.Second}, down}}
	bubble(t, alert.Config{MaxBackoff: 30 * time.Second}, func(t *testing.T, d *alert.Dispatcher) {
		d.Incident(incident("A", haechi.High))
		time.Sleep(10 * time.Minute)
		expect(t, c, alert.Opened)
		var gaps []time.Duration
		for i := 1; i < len(c.times); i++ {
			gaps = append(gaps, c.times[i].Sub(c.times[i-1]))
		}
		if want := []time.Duration{time.Second, 2 * time.Second, 20 * time.Second, 30 * time.Second}; !slices.Equal(gaps, want) {
			t.Fatalf("waited %v, want %v", gaps, want)
		}
		if stat(t, d, "alert_delivered") != 1 || stat(t, d, "alert_failed") != 0 {
			t.Fatalf("%+v", d.Stats())
		}
	}, c)
}

func TestGivesUp(t *testing.T) {
	down := errors.New("down")
	c := &desk{fail: []error{down, down, &alert.Refused{Status: 404, Final: true}}}
	bubble(t, alert.Config{Attempts: 2}, func(t *testing.T, d *alert.Dispatcher) {
		d.Incident(incident("A", haechi.High)) // fails twice
		d.Incident(incident("B", haechi.High)) // is refused for good
		d.Incident(incident("C", haechi.High))
		time.Sleep(10 * time.Minute)
		expect(t, c, alert.Opened)
		if c.got[0].Incident.ID != "C" || stat(t, d, "alert_failed") != 2 {
			t.Fatalf("%+v, %+v", c.got, d.Stats())
		}
	}, c)
}

func TestAHangingChannelHoldsUpNobody(t *testing.T) {
	stuck, c := &desk{hang: true}, &desk{}
	bubble(t, alert.Config{Queue: 5, Burst: 1000}, func(t *testing.T, d *alert.Dispatcher) {
		for i := range 20 {
			d.Incident(incident(fmt.Sprint(i), haechi.High)) // returns at once
			synctest.Wait()
		}
		if got := len(c.kinds()); got != 20 {
			t.Fatalf("the good channel got %d", got)
		}
		if got := stat(t, d, "alert_dropped"); got != 14 { // one under way, five wait
			t.Fatalf("dropped %d", got)
		}
	}, stuck, c)
}
