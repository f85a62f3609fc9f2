package flood_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect/flood"
)

// floods are what must be found, by exactly the detector named.
func floods() map[string]struct {
	class string
	play  func(*wire)
} {
	return map[string]struct {
		class string
		play  func(*wire)
	}{
		"forged SYNs": {"syn_flood", func(w *wire) {
			for i := range 4000 {
				w.syn(world(i*7919), victim, 443)
				w.wait(5 * time.Millisecond)
			}
		}},
		"SYNs of one host": {"syn_flood", func(w *wire) {
			for range 2000 {
				w.syn(outside, victim, 443)
				w.wait(5 * time.Millisecond)
			}
		}},
		"SYNs to random ports": {"syn_flood", func(w *wire) {
			for i := range 4000 {
				w.syn(world(i*7919), victim, 1+i*37%65000)
				w.wait(5 * time.Millisecond)
			}
		}},
		"SYNs that are answered and left": {"syn_flood", func(w *wire) {
			for i := range 2000 {
				w.flow(world(i*7919), victim, 80, haechi.TCP, 60).begin(nil).
					at(time.Millisecond, haechi.FlowUpdate, func(e *haechi.Event) { e.State, e.FlagsOut = haechi.FlowHalfOpen, 18 }).
					at(20*time.Second, haechi.FlowEnd, nil)
				w.wait(5 * time.Millisecond)
			}
		}},
		"SYNs beside honest visitors": {"syn_flood", func(w *wire) {
			for i := range 4000 {
				w.syn(world(i*7919), victim, 443)
				if i%4 == 0 {
					w.served(world(i), victim, 443)
				}
				w.wait(5 * time.Millisecond)
			}
		}},
		"SYNs over a network": {"syn_flood", func(w *wire) {
			for i := range 12000 {
				w.syn(world(i*7919), fmt.Sprintf("10.1.0.%d", 1+i%250), 443)
				w.wait(2 * time.Millisecond)
			}
		}},
		"forged datagrams": {"udp_flood", func(w *wire) {
			for i := range 52000 {
				w.datagram(world(i*7919), victim, 27015, 60)
				w.wait(100 * time.Microsecond)
			}
		}},
		"a stream of datagrams": {"udp_flood", func(w *wire) {
			w.stream(outside, victim, 9, haechi.UDP, 15000, 21_000_000, 0, time.Minute)
		}},
		"ping flood": {"icmp_flood", func(w *wire) {
			w.stream(outside, victim, 0, haechi.ICMP, 2000, 168_000, 168_000, time.Minute)
			for i := range w.events {
				w.events[i].First = 8
			}
		}},
		"Smurf": {"icmp_flood", func(w *wire) {
			for i := range 2000 {
				w.answer(fmt.Sprintf("10.9.0.%d", 1+i%250), victim, 0, haechi.ICMP, 84)
				w.wait(10 * time.Millisecond)
			}
		}},
		"ping of death": {"icmp_flood", func(w *wire) {
			w.flow(outside, victim, 0, haechi.ICMP, 1500).begin(func(e *haechi.Event) { e.First, e.Fragments = 8, 1 }).
				at(time.Second, haechi.FlowEnd, func(e *haechi.Event) { e.PacketsIn, e.BytesIn, e.Fragments, e.Malformed = 45, 66000, 45, 1 })
		}},
		"fragments": {"fragment_flood", func(w *wire) {
			t := w.flow(outside, victim, 0, haechi.OtherTransport, 500).begin(func(e *haechi.Event) { e.Fragments = 1 })
			for s := 10; s <= 40; s += 10 {
				t.at(time.Duration(s)*time.Second, haechi.FlowUpdate, func(e *haechi.Event) {
					e.PacketsIn, e.BytesIn, e.Fragments = uint64(2000*s), int64(1_000_000*s), uint32(2000*s)
				})
			}
		}},
		"SYN-ACKs of many": {"amplification", func(w *wire) {
			for i := range 3000 {
				w.answer(world(i), victim, 80, haechi.TCP, 44)
				w.wait(time.Millisecond)
			}
		}},
		"DNS of many": {"amplification", func(w *wire) {
			for i := range 500 {
				w.answer(world(i), victim, 53, haechi.UDP, 3000)
				w.wait(time.Millisecond)
			}
		}},
		"a few time servers that go on for minutes": {"amplification", func(w *wire) {
			for i := range 120 {
				w.unasked(world(i), victim, 123, 400, 3*time.Minute)
				w.wait(10 * time.Millisecond)
			}
		}},
		"a resolver of ours gives to one": {"amplification", func(w *wire) {
			w.stream(outside, victim, 53, haechi.UDP, 1000, 64_000, 3_000_000, time.Minute)
		}},
		"one client asks and asks": {"http_flood", func(w *wire) {
			for range 3000 {
				w.request(outside, "/", 200)
				w.wait(5 * time.Millisecond)
			}
		}},
		"random paths": {"http_flood", func(w *wire) {
			for i := range 66 {
				w.request(outside, fmt.Sprint("/", i*7919), 404)
				w.wait(15 * time.Millisecond)
			}
		}},
		"paths that do not exist, asked for again and again": {"http_flood", func(w *wire) {
			for i := range 300 {
				w.request(outside, fmt.Sprint("/", i%20*7919), 404)
				w.wait(15 * time.Millisecond)
			}
		}},
		"the documents' simulation": {"http_flood", func(w *wire) {
			for i := range 100 {
				w.request(fmt.Sprint("192.168.1.", 1+i*31%50), "/", 200)
				w.wait(100 * time.Millisecond)
			}
			for i := range 2000 {
				w.request(fmt.Sprint("10.0.0.", 1+i*31%200), "/", 200)
				if i%100 == 99 {
					w.wait(10 * time.Millisecond)
				}
			}
		}},
		"a crowd that breaks the service": {"http_flood", func(w *wire) {
			for i := range 6000 {
				w.request(world(i%400), "/search", 503)
				w.wait(5 * time.Millisecond)
			}
		}},
		"Slowloris": {"slow_http", func(w *wire) {
			for range 200 {
				w.drip(outside, 9, 0, 4*time.Minute)
				w.wait(20 * time.Millisecond)
			}
		}},
		"a window that stays closed": {"slow_http", func(w *wire) {
			for range 100 {
				w.drip(outside, 0, 0, 2*time.Minute)
				w.wait(20 * time.Millisecond)
			}
			for i := range w.events {
				if e := &w.events[i]; e.Phase == haechi.FlowUpdate && e.PacketsIn > 2 {
					e.FlagsIn |= 64
				}
			}
		}},
		"slow read": {"slow_http", func(w *wire) {
			for range 200 {
				w.drip(outside, 0, 32, 4*time.Minute)
				w.wait(20 * time.Millisecond)
			}
		}},
	}
}

