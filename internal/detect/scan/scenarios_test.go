package scan_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect/scan"
)

// scans are what must be found: each as one incident of the scanner, with an end.
func scans() map[string]func(*wire) {
	return map[string]func(*wire){
		"vertical, rejected": func(w *wire) {
			for p := range 100 {
				w.rejected(outside, host(0), 1+p).wait(10 * time.Millisecond)
			}
		},
		"vertical, dropped, the capture ends at once": func(w *wire) {
			for p := range 10 {
				w.add(flow(inside, host(0), 1+p, haechi.TCP), haechi.FlowBegin, w.now)
			}
			for p := range 10 {
				w.add(flow(inside, host(0), 1+p, haechi.TCP), haechi.FlowEnd, w.now)
			}
		},
		"vertical, dropped, faster than the ring": func(w *wire) {
			for p := range 2000 {
				w.silent(outside, host(0), 1+p).wait(time.Millisecond)
			}
			w.wait(40 * time.Second)
		},
		"vertical, half of the ports are open": func(w *wire) {
			for p := range 20 {
				w.rejected(inside, host(0), 1000+p).wait(time.Second)
				w.served(inside, host(0), 2000+p).wait(time.Second)
			}
		},
		"connect scan of open ports": func(w *wire) {
			for p := range 30 {
				w.empty(outside, host(0), 1+p).wait(100 * time.Millisecond)
			}
		},
		"SYN scan of open ports, left half-open": func(w *wire) {
			for p := range 20 {
				w.tell(flow(outside, host(0), 1+p, haechi.TCP), haechi.FlowHalfOpen, 4, 18, 5*time.Second).wait(100 * time.Millisecond)
			}
		},
		"horizontal, 250 hosts on one port": func(w *wire) {
			for i := range 250 {
				w.silent(outside, host(i), 445).wait(20 * time.Millisecond)
			}
			w.wait(time.Minute)
		},
		"block of hosts and ports": func(w *wire) {
			for i := range 30 {
				for p := range 3 {
					w.silent(outside, host(i), 8080+p).wait(time.Second)
				}
			}
		},
		"slow, one contact in half an hour": func(w *wire) {
			for i := range 12 {
				w.silent(outside, host(i), 23).wait(30 * time.Minute)
			}
		},
		"from inside to the Internet": func(w *wire) {
			for i := range 100 {
				w.silent(inside, world(i), 23).wait(time.Second)
			}
		},
		"FIN, NULL and XMAS": func(w *wire) {
			for p := range 30 {
				e := flow(outside, host(0), 1+p, haechi.TCP)
				e.First, e.State = []uint8{0, 1, 41}[p%3], haechi.FlowMidstream
				e.FlagsIn = e.First
				w.tell(e, haechi.FlowMidstream, 0, 0, 5*time.Second).wait(time.Second)
			}
		},
		"UDP, closed ports say so": func(w *wire) {
			for p := range 20 {
				w.datagram(outside, host(0), 100+p, haechi.FlowRejected).wait(time.Second)
			}
		},
		"UDP, nothing answers": func(w *wire) {
			for p := range 60 {
				w.datagram(outside, host(0), 100+p, haechi.FlowAttempt).wait(time.Second)
			}
			w.wait(time.Minute)
		},
		"ping sweep": func(w *wire) {
			for i := range 100 {
				e := flow(inside, host(i), 0, haechi.ICMP)
				e.First = 8
				w.tell(e, haechi.FlowAttempt, 0, 0, 10*time.Second).wait(50 * time.Millisecond)
			}
			w.wait(time.Minute)
		},
		"IPv6": func(w *wire) {
			for p := range 20 {
				w.rejected("2001:db8:bad::1", "2001:db8::5", 1+p).wait(time.Second)
			}
		},
		"lines of a firewall": func(w *wire) {
			for p := range 17 {
				e := flow(outside, host(0), 1+p, haechi.TCP)
				e.Sensor, e.State, e.First, e.FlagsIn, e.PacketsIn = "log:iptables", haechi.FlowRejected, 0, 0, 0
				w.add(e, haechi.FlowNone, time.Time{})
			}
		},
		"among a client's honest connections": func(w *wire) {
			for i := range 60 {
				w.served(inside, world(i), 443).wait(time.Second)
			}
			for i := range 60 {
				w.rejected(inside, host(i), 22).wait(100 * time.Millisecond)
			}
		},
	}
}

func TestScansAreFoundOnceEach(t *testing.T) {
	for name, scenario := range scans() {
		t.Run(name, func(t *testing.T) {
			w := newWire()
			scenario(w)
			found := play(t, w)
			if len(found) < 2 || !found[len(found)-1].Over {
				t.Fatalf("%d findings, or no end: %+v", len(found), found)
			}
			for i, f := range found {
				if f.Incident != found[0].Incident || f.Over != (i == len(found)-1) || f.Severity < haechi.Low || !f.Client.IsValid() {
					t.Errorf("finding %d: %+v", i, f)
				}
			}
			if len(found) > 12 {
				t.Errorf("%d findings about one scan", len(found))
			}
		})
	}
}

// honest is what must not be found.
func honest() map[string]func(*wire) {
	r := rand.New(rand.NewPCG(3, 4))
	return map[string]func(*wire){
		"a busy browser": func(w *wire) {
			for i := range 300 {
				if i%10 == 9 {
					w.silent(inside, world(i), 443)
				} else {
					w.served(inside, world(i), 443)
				}
				w.wait(100 * time.Millisecond)
			}
		},
		"a peer-to-peer client whose peers are gone": func(w *wire) {
			for i := range 1000 {
				port := 1024 + r.IntN(60000)
				switch {
				case r.IntN(10) < 7:
					w.silent(inside, world(i), port)
				case i%2 == 0:
					w.served(inside, world(i), port)
				default:
					w.datagram(inside, world(i), port, haechi.FlowEstablished)
				}
				w.wait(300 * time.Millisecond)
			}
		},
		"a server that is down": func(w *wire) {
			for range 1000 {
				w.rejected(inside, host(1), 5432).wait(time.Second)
			}
		},
		"familiar servers that go down": func(w *wire) {
			for i := range 20 {
				w.served(inside, host(i), 8443).wait(time.Second)
			}
			for range 30 {
				for i := range 20 {
					w.silent(inside, host(i), 8443).wait(100 * time.Millisecond)
				}
				w.wait(time.Minute)
			}
		},
		"a mail server's bad addresses": func(w *wire) {
			for i := range 600 {
				if r.IntN(100) < 35 {
					w.silent("198.51.100.25", world(i), 25)
				} else {
					w.served("198.51.100.25", world(i), 25)
				}
				w.wait(time.Second)
			}
		},
		"a resolver": func(w *wire) {
			for i := range 1000 {
				state := haechi.FlowEstablished
				if r.IntN(5) == 0 {
					state = haechi.FlowAttempt
				}
				w.datagram(inside, world(i), 53, state).wait(50 * time.Millisecond)
			}
		},
		"a NAT gateway": func(w *wire) {
			for i := range 2000 {
				if r.IntN(4) == 0 {
					w.silent(outside, world(i%700), 80+i%9)
				} else {
					w.served(outside, world(i%700), 80+i%9)
				}
				w.wait(20 * time.Millisecond)
			}
		},
		"monitoring and the site's own scanner": func(w *wire) {
			for i := range 200 {
				w.silent("10.1.0.250", host(i), 161).silent("10.1.0.251", host(i), 445).wait(100 * time.Millisecond)
			}
		},
		"backscatter of a forged flood": func(w *wire) {
			for i := range 500 {
				e := flow(outside, host(i), 1024+i, haechi.TCP)
				e.First, e.FlagsIn, e.State = 18, 18, haechi.FlowAnswerOnly
				w.tell(e, haechi.FlowAnswerOnly, 0, 0, time.Second).wait(time.Millisecond)
			}
		},
		"passive FTP": func(w *wire) {
			w.served(inside, host(0), 21)
			for i := range 60 {
				w.served(inside, host(0), 40000+i).wait(500 * time.Millisecond)
			}
		},
		"a host that lost the Internet": func(w *wire) {
			for i := range 14 {
				w.silent(inside, world(i), 443).wait(time.Second)
			}
			w.wait(time.Minute)
		},
		"health checks that say nothing": func(w *wire) {
			for range 200 {
				for i := range 8 {
					w.empty(inside, host(i), 8080)
				}
				w.wait(5 * time.Second)
			}
		},
		"traceroute": func(w *wire) {
			for i := range 90 {
				w.datagram(inside, world(1), 33434+i, haechi.FlowRejected).wait(50 * time.Millisecond)
			}
		},
		"answers to questions that were asked of a group": func(w *wire) {
			for i := range 60 {
				e := flow(inside, host(i%5), 50000+i, haechi.UDP)
				e.Port = []uint16{5355, 5353, 1900, 3702, 137}[i%5]
				w.tell(e, haechi.FlowRejected, 0, 0, time.Second).wait(time.Second)
			}
		},
		"groups and broadcasts": func(w *wire) {
			for p := range 100 {
				w.datagram(inside, "224.0.0.251", 5000+p, haechi.FlowAttempt).datagram(inside, "10.1.0.255", 5000+p, haechi.FlowAttempt)
			}
		},
		"one side of the wire only": func(w *wire) {
			for i := range 100 {
				w.tell(flow(inside, world(i), 443, haechi.TCP), haechi.FlowAttempt, 24, 0, 5*time.Second).wait(time.Second)
			}
		},
		"a few closed ports": func(w *wire) {
			for p := range 8 {
				w.rejected(outside, host(0), 1+p)
			}
		},
	}
}

func TestHonestTrafficIsNoScan(t *testing.T) {
	for name, scenario := range honest() {
		t.Run(name, func(t *testing.T) {
			w := newWire()
			scenario(w)
			if found := play(t, w); len(found) > 0 {
				t.Errorf("found %+v", found[0])
			}
		})
	}
}