func TestFloodsAreFoundOnceEach(t *testing.T) {
	for name, c := range floods() {
		t.Run(name, func(t *testing.T) {
			w := newWire()
			c.play(w)
			all := w.play(all())
			for class, found := range all {
				if class != c.class {
					t.Errorf("found as %s: %+v", class, found[0])
				}
			}
			found := all[c.class]
			if len(found) < 2 || !found[len(found)-1].Over {
				t.Fatalf("%d findings, or no end", len(found))
			}
			for i, f := range found {
				if f.Incident != found[0].Incident || f.Over != (i == len(found)-1) || f.Severity < haechi.Low || !f.Target.IsValid() {
					t.Errorf("finding %d: %+v", i, f)
				}
				if f.Spoofable && f.Want != haechi.Pass {
					t.Errorf("forged evidence asks for %v", f.Want)
				}
			}
			if len(found) > 12 {
				t.Errorf("%d findings", len(found))
			}
			if last := found[len(found)-1]; last.Observed < found[0].Observed || last.Last.Before(last.First) {
				t.Errorf("the end says less than the start: %+v", last)
			}
		})
	}
}

func newly(class string, w *wire) []haechi.Finding { return w.play(all())[class] }

// calm is what must not be found.
func calm() map[string]func(*wire) {
	return map[string]func(*wire){
		"a busy shop": func(w *wire) {
			for i := range 6000 {
				w.served(world(i), victim, 443)
				w.wait(5 * time.Millisecond)
			}
		},
		"a program that retries": func(w *wire) {
			for range 3000 {
				w.flow("10.1.0.7", victim, 5432, haechi.TCP, 60).begin(nil).
					at(time.Millisecond, haechi.FlowUpdate, func(e *haechi.Event) { e.State, e.FlagsOut = haechi.FlowRejected, 20 }).at(time.Millisecond, haechi.FlowEnd, nil)
				w.wait(10 * time.Millisecond)
			}
		},
		"a vertical scan": func(w *wire) {
			for p := range 2000 {
				w.syn(outside, victim, 1+p)
				w.wait(2 * time.Millisecond)
			}
		},
		"a horizontal scan": func(w *wire) {
			for i := range 5000 {
				w.syn(outside, fmt.Sprintf("10.1.%d.%d", i/250, 1+i%250), 445)
				w.wait(2 * time.Millisecond)
			}
		},
		"a fast download": func(w *wire) {
			w.stream("10.1.0.7", world(1), 443, haechi.TCP, 40000, 2_000_000, 120_000_000, time.Minute)
		},
		"QUIC, a call and a tunnel": func(w *wire) {
			w.stream("10.1.0.7", world(1), 443, haechi.UDP, 20000, 1_000_000, 120_000_000, time.Minute)
			w.stream("10.1.0.8", world(2), 3478, haechi.UDP, 500, 400_000, 400_000, time.Minute)
			w.stream("10.1.0.9", world(3), 51820, haechi.UDP, 60000, 80_000_000, 2_000_000, time.Minute)
		},
		"a resolver": func(w *wire) {
			for i := range 20000 {
				w.flow(fmt.Sprintf("10.1.%d.%d", i%4, 1+i%250), victim, 53, haechi.UDP, 70).begin(nil).
					at(10*time.Millisecond, haechi.FlowUpdate, func(e *haechi.Event) { e.State, e.PacketsOut, e.BytesOut = haechi.FlowEstablished, 1, 200 }).
					at(20*time.Second, haechi.FlowEnd, func(e *haechi.Event) { e.State = haechi.FlowClosed })
				w.wait(100 * time.Microsecond)
			}
		},
		"monitoring that pings": func(w *wire) {
			for i := range 100 {
				w.stream("10.1.0.250", fmt.Sprintf("10.1.0.%d", 1+i), 0, haechi.ICMP, 1, 84, 84, time.Minute)
			}
			for i := range w.events {
				w.events[i].First = 8
			}
		},
		"NFS in fragments": func(w *wire) {
			w.stream("10.1.0.7", victim, 2049, haechi.UDP, 20000, 28_000_000, 400_000, time.Minute)
			for i := range w.events {
				w.events[i].Fragments = uint32(w.events[i].PacketsIn)
			}
		},
		"backscatter": func(w *wire) {
			for i := range 3000 {
				w.answer(outside, fmt.Sprintf("10.1.%d.%d", i%250, 1+i/250), 80, haechi.TCP, 44)
				w.wait(time.Millisecond)
			}
		},
		"a list of servers that answer late, once or twice": func(w *wire) {
			for i := range 99 {
				w.answer(world(i), "10.1.0.7", 27015, haechi.UDP, 400)
				w.answer(world(i), "10.1.0.7", 27015, haechi.UDP, 400)
				w.wait(time.Millisecond)
			}
			for i := range 150 {
				w.answer(world(i), "10.1.0.9", 123, haechi.UDP, 76)
				w.wait(time.Millisecond)
			}
		},
		"conversations with many of which one side is seen late": func(w *wire) {
			for i := range 300 {
				w.answer(world(i), "10.1.0.7", 3478, haechi.UDP, 100).at(10*time.Second, haechi.FlowUpdate, func(e *haechi.Event) {
					e.PacketsIn, e.BytesIn, e.PacketsOut, e.BytesOut, e.State = 400, 80_000, 400, 80_000, haechi.FlowEstablished
				})
				w.wait(100 * time.Millisecond)
			}
		},
		"devices that answer a search": func(w *wire) {
			for i := range 400 {
				w.answer(fmt.Sprintf("10.1.%d.%d", i/250, 1+i%250), "10.1.0.7", 1900, haechi.UDP, 400)
				w.wait(time.Millisecond)
			}
		},
		"answers of one side of the wire": func(w *wire) {
			for i := range 2000 {
				w.answer(world(i), "10.1.0.7", 443, haechi.TCP, 60).at(50*time.Millisecond, haechi.FlowUpdate, func(e *haechi.Event) {
					e.FlagsIn, e.PacketsIn, e.BytesIn = 26, 12, 9000
				})
				w.wait(10 * time.Millisecond)
			}
		},
		"the idle host (F67)": func(w *wire) {
			w.flow("10.1.0.7", victim, 873, haechi.UDP, 1e12).begin(func(e *haechi.Event) {
				e.PacketsIn, e.BytesOut, e.State, e.PacketsOut = 1e9, 1e12, haechi.FlowEstablished, 1e9
			})
			w.stream("10.1.0.7", victim, 873, haechi.UDP, 1, 100, 100, 10*time.Minute)
		},
		"101 calm visitors in four hours (F68)": func(w *wire) {
			for i := range 101 * 12 {
				w.request(world(i%101), fmt.Sprint("/", i%12), 200)
				w.wait(11 * time.Second)
			}
		},
		"a popular site from the first second": func(w *wire) {
			for i := range 12000 {
				w.request(world(i*7919%3000), fmt.Sprint("/", i%500), 200)
				w.wait(4 * time.Millisecond)
			}
		},
		"a page with missing pictures": func(w *wire) {
			for i := range 120 {
				w.request(outside, fmt.Sprint("/", i), []int{200, 200, 404}[i%3])
				w.wait(20 * time.Millisecond)
			}
		},
		"a program that polls for what is gone": func(w *wire) {
			for i := range 300 {
				w.request(outside, fmt.Sprint("/feed/", i%10), 404)
				w.wait(50 * time.Millisecond)
			}
		},
		"a web socket office": func(w *wire) {
			for range 100 {
				w.drip(outside, 6, 6, 4*time.Minute)
				w.wait(time.Second)
			}
		},
		"a proxy's idle pool": func(w *wire) {
			for range 100 {
				w.drip(outside, 0, 0, 4*time.Minute)
				w.wait(time.Second)
			}
		},
		"slow phones": func(w *wire) {
			for i := range 200 {
				w.drip(world(i), 100, 0, time.Minute)
				w.wait(time.Second)
			}
		},
		"a backup": func(w *wire) {
			w.stream("10.1.0.7", victim, 22, haechi.TCP, 80000, 110_000_000, 3_000_000, 5*time.Minute)
		},
	}
}

func TestCalmTrafficIsNoFlood(t *testing.T) {
	for name, play := range calm() {
		t.Run(name, func(t *testing.T) {
			w := newWire()
			play(w)
			for class, found := range w.play(all()) {
				t.Errorf("found %s: %+v", class, found[0])
			}
		})
	}
}

// TestTheDocumentsNumber: 500 SYNs that nobody completes are allowed in a minute (B39),
// more are a flood.
func TestTheDocumentsNumber(t *testing.T) {
	for _, n := range []int{499, 500, 501} {
		w := newWire()
		for i := range n {
			w.syn(world(i*7919), victim, 80)
			w.wait(80 * time.Millisecond)
		}
		if found := newly("syn_flood", w); (len(found) > 0) != (n > 500) {
			t.Errorf("%d: %d findings", n, len(found))
		}
	}
}

func TestTwoFloodsAreTwoIncidents(t *testing.T) {
	w := newWire()
	for range 2 {
		for i := range 3000 {
			w.syn(world(i*7919), victim, 443)
			w.wait(5 * time.Millisecond)
		}
		w.wait(10 * time.Minute)
	}
	ends := map[haechi.Reference]int{}
	for _, f := range newly("syn_flood", w) {
		if f.Over {
			ends[f.Incident]++
		}
	}
	if len(ends) != 2 {
		t.Errorf("%d incidents", len(ends))
	}
}