// TestTheDocumentsThreshold: ten ports of a host in a minute are allowed, the eleventh
// is a scan, if half of them are closed.
func TestTheDocumentsThreshold(t *testing.T) {
	for _, c := range []struct {
		ports int
		every time.Duration
		want  bool
	}{{9, time.Second, false}, {10, time.Second, false}, {11, time.Second, true}, {11, 6 * time.Second, true}, {11, 6100 * time.Millisecond, false}} {
		w := newWire()
		for p := range c.ports {
			if p%2 == 0 {
				w.rejected(inside, host(0), 1+p)
			} else {
				w.served(inside, host(0), 1+p)
			}
			w.wait(c.every)
		}
		if found := play(t, w); (len(found) > 0) != c.want {
			t.Errorf("%d ports, one in %v: %d findings", c.ports, c.every, len(found))
		}
	}
}

// TestAForgedFloodIsNoScanAndFillsNoMemory: a source is found though 100,000 forged ones
// send a SYN each meanwhile, and none of those is.
func TestAForgedFloodIsNoScanAndFillsNoMemory(t *testing.T) {
	cfg := scan.Defaults()
	cfg.Sources = 1024
	d := scan.New(rule(), site(), cfg)
	var out []haechi.Finding
	at := begin()
	for i := range 100_000 {
		at = at.Add(2 * time.Millisecond)
		forged := netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}).String()
		e := flow(forged, host(0), 80, haechi.TCP)
		e.Time, e.Start, e.Phase = at, at, haechi.FlowBegin
		out = d.Observe(&e, out)
		if i%50 == 0 {
			e = flow(outside, host(i/50), 22, haechi.TCP)
			e.Time, e.Start, e.Phase, e.State = at, at, haechi.FlowUpdate, haechi.FlowRejected
			out = d.Observe(&e, out)
		}
		if i%500 == 0 {
			out = d.Tick(at, out)
		}
	}
	if d.Refused() == 0 {
		t.Error("nothing was refused")
	}
	incidents := map[haechi.Reference]bool{}
	for _, f := range out {
		if f.Addr.String() != outside {
			t.Fatalf("a forged source was found: %+v", f)
		}
		incidents[f.Incident] = true
	}
	if len(incidents) != 1 {
		t.Errorf("%d incidents", len(incidents))
	}
}

func TestOneFindingSaysWhatAndWhether(t *testing.T) {
	w := newWire()
	for p := range 32 {
		w.rejected(outside, host(0), 1+p).wait(time.Second)
	}
	found := play(t, w)
	first, last := found[0], found[len(found)-1]
	if first.Target.String() != host(0)+"/32" || first.Targets != 1 || !first.Spoofable || first.Observed != 9 || first.Threshold != 10 ||
		!first.First.Equal(begin()) || len(first.Evidence) != 1 || first.Severity != haechi.Low {
		t.Errorf("the first: %+v", first)
	}
	facts := fmt.Sprint(last.Reasons)
	if last.Observed != 32 || facts != "[{contacts 32 } {ports 32 } {hosts 1 } {failed_share 1 share}]" || last.Severity != haechi.Medium {
		t.Errorf("the last: %v, %s, %v", last.Observed, facts, last.Severity)
	}
}

func TestTwoScansAreTwoIncidents(t *testing.T) {
	w := newWire()
	for range 2 {
		for i := range 20 {
			w.rejected(outside, host(i), 22).wait(time.Second)
		}
		w.wait(24 * time.Hour)
	}
	incidents := map[haechi.Reference]int{}
	for _, f := range play(t, w) {
		if f.Over {
			incidents[f.Incident]++
		}
	}
	if len(incidents) != 2 {
		t.Errorf("%d incidents", len(incidents))
	}
}

func TestSameEventsSameFindings(t *testing.T) {
	w := newWire()
	scans()["block of hosts and ports"](w)
	scans()["slow, one contact in half an hour"](w)
	a, b := fmt.Sprintf("%+v", play(t, w)), fmt.Sprintf("%+v", play(t, w))
	if a != b {
		t.Error("two runs differ")
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	d := scan.New(rule(), site(), scan.Defaults())
	e := flow(inside, host(1), 443, haechi.TCP)
	e.Phase, e.State, e.FlagsOut, e.FlagsIn, e.Time, e.Start = haechi.FlowUpdate, haechi.FlowEstablished, 24, 24, begin(), begin()
	i := 0
	step := func() {
		i++
		e.LocalPort = uint16(i % 40)
		d.Observe(&e, nil)
	}
	step()
	step()
	if n := testing.AllocsPerRun(1000, step); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	d := scan.New(rule(), site(), scan.Defaults())
	events := make([]haechi.Event, 4096)
	for i := range events {
		events[i] = flow(world(i%900), host(i%37), 443, haechi.TCP)
		events[i].Phase, events[i].State, events[i].Time = haechi.FlowBegin, haechi.FlowAttempt, begin()
	}
	b.ReportAllocs()
	for i := range b.N {
		d.Observe(&events[i%len(events)], nil)
	}
}