// TestTenMillionSourcesAreACount: memory stays bounded, and a flood from so many is one
// incident that knows how many there were.
func TestManySourcesAreACount(t *testing.T) {
	d := flood.NewSYN(rule("syn_flood"), site(), flood.SYNDefaults())
	w := newWire()
	talk := w.flow(outside, victim, 443, haechi.TCP, 60)
	var found []haechi.Finding
	for i := range 120_000 {
		e := talk.e
		e.Addr = addr(i)
		e.Client = client(i)
		e.Time, e.Phase = begin().Add(time.Duration(i)*20*time.Microsecond), haechi.FlowBegin
		e.Start = e.Time
		found = d.Observe(&e, found)
	}
	found = d.Tick(begin().Add(10*time.Minute), found)
	if len(found) == 0 || !found[len(found)-1].Over {
		t.Fatalf("%d findings", len(found))
	}
	most := 0.0
	for _, f := range found {
		most = max(most, f.Reasons[0].Value)
	}
	if most < 50_000 || d.Refused() > 0 {
		t.Errorf("%v sources, %d refused", most, d.Refused())
	}
}

func TestSameEventsSameFindings(t *testing.T) {
	w := newWire()
	floods()["forged SYNs"].play(w)
	floods()["random paths"].play(w)
	floods()["Slowloris"].play(w)
	first := fmt.Sprintf("%+v", w.play(all()))
	if again := fmt.Sprintf("%+v", w.play(all())); again != first {
		t.Error("two runs differ")
	}
}

// TestStatesToldBeforeChangeNothing: a sensor that says with each event which state of the
// flow was told before lets a detector leave what counts no more at once, and it finds what
// it finds with one that does not say.
func TestStatesToldBeforeChangeNothing(t *testing.T) {
	plays := calm()
	for name, f := range floods() {
		plays[name] = f.play
	}
	for name, play := range plays {
		t.Run(name, func(t *testing.T) {
			w := newWire()
			play(w)
			want := w.play(all())
			w.tellBefore()
			got := w.play(all())
			for class, found := range got {
				for i := range found {
					for j := range found[i].Evidence { // which is what was seen, and says it too
						found[i].Evidence[j].Before = haechi.FlowUnknown
					}
				}
				if !reflect.DeepEqual(found, want[class]) {
					t.Errorf("%s: %d findings, %d without, or others", class, len(found), len(want[class]))
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d classes, not %d", len(got), len(want))
			}
		})
	}
}

// TestFlowsThatEndedGiveTheirRoom: more connections within a minute than are kept at once
// find room, since those that are over are not kept.
func TestFlowsThatEndedGiveTheirRoom(t *testing.T) {
	syn, slow := flood.NewSYN(rule("syn_flood"), site(), flood.SYNDefaults()), flood.NewSlow(rule("slow_http"), site(), flood.SlowDefaults())
	w := newWire()
	for i := range 70_000 {
		w.wait(500*time.Microsecond).served(world(i%4000), victim, 80)
	}
	if found := w.play([]detector{syn, slow}); len(found) > 0 || syn.Refused()+slow.Refused() > 0 {
		t.Errorf("%d and %d found no room; %v", syn.Refused(), slow.Refused(), found)
	}
}

func BenchmarkObserve(b *testing.B) {
	ds := all()
	w := newWire()
	for i := range 2000 {
		w.served(world(i), victim, 443)
		w.datagram(world(i), victim, 53, 80)
	}
	b.ReportAllocs()
	for i := range b.N {
		for _, d := range ds {
			d.Observe(&w.events[i%len(w.events)], nil)
		}
	}
}
